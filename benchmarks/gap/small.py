"""Small programs: the optimum over all states of the game by enumeration, and how far searches end from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from autopart.benchmarks.gap.programs import SMALL
from autopart.cost.metrics import METRICS, STEP_S
from autopart.costmodel.mesh import Mesh
from autopart.game.actions import action_table
from autopart.game.partition_game import PartitionGame, seeds_of
from autopart.goals.named_goals import default_goals
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.planner.auto import Auto
from autopart.program.trace import trace_step
from autopart.search import Budget, Goals, SearchResult, StaticPrior, StopReason, make_strategy

SHAPES: Final[Mapping[str, Mapping[str, int]]] = MappingProxyType({"4": {"data": 4}, "2x2": {"data": 2, "model": 2}})
"""Meshes: with one axis most games are small enough to be looked at whole."""

DEVICE: Final = "tpu_v3"


@dataclass(frozen=True)
class SmallGap:
    """One program.

    Attributes:
        program, mesh: by name.
        ops, actions: of the program, of its game.
        states: looked at until the best was proven, or the budget was spent.
        proven: no state of the game is better than ``optimum_s``.
        optimum_s: the least step time that was found by enumeration, and by what actions.
        way: those actions in words.
        searches: step time of what the search found, by seed, and how.
    """

    program: str
    mesh: str
    ops: int
    actions: int
    states: int
    proven: bool
    optimum_s: float
    way: tuple[str, ...]
    searches: tuple[tuple[float, tuple[str, ...]], ...]

    def document(self) -> dict[str, Any]:
        """The row of the JSON output; ``gap`` is the worst seed's."""
        return {
            "program": self.program,
            "mesh": self.mesh,
            "judge": "exhaustive",
            "ops": self.ops,
            "actions": self.actions,
            "states": self.states,
            "proven": self.proven,
            "optimum_s": self.optimum_s,
            "way": self.way,
            "searches": [{"step_s": seconds, "way": way} for seconds, way in self.searches],
            "gap": max(seconds for seconds, _ in self.searches) / self.optimum_s - 1,
        }


def small_gap(program: str, shape: str, seeds: Sequence[int], simulations: int, limit_s: float) -> SmallGap:
    """Enumerates the game of a program for at most so many seconds, and searches it with each seed."""
    mesh = Mesh(SHAPES[shape], DEVICE)
    problem = Problem.of(trace_step(SMALL[program]()), mesh)
    table = action_table(problem, mesh.axis_names)
    game, goals = PartitionGame(State(problem), table), Goals(default_goals(mesh), METRICS)
    known = list(seeds_of(game).values())

    def run(strategy: str, seed: int, budget: Budget) -> SearchResult:
        prior = StaticPrior(lambda action: game.weight(action) + 1.0)
        return make_strategy(strategy, seed, prior).run(game, goals, budget, known)

    proof = run("exhaustive", 0, Budget(seconds=limit_s))
    found = [run(str(Auto().strategy), seed, Budget(simulations)) for seed in seeds]
    best = min([proof, *found], key=lambda result: goals.rank(result.best_metrics))
    return SmallGap(
        program=program,
        mesh=shape,
        ops=len(problem.graph.ops),
        actions=len(table.actions),
        states=proof.simulations,
        proven=proof.stop is StopReason.EXHAUSTED,
        optimum_s=best.best_metrics[STEP_S],
        way=tuple(map(game.describe, best.best_actions)),
        searches=tuple((r.best_metrics[STEP_S], tuple(map(game.describe, r.best_actions))) for r in found),
    )
