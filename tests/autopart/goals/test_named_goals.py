"""Goals by name: what they stand for, axes kept for some arrays, and words for limits that no plan meets."""

from __future__ import annotations

from typing import Any

import pytest

import autopart
from autopart import (
    AtMost,
    Auto,
    Budget,
    CommunicationLimit,
    FitMemory,
    InfeasibleError,
    Manual,
    Minimise,
    NoAllGather,
    Plan,
    ReserveAxis,
    StepTimeLimit,
    Weighted,
)
from autopart.costmodel.mesh import Mesh
from autopart.errors import GoalError
from autopart.folding.folded_measures import folded_reserved
from autopart.game.actions import action_table
from autopart.game.reserved_axes import reserved_table
from autopart.goals.named_goals import AnyGoal, on_mesh
from autopart.goals.reserved import reserved_of
from autopart.partitioning.state import State
from autopart.planner.api import partition_graph
from autopart.sharding.propagate import TILE
from autopart.text.quantities import bytes_text, seconds_text
from tests.autopart.folding.test_fold import whole_and_folded
from tests.autopart.tiny import MESH, tiny, tiny_graph

TPU = Mesh({"batch": 4, "model": 2}, "tpu_v3")
FAST: list[AnyGoal] = [FitMemory(), Minimise("step_s"), Minimise("peak_memory_bytes")]


def search(goals: list[AnyGoal], model: str = "t32", simulations: int = 60, **options: Any) -> Plan:
    auto = Auto(budget=Budget(simulations), **options)
    return partition_graph(tiny_graph(model), TPU, goals=goals, tactics=[auto])


def why_not(goals: list[AnyGoal], model: str = "t32") -> tuple[Plan, str]:
    with pytest.raises(InfeasibleError) as error:
        search(goals, model)
    plan = error.value.plan
    assert isinstance(plan, Plan)
    return plan, str(error.value)


def refused(goals: list[AnyGoal], by_hand: list[Manual]) -> tuple[Plan, str]:
    with pytest.raises(InfeasibleError) as error:
        partition_graph(tiny_graph("t32"), TPU, goals=goals, tactics=by_hand)
    plan = error.value.plan
    assert isinstance(plan, Plan)
    return plan, str(error.value)


def test_named_goals_are_limits_on_metrics() -> None:
    goals, rules = on_mesh(
        [FitMemory(), FitMemory(5.0), StepTimeLimit(0.1), CommunicationLimit("model", 7.0), NoAllGather("params/**")],
        TPU,
    )
    assert goals == [
        AtMost("peak_memory_bytes", TPU.device_profile.hbm_usable_bytes),
        AtMost("peak_memory_bytes", 5.0),
        AtMost("step_s", 0.1),
        AtMost("communication_bytes_on:model", 7.0),
        AtMost("all_gathers_of:params/**", 0.0),
    ]
    assert rules == ()


@pytest.mark.parametrize(
    ("goals", "message"),
    [
        (["step_s"], "'step_s' is no goal; there is FitMemory"),
        ([CommunicationLimit("pipe", 1.0)], "no mesh axis 'pipe'; there is batch, model"),
        ([FitMemory(-1.0)], "limit must be a finite number"),
        ([NoAllGather("params/nothing")], "matches no argument"),
        ([Minimise("step_s"), ReserveAxis("pipe", ("params/**",))], "no mesh axis 'pipe'"),
        ([Minimise("step_s"), ReserveAxis("model", ("params/nothing",))], "matches no argument"),
        ([Weighted({"communication_bytes": 1.0})], "is 0 where the search starts.*give one"),
        ([Minimise("step_s"), NoAllGather("params/**")], "put limits first"),
    ],
)
def test_wrong_goals_are_one_clear_message(goals: Any, message: str) -> None:
    with pytest.raises(GoalError, match=message):
        search(goals, "mlp")


def test_patterns_of_a_reserved_axis_are_several() -> None:
    with pytest.raises(GoalError, match="must be a tuple of texts"):
        ReserveAxis("model", "params/**")


def test_a_weighted_goal_ends_between_its_extremes() -> None:
    small = search([Minimise("peak_memory_bytes"), Minimise("step_s")])
    fast = search([Minimise("step_s"), Minimise("peak_memory_bytes")])
    weighted = search([FitMemory(), Weighted({"step_s": 0.5, "peak_memory_bytes": 0.5})])
    root = autopart.plan_of(weighted.problem, []).metrics

    def total(plan: Plan) -> float:
        return sum(plan.metrics[metric] / root[metric] for metric in ("step_s", "peak_memory_bytes"))

    assert total(weighted) <= min(total(small), total(fast))
    assert small.metrics["peak_memory_bytes"] <= weighted.metrics["peak_memory_bytes"]
    assert fast.metrics["step_s"] <= weighted.metrics["step_s"]


def test_no_all_gather_is_kept_where_known_compositions_have_some() -> None:
    pattern = "params/layers/*/mlp/*"
    plan = search([NoAllGather(pattern), Minimise("peak_memory_bytes")])
    name = f"all_gathers_of:{pattern}"
    assert plan.measure(name) == 0
    assert max(figures[name] for figures in plan.recipes.values()) > 0
    assert len(plan.schedule) > 0


def test_bytes_on_an_axis_stay_within_their_limit() -> None:
    small: list[AnyGoal] = [Minimise("peak_memory_bytes")]
    name = "communication_bytes_on:model"
    limit = search(small).measure(name) / 4
    assert limit > 0
    assert search([CommunicationLimit("model", limit), *small]).measure(name) <= limit


