"""Searches one after another: each keeps what the one before found, and the end is never worse than what is known."""

from __future__ import annotations

import itertools

import pytest

from autopart import AtMost, Auto, Budget, CommunicationLimit, DataParallel, FitMemory, Minimise, Plan, ReserveAxis
from autopart.cost.metrics import METRICS
from autopart.costmodel.mesh import Mesh
from autopart.game.partition_game import seeds_of
from autopart.goals.named_goals import AnyGoal
from autopart.planner.api import partition_graph
from autopart.planner.checks import AnyTactic
from autopart.search import Goals
from tests.autopart.tiny import MESH, game_of, tiny, tiny_graph

SMALL: list[AnyGoal] = [Minimise("peak_memory_bytes")]
FAST: list[AnyGoal] = [Minimise("step_s"), Minimise("peak_memory_bytes")]


def staged(*tactics: AnyTactic, model: str = "t32", mesh: Mesh = MESH) -> Plan:
    return partition_graph(tiny_graph(model), mesh, tactics=tactics)


def stage(goals: list[AnyGoal], simulations: int = 60, axes: tuple[str, ...] | None = None) -> Auto:
    return Auto(axes=axes, goals=goals, budget=Budget(simulations))


@pytest.mark.parametrize("model", ["t32", "mlp", "gns"])
def test_a_staged_answer_is_no_worse_than_any_composition_under_the_last_goals(model: str) -> None:
    """The first stage, the least memory, leads far away from what is fast."""
    plan = staged(stage(SMALL, 40), stage(FAST, 20), model=model)
    rank = Goals([Minimise("step_s"), Minimise("peak_memory_bytes")], METRICS).rank
    game = game_of(tiny(model))
    for actions in seeds_of(game).values():
        for action in actions:
            game.apply(action)
        assert rank(list(plan.metrics.values())) <= rank(game.metrics())
        for _ in actions:
            game.undo()


def test_the_story_of_each_stage_is_kept() -> None:
    plan = staged(stage(FAST, 30), stage(FAST, 20), model="mlp")
    stories = plan.search["stages"]
    assert [story["simulations"] for story in stories] == [30, 20]
    assert plan.search["simulations"] == 50
    assert plan.search["seconds"] == sum(story["seconds"] for story in stories)
    assert plan.search["improvements"] == stories[-1]["improvements"]
    single = staged(stage(FAST, 30), model="mlp")
    assert "stages" not in single.search
    assert single.recipes


def test_a_stage_goes_on_from_the_winner_of_the_one_before() -> None:
    first = staged(stage(FAST, 60, ("batch",)))
    both = staged(stage(FAST, 60, ("batch",)), stage(FAST, 60, ("model",)))
    if "instead_of_stages" not in both.search:
        assert both.schedule[: len(first.schedule)] == first.schedule
    rank = Goals([Minimise("step_s"), Minimise("peak_memory_bytes")], METRICS).rank
    assert rank(list(both.metrics.values())) <= rank(list(first.metrics.values()))


def test_a_composition_that_breaks_the_limit_of_a_stage_does_not_replace_the_stages() -> None:
    """Without the limit of the first stage the fastest composition talks on the model axis."""
    quiet: list[AnyGoal] = [CommunicationLimit("model", 0.0), Minimise("peak_memory_bytes")]
    plan = staged(stage(quiet, 60), stage(FAST, 1, ("batch",)))
    assert plan.measure("communication_bytes_on:model") == 0
    free = staged(stage(SMALL, 60), stage(FAST, 60))
    assert free.metrics["step_s"] <= plan.metrics["step_s"]


def test_the_rules_of_every_stage_hold_for_what_replaces_them() -> None:
    rule = ReserveAxis("model", ("params/layers/*/mlp/*",))
    plan = staged(stage([*SMALL, rule], 40), stage([*FAST, rule], 20))
    for tactic in plan.schedule:
        assert tactic.axis != "model" or "mlp" in str(tactic) or "Atomic" in str(tactic)


def test_tactics_by_hand_between_searches_stay() -> None:
    by_hand = DataParallel("batch")
    plan = staged(stage(FAST, 30, ("model",)), by_hand, stage(FAST, 30, ("model",)))
    assert by_hand in plan.schedule
    assert len(plan.search["stages"]) == 2


def test_a_fit_after_what_is_fast() -> None:
    """Stages in the order of ``goals=staged``: what no memory limit bars first, then what makes it fit."""
    least = staged(stage(SMALL, 80)).metrics["peak_memory_bytes"]
    limit = least * 1.5
    plan = staged(stage([FitMemory(1e15), Minimise("step_s")], 60), stage([FitMemory(limit), *FAST], 60))
    assert plan.metrics["peak_memory_bytes"] <= limit
    assert AtMost("peak_memory_bytes", limit).cost(plan.metrics["peak_memory_bytes"]) == 0
    pairs = itertools.pairwise(story["simulations"] for story in plan.search["stages"])
    assert all(one >= 60 <= other for one, other in pairs)
