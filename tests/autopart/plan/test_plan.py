"""Plans: what they run on eight host devices is what the function gives whole."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from autopart.benchmarks.collectives.counts import count, decided_collectives
from autopart.benchmarks.schedules import EXPERTS
from autopart.costmodel.mesh import Mesh
from autopart.emit.stablehlo import lowered_collectives
from autopart.errors import MeshError, PlanError, TacticError
from autopart.partitioning.problem import Problem
from autopart.plan.plan import Plan, plan_of
from autopart.planner.api import partition_graph
from autopart.planner.auto import Auto
from autopart.search import AtMost, Budget, Goal, Minimise
from autopart.tactics.as_json import TACTICS
from autopart.tactics.manual import Atomic, Manual
from tests.autopart.tiny import MESH, array, layers_of_squares, problem_of, tiny, tiny_graph

SEARCHED = "searched"
SCHEDULES = {
    "t32": ("BP", "MP", "BP+MP+Z2", "BP+MP+Z3+EMB", "BP+MP+SP+Z3", SEARCHED),
    "mlp": (*EXPERTS["mlp"][1], SEARCHED),
}
CASES = [(model, name) for model, names in SCHEDULES.items() for name in names]


@functools.cache
def plan(model: str, name: str) -> Plan:
    if name != SEARCHED:
        return plan_of(tiny(model), EXPERTS[model][1][name])
    # Tight memory, so that the plan has something to do on both axes.
    whole = plan_of(tiny(model), ()).metrics["peak_memory_bytes"]
    goals: list[Goal] = [AtMost("peak_memory_bytes", 0.4 * whole), Minimise("step_s")]
    return partition_graph(tiny_graph(model), MESH, goals=goals, tactics=[Auto(budget=Budget(200))])


@functools.cache
def whole(model: str) -> tuple[Any, Any]:
    step = EXPERTS[model][0]("tiny")
    assert step.inputs is not None
    args = step.inputs(0)
    return args, jax.jit(step.fn)(*args)


def check_same_tree(one: Any, other: Any) -> None:
    structures: list[Any] = [jax.tree.structure(tree) for tree in (one, other)]
    assert structures[0] == structures[1]


def check(got: Any, wanted: Any) -> None:
    check_same_tree(got, wanted)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-5)


def copies(tree: Any) -> Any:
    """Fresh buffers, for what is donated is gone."""
    return jax.tree.map(jnp.array, tree)


@pytest.mark.parametrize(("model", "name"), CASES)
def test_spmd_gives_the_same_answer(model: str, name: str) -> None:
    args, wanted = whole(model)
    check(jax.jit(plan(model, name).spmd())(*args), wanted)


@pytest.mark.parametrize(("model", "name"), CASES)
def test_jit_gives_the_same_answer(model: str, name: str) -> None:
    args, wanted = whole(model)
    made = plan(model, name)
    got = made.jit()(*copies(args))
    check(got, wanted)
    shardings = jax.tree.leaves(made.out_shardings)
    for leaf, sharding in zip(jax.tree.leaves(got), shardings, strict=True):
        assert leaf.sharding.is_equivalent_to(sharding, leaf.ndim)


@pytest.mark.parametrize(("model", "name"), CASES)
def test_what_was_priced_is_what_stands_in_the_program_and_in_stablehlo(model: str, name: str) -> None:
    made = plan(model, name)
    counts = count(made.state)
    assert counts.agree
    assert sum(counts.program.values()) == sum(made.report.collectives.values())
    nbytes = sum(key[2] * n for key, n in decided_collectives(made.state).items())
    assert nbytes == made.metrics["communication_bytes"]


def test_two_steps_in_a_row_keep_their_layout_and_buffers() -> None:
    made = plan("t32", "BP+MP+Z3")
    args, _ = whole("t32")
    run = made.jit()
    params, opt_state, batch = copies(args)
    first, state, _ = run(params, opt_state, batch)
    assert made.donate_argnums == (0, 1)
    second, _, loss = run(first, state, batch)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(first))
    assert np.isfinite(float(loss))
    check_same_tree(second, args[0])


def test_nothing_is_donated_that_was_not() -> None:
    made = plan_of(problem_of(layers_of_squares(2), [array(16, 16)] * 2, array(8, 16)), [])
    assert made.donate_argnums == ()
    stack, data = [jnp.ones((16, 16))] * 2, jnp.ones((8, 16))
    made.jit()(stack, data)
    assert not data.is_deleted()


def test_specs_have_the_structure_of_the_arguments() -> None:
    made = plan("t32", "BP+MP")
    step = EXPERTS["t32"][0]("tiny")
    is_spec = lambda x: isinstance(x, PartitionSpec)  # noqa: E731
    check_same_tree(jax.tree.map(lambda x: 0, made.in_specs, is_leaf=is_spec), step.args)
    assert made.in_specs[2]["tokens"] == PartitionSpec("batch")
    assert made.in_specs[0]["layers"][0]["attn"]["qkv"] == PartitionSpec(None, None, "model")
    assert made.in_shardings[2]["tokens"] == NamedSharding(made.jax_mesh, PartitionSpec("batch"))
    carried, params = (jax.tree.leaves(specs, is_leaf=is_spec) for specs in (made.out_specs, made.in_specs[0]))
    assert carried[: len(params)] == params


def test_reports_follow_the_schedule() -> None:
    made = plan("t32", "BP+MP+Z2")
    assert len(made.reports) == len(made.schedule)
    assert made.reports[-1].metrics == made.metrics
    assert made.reports[0].collectives["all_reduce"] > 0
    assert "all_reduce" in made.reports[0].line()
    assert made.state.depth == len(made.schedule)


def test_layout_by_pattern_counts_every_argument_once() -> None:
    made = plan("t32", "BP+MP+Z3")
    rows = made.layout_by_pattern()
    assert sum(row[3] for row in rows) == sum(len(g.names) for g in made.problem.groups)
    assert ("params/layers/*/mlp/up", (64, 256), "P('batch', 'model')", 2) in rows


def test_too_few_devices() -> None:
    made = plan_of(Problem.of(tiny_graph("mlp"), Mesh({"batch": 16}, "cpu")), [])
    with pytest.raises(MeshError, match=r"the plan is for 16 devices .* this process has 8"):
        made.jit()


def test_a_schedule_is_a_list_of_tactics() -> None:
    with pytest.raises(PlanError, match="a schedule is a list of tactics"):
        plan_of(tiny("mlp"), [Auto()])  # type: ignore[list-item]
    with pytest.raises(TacticError, match="no mesh axis 'data'"):
        plan_of(tiny("mlp"), [Atomic(("params/**",), "data")])


def test_a_function_of_other_arguments_is_refused() -> None:
    made = plan("mlp", "BP")
    with pytest.raises(PlanError, match="the plan was made for arguments of structure"):
        made.spmd()(1, 2)


def test_constants_and_scalars_pass_through() -> None:
    held = np.linspace(0.0, 1.0, 256, dtype=np.float32).reshape(16, 16)

    def fn(x: Any, scale: Any) -> Any:
        return {"y": jnp.tanh(x @ held) * scale, "sum": x.sum(), "half": (scale, None)}

    problem = problem_of(fn, array(8, 16), array())
    made = plan_of(problem, [Manual({"x": 0}, "batch"), Manual({"x": 1}, "model")])
    x, scale = jnp.arange(128.0).reshape(8, 16) / 64, jnp.float32(3.0)
    for run in (made.jit(), jax.jit(made.spmd())):
        check(run(x, scale), fn(x, scale))
    assert lowered_collectives(made.program) == made.program.collective_counts()


def test_a_search_leaves_its_tree() -> None:
    made = plan("mlp", SEARCHED)
    assert made.tree is not None
    assert len(made.tree) == made.search["nodes"]
    assert dict(zip(made.tree.metric_names, made.tree.metrics[made.tree.best_state], strict=True)) == made.metrics
    assert {name for name, _ in made.tree.seeds} >= {"replicated", "BP(batch)"}
    assert plan("mlp", "BP").tree is None


def test_states_of_the_tree_are_tactics_that_lead_to_their_figures() -> None:
    made = plan("mlp", SEARCHED)
    assert made.tree is not None
    for state in range(0, len(made.tree), 17):
        names: dict[str, Any] = {"__builtins__": {}, **TACTICS}
        tactics = [eval(text, names) for text in made.tree.actions_to(state)]
        figures = plan_of(made.problem, tactics).metrics
        assert list(figures.values()) == pytest.approx(made.tree.metrics[state].tolist())


def test_a_notebook_shows_a_plan_and_its_graph() -> None:
    made = plan("t32", SEARCHED)
    text = made._repr_html_()
    for expected in ("Plan over batch 4 × model 2", "params/layers/*/mlp/up", "Known recipes", "SCHEDULE = ["):
        assert expected in text
    assert all(kind in text for kind, count in made.report.collectives.items() if count)
    assert f"Graph of {sum(op.primitive != 'argument' for op in made.problem.graph.ops)} ops" in (
        made.problem.graph._repr_html_()
    )


def test_names_of_arguments_are_text_in_a_notebook() -> None:
    def fn(named: dict[str, Any]) -> Any:
        return jax.tree.map(lambda x: x + 1, named)

    markup = "<img src=x onerror=alert(1)>"
    made = plan_of(problem_of(fn, {markup: array(8, 8)}), [Manual({f"named/{markup}": 0}, "batch")])
    for text in (made._repr_html_(), made.problem.graph._repr_html_(), made.picture(f"named/{markup}")._repr_html_()):
        assert "&lt;img src=x" in text
        assert "<img" not in text
