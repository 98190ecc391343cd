"""``partition``: repeatable, never worse than the recipes, and clear about what it cannot do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import autopart
from autopart import AtMost, Auto, InfeasibleError, Listener, Manual, MeshError, Minimise, Plan, TacticError, TraceError
from autopart.benchmarks.models import mlp
from autopart.cost.metrics import METRICS
from autopart.costmodel.mesh import Mesh
from autopart.errors import GoalError
from autopart.game.partition_game import seeds_of
from autopart.goals.named_goals import default_goals
from autopart.planner.api import partition, partition_graph
from autopart.search import Budget, Goals, SearchError
from autopart.tactics.as_json import to_json
from autopart.tactics.manual import Tactic
from tests.autopart.tiny import MESH, array, game_of, layers_of_squares, tiny, tiny_graph


def search(model: str, *tactics: Any, goals: Any = None, simulations: int = 120, **auto: Any) -> Plan:
    every = [*tactics, Auto(budget=Budget(simulations), **auto)]
    return partition_graph(tiny_graph(model), MESH, goals=goals, tactics=every)


def peak(plan: Plan) -> float:
    return plan.metrics["peak_memory_bytes"]


def half_memory(model: str) -> list[Any]:
    whole = float(game_of(tiny(model)).metrics()[0])
    return [AtMost("peak_memory_bytes", whole / 2), Minimise("step_s"), Minimise("peak_memory_bytes")]


@pytest.mark.parametrize("model", ["t32", "mlp"])
def test_same_seed_same_plan(model: str) -> None:
    one, again = (search(model, goals=half_memory(model), seed=3) for _ in range(2))
    assert [to_json(t) for t in one.schedule] == [to_json(t) for t in again.schedule]
    assert one.metrics == again.metrics
    assert one.recipes == again.recipes
    assert (one.search["simulations"], one.search["nodes"]) == (again.search["simulations"], again.search["nodes"])


@pytest.mark.parametrize("model", ["t32", "mlp"])
@pytest.mark.parametrize("simulations", [1, 60])
@pytest.mark.parametrize("prior", ["static", "uniform"])
def test_never_worse_than_the_recipes(model: str, simulations: int, prior: str) -> None:
    goals = half_memory(model)
    plan = search(model, goals=goals, simulations=simulations, prior=prior)
    rank = Goals(goals, METRICS).rank
    assert set(plan.recipes) == set(seeds_of(game_of(tiny(model))))
    for name, metrics in plan.recipes.items():
        assert rank(list(plan.metrics.values())) <= rank(list(metrics.values())), name


def test_what_search_says_is_what_the_plan_is() -> None:
    plan = search("t32", goals=half_memory("t32"))
    last = plan.search["improvements"][-1]["metrics"]
    rank = Goals(half_memory("t32"), METRICS).rank
    assert rank(list(plan.metrics.values())) <= rank(list(last.values()))
    assert plan.search["stop"]


def test_without_tactics_nothing_is_tiled() -> None:
    plan = partition_graph(tiny_graph("mlp"), MESH, tactics=[])
    assert plan.schedule == ()
    assert not any(plan.report.collectives.values())
    assert (plan.recipes, plan.search) == ({}, {})


def test_what_was_done_by_hand_stays() -> None:
    by_hand = Manual({"params/layers/0/mlp/up": 0}, "model", "by hand")
    plan = search("t32", by_hand, goals=half_memory("t32"))
    assert plan.schedule[0] is by_hand
    assert plan.state.tiles_of_argument("params/layers/0/mlp/up")["model"] == 0
    assert not any("MP(model)+MP" in name for name in plan.recipes)


def test_search_can_decide_the_rest_of_a_group_decided_in_part() -> None:
    fn, stack = layers_of_squares(4), [array(64, 64)] * 4
    small = [AtMost("peak_memory_bytes", 1.0)]
    by_hand = Manual({"stack/0": 1}, "model")
    with pytest.raises(InfeasibleError) as error:
        partition(fn, stack, array(8, 64), mesh=MESH, goals=small, tactics=[by_hand, Auto(budget=Budget(150))])
    tiled = error.value.plan.state.tiles_of_argument
    assert all("batch" in tiled(f"stack/{i}") for i in range(4))


def test_auto_on_chosen_axes_only() -> None:
    plan = search("t32", goals=half_memory("t32"), axes=("batch",))
    assert plan.schedule
    assert {tactic.axis for tactic in plan.schedule} == {"batch"}
    assert not any("model" in name for name in plan.recipes)


def test_two_searches_one_axis_each() -> None:
    first, second = Auto(axes=("batch",), budget=Budget(60)), Auto(axes=("model",), budget=Budget(60))
    goals = half_memory("t32")
    both = partition_graph(tiny_graph("t32"), MESH, goals=goals, tactics=[first, second])
    one = partition_graph(tiny_graph("t32"), MESH, goals=goals, tactics=[first])
    rank = Goals(goals, METRICS).rank
    assert rank(list(both.metrics.values())) <= rank(list(one.metrics.values()))
    assert both.schedule[: len(one.schedule)] == one.schedule


@pytest.mark.parametrize(
    ("auto", "message"),
    [
        (Auto(axes=("batch", "pipe")), "must be a tuple of mesh axes; there is batch, model"),
        (Auto(prior="oracle"), "Auto: unknown prior 'oracle'; choose one of static, guided, uniform"),
        (Manual({"nothing": 0}, "batch"), "matches no argument"),
    ],
)
def test_wrong_tactics(auto: Any, message: str) -> None:
    with pytest.raises(TacticError, match=message):
        partition_graph(tiny_graph("mlp"), MESH, tactics=[auto])


@pytest.mark.parametrize(
    ("goals", "message"),
    [
        ([Minimise("speed")], "no metric 'speed'; there is peak_memory_bytes, step_s"),
        ([Minimise("step_s"), AtMost("peak_memory_bytes", 1e9)], "put limits first"),
        ([], "no goals"),
    ],
)
def test_wrong_goals(goals: Any, message: str) -> None:
    with pytest.raises((SearchError, autopart.AutopartError), match=message):
        partition_graph(tiny_graph("mlp"), MESH, goals=goals)


def test_default_goals_are_those_of_the_device() -> None:
    memory, time, size = default_goals(Mesh({"data": 2}, "tpu_v3"))
    assert memory.limit == Mesh({"data": 2}, "tpu_v3").device_profile.hbm_usable_bytes
    assert (memory.metric, time.metric, size.metric) == ("peak_memory_bytes", "step_s", "peak_memory_bytes")


def test_what_does_not_fit_says_what_fills_memory() -> None:
    goals = [AtMost("peak_memory_bytes", 1000.0), Minimise("step_s")]
    with pytest.raises(InfeasibleError, match="no plan that was found fits in") as error:
        search("t32", goals=goals)
    plan, text = error.value.plan, str(error.value)
    assert isinstance(plan, Plan)
    best = min(metrics["peak_memory_bytes"] for metrics in plan.recipes.values())
    assert 1000 < peak(plan) <= best
    assert plan.memory_by_kind(1)[0][0] in text
    assert "What would help: " in text


def test_what_is_not_fast_enough_says_so() -> None:
    with pytest.raises(InfeasibleError, match=r"no plan that was found has step_s <= 0\.01 us: the least is"):
        search("mlp", goals=[AtMost("step_s", 1e-8)], simulations=30)


@pytest.mark.parametrize(
    ("mesh", "device", "message"),
    [
        (jax.sharding.AbstractMesh((4, 2), ("batch", "model")), None, "pass device='tpu_v3'"),
        (jax.sharding.AbstractMesh((4, 2), ("batch", "model")), "abacus", "abacus"),
        (Mesh({"batch": 4}, "cpu"), "abacus", "abacus"),
        ({"batch": 4}, None, "mesh must be .* not dict"),
        (Mesh({"batch": 5}, "cpu"), None, "mesh axis 'batch' of size 5 divides no dimension"),
    ],
)
def test_wrong_meshes(mesh: Any, device: str | None, message: str) -> None:
    step = mlp.step("tiny")
    with pytest.raises(MeshError, match=message):
        partition(step.fn, *step.args, mesh=mesh, device=device, tactics=[])


def test_meshes_of_jax() -> None:
    step = mlp.step("tiny")
    axes, automatic = ((4, 2), ("batch", "model")), (jax.sharding.AxisType.Auto,) * 2
    real, abstract = jax.make_mesh(*axes, axis_types=automatic), jax.sharding.AbstractMesh(*axes)
    data = Manual({"batch": 0}, "batch")
    on_real = partition(step.fn, *step.args, mesh=real, tactics=[data])
    assert (on_real.jax_mesh, on_real.problem.mesh) == (real, MESH)
    on_abstract = partition(step.fn, *step.args, mesh=abstract, device="tpu_v3", tactics=[data])
    assert on_abstract.problem.mesh == Mesh({"batch": 4, "model": 2}, "tpu_v3")
    assert on_abstract.jax_mesh.shape == {"batch": 4, "model": 2}
    other = partition(step.fn, *step.args, mesh=MESH, device="tpu_v3", tactics=[data])
    assert other.problem.mesh.device_profile.name == "tpu_v3"


@pytest.mark.parametrize("kind", jax.sharding.AxisType)
def test_a_mesh_of_jax_with_any_kind_of_axes_runs_the_plan(kind: jax.sharding.AxisType) -> None:
    def step(x: Any, w: Any) -> Any:
        return jax.numpy.tanh(x @ w).sum(1)

    args = jax.numpy.linspace(-1, 1, 32).reshape(8, 4), jax.numpy.linspace(-2, 2, 32).reshape(4, 8)
    mesh = jax.make_mesh((4, 2), ("batch", "model"), axis_types=(kind,) * 2)
    plan = partition(step, *args, mesh=mesh, tactics=[Manual({"x": 0}, "batch"), Manual({"w": 1}, "model")])
    assert (plan.jax_mesh.devices == mesh.devices).all()
    for given in (args, jax.device_put(args, plan.in_shardings)):
        np.testing.assert_allclose(plan.jit()(*given), step(*args), rtol=1e-5)
        np.testing.assert_allclose(jax.jit(plan.spmd())(*given), step(*args), rtol=1e-5)


def test_a_device_may_be_an_object() -> None:
    step, mine = mlp.step("tiny"), replace(Mesh({"data": 2}, "a100").device_profile, name="mine", hbm_bytes=2**40)
    abstract = jax.sharding.AbstractMesh((4, 2), ("batch", "model"))
    for mesh in (abstract, Mesh({"batch": 4, "model": 2}, "cpu")):
        plan = partition(step.fn, *step.args, mesh=mesh, device=mine, tactics=[Manual({"batch": 0}, "batch")])
        assert plan.problem.mesh == Mesh({"batch": 4, "model": 2}, mine)


def test_donation_is_the_users() -> None:
    step = mlp.step("tiny")
    kept = partition(step.fn, *step.args, mesh=MESH, tactics=[])
    given = partition(step.fn, *step.args, mesh=MESH, tactics=[], donate_argnums=(0, 1))
    assert (kept.donate_argnums, given.donate_argnums) == ((), (0, 1))
    assert peak(given) < peak(kept)


def test_a_function_that_cannot_be_traced() -> None:
    with pytest.raises(TraceError):
        partition(lambda x: float(x), array(), mesh=MESH)


def test_every_best_is_told_at_once_and_leads_where_it_says() -> None:
    told: list[tuple[Sequence[Tactic], Sequence[float]]] = []

    class Told(Listener):
        def on_best(self, tactics: Sequence[Tactic], metrics: Sequence[float]) -> None:
            told.append((tuple(tactics), tuple(metrics)))

    by_hand = Manual({"batch": 0}, "batch")
    plan = partition_graph(
        tiny_graph("mlp"), MESH, goals=half_memory("mlp"), tactics=[by_hand, Auto(budget=Budget(60))],
        listener=Told(),
    )  # fmt: skip
    assert len(told) == len(plan.search["improvements"])
    for tactics, metrics in told:
        assert tactics[0] is by_hand
        again = autopart.plan_of(tiny("mlp"), tactics)
        assert tuple(again.metrics.values()) == tuple(metrics)


def test_end_to_end_from_the_front_door() -> None:
    def network(weights: Any, x: Any) -> Any:
        return jnp.tanh(x @ weights[0]) @ weights[1]

    weights = [jnp.linspace(-1, 1, 16 * 32).reshape(16, 32), jnp.linspace(-1, 1, 32 * 8).reshape(32, 8)]
    x = jnp.linspace(0, 1, 8 * 16).reshape(8, 16)
    plan = partition(network, weights, x, mesh=Mesh({"data": 4, "model": 2}, "cpu"), tactics=[Auto(budget=Budget(50))])
    np.testing.assert_allclose(plan.jit()(weights, x), network(weights, x), rtol=1e-5)


def test_a_search_may_have_goals_of_its_own() -> None:
    small = Auto(goals=[Minimise("peak_memory_bytes")], budget=Budget(60))
    plan = partition_graph(tiny_graph("mlp"), MESH, tactics=[small])
    assert peak(plan) < peak(partition_graph(tiny_graph("mlp"), MESH, tactics=[Auto(budget=Budget(60))]))
    with pytest.raises(InfeasibleError, match="no plan that was found has step_s"):
        partition_graph(tiny_graph("mlp"), MESH, goals=[AtMost("step_s", 1e-12)], tactics=[small])
    with pytest.raises(GoalError, match="no metric 'joy'"):
        partition_graph(tiny_graph("mlp"), MESH, tactics=[Auto(goals=[Minimise("joy")])])
