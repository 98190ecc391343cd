"""One search: when it reached what the best expert does, and where it ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from autopart.benchmarks.search.cases import Case, Expert
from autopart.cost.metrics import PEAK, STEP_S
from autopart.game.partition_game import PartitionGame, seeds_of
from autopart.planner.aims import aim_on
from autopart.planner.auto import Auto, Seeds
from autopart.planner.listener import Listener
from autopart.planner.searching import search_after
from autopart.search import Budget, Goals, Improvement

NEAR = 0.95
"""What counts as nearly reached: this part of the expert's speed."""


@dataclass(frozen=True)
class Trial:
    """What one search found.

    Attributes:
        seed: of its random numbers.
        reached: (simulations, seconds with tracing) until a plan no worse than the best expert's; ``None`` if never.
        nearly: the same for a plan that fits and takes at most 1 / 0.95 of the expert's time.
        metrics: of its answer.
        curve: (simulations, seconds, step time in seconds if the plan fits, else infinity) of each improvement.
    """

    seed: int
    reached: tuple[int, float] | None
    nearly: tuple[int, float] | None
    metrics: tuple[float, ...]
    curve: tuple[tuple[int, float, float], ...]


class _Clock(Listener):
    """Notes when improvements were heard of, fold and all that comes before the first state included."""

    def __init__(self, before: float) -> None:
        self._before = before
        self._began = time.perf_counter()
        self.found: list[tuple[float, Improvement]] = []

    def on_improvement(self, improvement: Improvement) -> None:
        """Notes it."""
        self.found.append((self._before + time.perf_counter() - self._began, improvement))


def seeds_without(expert: Expert, goals: Goals) -> Seeds:
    """The known compositions, but for those that come to what an expert's schedule comes to, in whatever state."""
    best = goals.rank(expert.metrics)

    def seeds(game: PartitionGame) -> dict[str, tuple[int, ...]]:
        return {name: actions for name, actions in seeds_of(game).items() if goals.rank(_after(game, actions)) != best}

    return seeds


def _after(game: PartitionGame, actions: Sequence[int]) -> tuple[float, ...]:
    for action in actions:
        game.apply(action)
    metrics = game.metrics()
    for _ in actions:
        game.undo()
    return metrics


def no_seeds(game: PartitionGame) -> dict[str, tuple[int, ...]]:
    """Nothing but the program with nothing tiled."""
    return {}


def try_once(case: Case, strategy: str, seed: int, simulations: int, from_nothing: bool = False) -> Trial:
    """Searches a case, the best expert's schedule not among the compositions that are looked at first.

    If ``from_nothing``, no composition is: what is found is the strategy's own.
    """
    clock = _Clock(case.seconds)
    auto = Auto(budget=Budget(simulations), seed=seed, strategy=strategy)
    seeds = no_seeds if from_nothing else seeds_without(case.expert, case.goals)
    search_after(case.problem, (), auto, aim_on(case.problem, case.goals), clock, seeds)
    goals, expert = case.goals, case.expert.metrics
    wanted = goals.rank(expert)
    fits = goals.goals[0].cost(expert[PEAK]) == 0
    curve = [
        (i.simulation, seconds, i.metrics[STEP_S] if goals.satisfied(i.metrics) else float("inf"))
        for seconds, i in clock.found
    ]
    reached = [goals.rank(i.metrics) <= wanted for _, i in clock.found]
    near = [done or (fits and step * NEAR <= expert[STEP_S]) for done, (_, _, step) in zip(reached, curve, strict=True)]
    return Trial(seed, _first(curve, reached), _first(curve, near), clock.found[-1][1].metrics, tuple(curve))


def _first(curve: Sequence[tuple[int, float, float]], good: Sequence[bool]) -> tuple[int, float] | None:
    return next(((n, seconds) for (n, seconds, _), done in zip(curve, good, strict=True) if done), None)