@pytest.mark.parametrize("fold", [True, False])
def test_only_what_an_axis_is_reserved_for_is_tiled_there(fold: bool) -> None:
    problem, _ = whole_and_folded("t32 of 7 layers")
    rule = ReserveAxis("model", ("params/layers/*/mlp/*",))
    auto = Auto(budget=Budget(60), fold=fold)
    plan = partition_graph(problem.graph, problem.mesh, goals=[*FAST[1:], rule], tactics=[auto])
    allowed = set(problem.matching("params/layers/*/mlp/*").tolist())
    model, state = problem.mesh.axis_names.index("model"), State(problem)
    for tactic in plan.schedule:
        rows = tactic.steps(state)
        assert {int(op) for kind, op, _, axis in rows.tolist() if kind == TILE and axis == model} <= allowed
        state.apply(rows)


def test_a_reserved_axis_has_fewer_actions_and_others_have_all() -> None:
    problem = tiny("t32")
    table = action_table(problem, problem.mesh.axis_names)
    rule = ReserveAxis("model", ("params/layers/*/mlp/*",))
    some = reserved_table(table, reserved_of(problem, [rule]), State(problem))
    assert set(table.axes) - set(some.axes) == {problem.mesh.axis_names.index(rule.axis)}, "no sides of conflicts there"
    kept = [action.label for action in some.actions]
    gone = [action.label for action in table.actions if action.label not in kept]
    assert gone
    assert all(label.endswith(("on model", "(model)")) for label in gone)
    assert not any(label.startswith("params/layers/*/mlp") for label in gone)
    tiles = [label for label in kept if "dim" in label and label.endswith("on model")]
    assert tiles
    assert all(label.startswith("params/layers/*/mlp") for label in tiles)
    assert reserved_table(table, (), State(problem)) is table
    assert len(some.row_ptr) - 1 == sum(action.recipe is None for action in some.actions)


def test_an_axis_reserved_for_one_layer_is_not_folded() -> None:
    problem, folded = whole_and_folded("t32 of 7 layers")
    for pattern, folds in (("params/layers/3/mlp/up", False), ("params/layers/*/mlp/up", True)):
        reserved = reserved_of(problem, [ReserveAxis("model", (pattern,))])
        assert (folded_reserved(reserved, folded) is not None) == folds


def test_a_goal_about_one_layer_searches_the_whole_program() -> None:
    problem, _ = whole_and_folded("t32 of 7 layers")
    goals: list[AnyGoal] = [NoAllGather("params/layers/3/mlp/up"), Minimise("step_s")]
    plan = partition_graph(problem.graph, problem.mesh, goals=goals, tactics=[Auto(budget=Budget(20))])
    assert plan.search["not_folded"] == "a goal does not treat all layers alike"


def test_a_step_that_cannot_be_fast_enough_says_what_takes_the_time() -> None:
    plan, text = why_not([StepTimeLimit(1e-8), Minimise("step_s")])
    step, compute = (seconds_text(plan.metrics[metric]) for metric in ("step_s", "compute_s"))
    assert f"the least is {step}" in text
    assert f"{compute}  compute" in text
    assert "What would help: " in text


def test_of_a_slow_step_the_dearest_collectives_are_named() -> None:
    by_hand = [Manual({"batch/*": 0}, "batch"), Manual({"params/layers/*/mlp/up": 1}, "model")]
    plan, text = refused([StepTimeLimit(1e-8)], by_hand)
    largest = max(plan.program.collectives(), key=lambda move: move.seconds)
    assert "The dearest collectives" in text
    assert f"{largest.kind} of " in text
    assert "a smaller or faster mesh axis" in text, "exposed communication is most of this step"


def test_bytes_that_cannot_be_saved_say_what_moves_them() -> None:
    plan, text = refused([CommunicationLimit("batch", 1.0)], [Manual({"batch/*": 0}, "batch")])
    moved = plan.measure("communication_bytes_on:batch")
    assert f"the least is {bytes_text(moved)}, moved by" in text
    assert "on batch" in text
    assert "What would help: " in text


def test_gathers_that_cannot_be_saved_are_named() -> None:
    by_hand = [Manual({"batch/*": 0}, "batch"), Manual({"params/layers/*/mlp/up": 1}, "batch")]
    pattern = "params/layers/*/mlp/up"
    _, text = refused([NoAllGather(pattern)], by_hand)
    assert f"all_gathers_of:{pattern} <= 0: the least is" in text
    assert "all_gather of" in text
    assert "on batch" in text
    assert f"keep '{pattern}' whole on these axes (Atomic)" in text


@pytest.mark.parametrize("metric", ["communication_s", "compute_s"])
def test_any_other_limit_has_words_too(metric: str) -> None:
    _, text = refused([AtMost(metric, 0.0)], [Manual({"batch/*": 0}, "batch")])
    assert f"no plan that was found has {metric} <= 0.00 us: the least is" in text
    assert ("all_reduce of" in text) == (metric == "communication_s")


def test_meshes_with_one_device_on_an_axis_move_nothing_there() -> None:
    mesh = Mesh({"batch": 8, "model": 1}, "cpu")
    goals: list[AnyGoal] = [CommunicationLimit("model", 0.0), Minimise("step_s")]
    plan = partition_graph(tiny_graph("mlp"), mesh, goals=goals, tactics=[Auto(budget=Budget(20))])
    assert plan.measure("communication_bytes_on:model") == 0
    assert MESH.axis_names == mesh.axis_names
