"""The plan for ``jax.jit``: constraints where products and sums are, and results that lie as the plan says."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import NamedSharding, PartitionSpec

from autopart.benchmarks.models import mlp
from autopart.benchmarks.schedules import EXPERTS
from autopart.emit.jit import base_axes
from autopart.plan.plan import Plan, plan_of
from autopart.tactics.manual import Manual, Tactic
from tests.autopart.tiny import array, problem_of, tiny


def network(params: Any, x: Any) -> Any:
    return {"y": jnp.tanh(x @ params["w"]) @ params["v"]}


PARAMS, X = {"w": array(16, 32), "v": array(32, 4)}, array(8, 16)
PAIR = (Manual({"x": 0}, "batch"), Manual({"params/w": 1}, "model"))


def plan_for(*schedule: Tactic) -> Plan:
    return plan_of(problem_of(network, PARAMS, X), schedule)


def lower(plan: Plan, *args: Any) -> Any:
    step: Any = plan.jit()
    return step.lower(*args)


def lowered(plan: Plan) -> list[str]:
    return texts(plan, PARAMS, X)


def texts(plan: Plan, *args: Any) -> list[str]:
    return [line.strip() for line in str(lower(plan, *args).as_text()).splitlines()]


def test_products_are_constrained_and_pointwise_results_are_not() -> None:
    constraints = [line for line in lowered(plan_for(*PAIR)) if "sharding_constraint" in line]
    assert len(constraints) == 2
    assert '[{"batch"}, {"model"}]> : tensor<8x32xf32>' in constraints[0]
    assert '[{"batch"}, {}]> : tensor<8x4xf32>' in constraints[1]


def test_arguments_arrive_as_the_plan_says() -> None:
    plan = plan_for(*PAIR)
    (main,) = (line for line in lowered(plan) if "func public @main" in line)
    for shape, dims in (("16x32", '[{}, {"model"}]'), ("32x4", '[{"model"}, {}]'), ("8x16", '[{"batch"}, {}]')):
        assert f"tensor<{shape}xf32> {{sdy.sharding = #sdy.sharding<@mesh, {dims}>" in main
    wanted = ({"w": PartitionSpec(None, "model"), "v": PartitionSpec("model")}, PartitionSpec("batch"))
    assert jax.tree.all(jax.tree.map(lambda one, other: one == other, plan.in_specs, wanted))
    assert plan.out_specs == {"y": PartitionSpec("batch")}


def test_an_untiled_plan_constrains_to_whole_arrays() -> None:
    constraints = [line for line in lowered(plan_for()) if "sharding_constraint" in line]
    assert len(constraints) == 2
    assert all("[{}, {}]" in line for line in constraints)


def test_a_scattered_sum_lies_where_it_was_scattered() -> None:
    """The gradient of a weight whose update is tiled on the batch axis: reduce_scatter, then that layout."""

    def step(w: Any, x: Any) -> Any:
        return w - x.T @ x

    plan = plan_of(
        problem_of(step, array(16, 16), array(8, 16), donate=(0,)),
        [Manual({"x": 0}, "batch"), Manual({"w": 0}, "batch")],
    )
    assert [move.kind for move in plan.program.collectives()] == ["reduce_scatter"]
    graph = plan.problem.graph
    (product,) = (op for op in graph.ops if op.primitive == "dot_general")
    assert base_axes(plan.program)[product.results[0]] == (("batch",), ())
    text = lower(plan, array(16, 16), array(8, 16)).as_text()
    assert any(
        "sharding_constraint" in line and '[{"batch"}, {}]> : tensor<16x16xf32>' in line
        for line in str(text).splitlines()
    )


def test_an_operand_is_laid_out_as_its_reader_wants_it() -> None:
    """Bits of integers are combined on whole arrays; without a constraint XLA on CPU fails to combine them."""

    def step(x: Any) -> Any:
        return lax.reduce_or(x, (0,))

    plan = plan_of(problem_of(step, array(8, 16, dtype="int32")), [Manual({"x": 0}, "batch")])
    before, after, *_ = (line for line in texts(plan, array(8, 16, dtype="int32")) if "sharding_constraint" in line)
    assert '[{"batch"}, {}]> : tensor<8x16xi32>' in before
    assert "[{}, {}]> : tensor<8x16xi32>" in after
    numbers = jnp.arange(128, dtype=jnp.int32).reshape(8, 16)
    got = plan.jit()(jax.device_put(numbers, plan.in_shardings[0]))
    np.testing.assert_array_equal(np.asarray(got), np.asarray(step(numbers)))


def test_a_weight_that_each_reader_gathers_is_held_apart_for_each() -> None:
    def step(w: Any, x: Any) -> Any:
        return jnp.tanh(x @ w) @ w

    args = array(16, 16), array(8, 16)
    plan = plan_of(problem_of(step, *args), [Manual({"x": 0}, "batch"), Manual({"w": 0}, "batch")])
    assert [move.kind for move in plan.program.collectives()] == ["all_gather"] * 2
    held = [line for line in texts(plan, *args) if "optimization_barrier" in line]
    assert len(held) == sum("tensor<16x16xf32>" in line for line in held) == 2


def test_a_weight_that_is_gathered_once_is_not_held() -> None:
    plan = plan_for(Manual({"x": 0}, "batch"), Manual({"params/w": 0}, "batch"))
    assert [move.kind for move in plan.program.collectives()] == ["all_gather"]
    assert not any("optimization_barrier" in line for line in texts(plan, PARAMS, X))


def test_a_scatter_is_made_before_its_sum_is_scattered() -> None:
    def step(table: Any, ids: Any, rows: Any) -> Any:
        return table - jnp.zeros((16, 8)).at[ids].add(rows)

    args = array(16, 8), array(8, dtype="int32"), array(8, 8)
    plan = plan_of(
        problem_of(step, *args, donate=(0,)),
        [Manual({"ids": 0, "rows": 0}, "batch"), Manual({"table": 0}, "batch")],
    )
    assert [move.kind for move in plan.program.collectives()] == ["reduce_scatter"]
    constraints = [line for line in texts(plan, *args) if "sharding_constraint" in line and "tensor<16x8xf32>" in line]
    assert "[{}, {}]>" in constraints[-2]
    assert '[{"batch"}, {}]>' in constraints[-1]


@pytest.mark.parametrize("donate", [(), (0,), (1,), (0, 1)])
def test_donation_is_handed_on(donate: tuple[int, ...]) -> None:
    def step(params: Any, state: Any, x: Any) -> Any:
        return {"w": params["w"] - x}, state + x

    args = ({"w": array(8, 16)}, array(8, 16), array(8, 16))
    plan = plan_of(problem_of(step, *args, donate=donate), [Manual({"x": 0}, "batch")])
    assert plan.donate_argnums == donate
    info = jax.tree.leaves(lower(plan, *args).args_info, is_leaf=lambda leaf: hasattr(leaf, "donated"))
    assert [leaf.donated for leaf in info] == [0 in donate, 1 in donate, False]


@pytest.mark.parametrize("schedule", list(EXPERTS["mlp"][1]))
def test_results_lie_as_the_plan_says_and_are_equal(schedule: str) -> None:
    step = mlp.step("tiny")
    assert step.inputs is not None
    plan = plan_of(tiny("mlp"), EXPERTS["mlp"][1][schedule])
    wanted = jax.jit(step.fn)(*step.inputs(0))
    got = plan.jit()(*jax.tree.map(jax.device_put, step.inputs(0), plan.in_shardings))
    assert str(jax.tree.structure(got)) == str(jax.tree.structure(wanted))
    specs = jax.tree.leaves(plan.out_specs, is_leaf=lambda leaf: isinstance(leaf, PartitionSpec))
    for result, original, spec in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), specs, strict=True):
        assert result.sharding.is_equivalent_to(NamedSharding(plan.jax_mesh, spec), result.ndim)
        np.testing.assert_allclose(np.asarray(result), np.asarray(original), rtol=1e-4, atol=1e-5)
    assert any(spec != PartitionSpec() for spec in specs) == any(
        any(axes for axes in output) for output in plan.program.outputs
    )
