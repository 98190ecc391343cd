"""A game in parts: what arrives in another process plays as what was sent."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from autopart.benchmarks.models import t32
from autopart.benchmarks.schedules import EXPERTS
from autopart.cost.metrics import METRICS
from autopart.folding.fold import fold
from autopart.game.actions import action_table
from autopart.game.game_parts import GameParts, actions_name, game_name
from autopart.game.pruning.analyses import EVERY_ANALYSIS, NO_ANALYSIS
from autopart.goals.measures import COMMUNICATION_ON, counted_of, metric_names
from autopart.goals.named_goals import ReserveAxis
from autopart.partitioning.problem import Problem
from autopart.program.trace import trace_step
from autopart.tactics.manual import Tactic
from autopart.tactics.strategies import DataParallel
from tests.autopart.tiny import MESH, play, tiny

PREFIX: tuple[Tactic, ...] = (DataParallel("batch"),)


def named(problem: Problem, *played: object, is_folded: bool = False) -> str:
    return game_name(problem, played, is_folded)


def parts_of(problem: Problem, prefix: tuple[Tactic, ...] = ()) -> GameParts:
    return GameParts(problem, prefix, action_table(problem, problem.mesh.axis_names), None)


@pytest.mark.parametrize("model", EXPERTS)
def test_what_arrives_plays_as_what_was_sent(model: str) -> None:
    parts = parts_of(tiny(model), PREFIX if model == "t32" else ())
    here, there = parts.game(), pickle.loads(pickle.dumps(parts)).game()
    assert (there.key(), there.metrics()) == (here.key(), here.metrics())
    for seed in range(3):
        play(here, seed), play(there, seed)
        assert there.actions() == here.actions()
        assert (there.key(), there.metrics()) == (here.key(), here.metrics())
        assert there.tactics() == here.tactics()


def test_a_folded_program_arrives_folded() -> None:
    folded = fold(Problem.of(trace_step(t32.step("tiny", layers=12)), MESH))
    assert folded is not None
    parts = GameParts(folded.problem, (), action_table(folded.problem, MESH.axis_names), folded)
    there: GameParts = pickle.loads(pickle.dumps(parts))
    assert there.folded is not None
    assert there.folded.problem is there.played
    assert there.game().metrics() == parts.game().metrics()


def test_what_is_counted_and_what_is_looked_at_arrive() -> None:
    problem = tiny("t32")
    counted = counted_of(problem, metric_names([f"{COMMUNICATION_ON}:{MESH.axis_names[0]}"]))
    assert counted
    parts = replace(parts_of(problem), counted=counted, analyses=NO_ANALYSIS)
    there: GameParts = pickle.loads(pickle.dumps(parts))
    assert there.game().metric_names == parts.game().metric_names
    assert len(there.game().metric_names) == len(METRICS) + 1
    assert there.game().actions() == parts.game().actions()
    assert there.analyses == NO_ANALYSIS


def test_names_tell_games_apart() -> None:
    problem, other = tiny("t32"), tiny("gns")
    axes = problem.mesh.axis_names
    names = [
        named(problem, (), axes), named(problem, PREFIX, axes), named(problem, (), axes[:1]),
        named(problem, (), axes, is_folded=True), named(other, (), axes), named(problem, (), axes, EVERY_ANALYSIS),
        named(problem, (), axes, NO_ANALYSIS), named(problem, (), axes, (ReserveAxis(axes[0], ("**/w*",)),)),
    ]  # fmt: skip
    assert len(set(names)) == len(names)
    again = Problem.of(trace_step(EXPERTS["t32"][0]("tiny")), MESH)
    assert named(again, (), axes) == names[0]
    tables = [action_table(problem, axes), action_table(problem, axes[:1])]
    assert actions_name(tables[0]) != actions_name(tables[1])
