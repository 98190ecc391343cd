"""Goals: what a search wants of the metrics, in order of importance (first fit, then be fast)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from search.errors import SearchError


class Goal(Protocol):
    """One wish about one metric, in that metric's unit."""

    @property
    def metric(self) -> str:
        """The name of the metric."""
        ...

    @property
    def limit(self) -> float | None:
        """The bound to respect, or None for a metric that should only be as small as may be."""
        ...

    def cost(self, measured: float) -> float:
        """Return how far from ideal a measurement is, 0 being ideal: the goal's part of the rank."""
        ...

    def score(self, measured: float, reference: float) -> float:
        """Return a figure in [0, 1] that falls as the cost grows; `reference` is the root's measurement."""
        ...


@dataclass(frozen=True, slots=True)
class AtMost:
    """Satisfied when the metric is no more than `limit` (same unit); the cost is the relative excess.

    Raises SearchError for a limit that is not a positive finite number.
    """

    metric: str
    limit: float

    def __post_init__(self) -> None:
        if not (self.limit > 0 and math.isfinite(self.limit)):
            raise SearchError(
                f"AtMost({self.metric!r}, {self.limit!r}): the limit must be a positive finite number, in "
                "the metric's unit"
            )

    def cost(self, measured: float) -> float:
        """Return max(0, measured / limit - 1), exactly 0 if and only if measured <= limit."""
        return max(0.0, (measured - self.limit) / self.limit)

    def score(self, measured: float, reference: float) -> float:
        """Return 1 / (1 + log(1 + cost)): steep near the limit, still sloping far from it."""
        return 1.0 / (1.0 + math.log1p(self.cost(measured)))


@dataclass(frozen=True, slots=True)
class Minimise:
    """Never satisfied, never violated: the smaller the metric the better; the cost is the metric."""

    metric: str

    @property
    def limit(self) -> None:
        """There is none."""
        return None

    def cost(self, measured: float) -> float:
        """Return the measurement itself."""
        return measured

    def score(self, measured: float, reference: float) -> float:
        """Return reference / (reference + measured), with 1 for a reference of 0: 1/2 at the reference."""
        reference = reference or 1.0
        return reference / (reference + measured)


@dataclass(frozen=True, slots=True, init=False)
class Goals:
    """An ordered composition of goals over the metrics of one game: limits first, then what to minimise.

    `metric_names` are the game's. Raises SearchError when there are no goals, when one names a metric
    that the game lacks, or when a limit follows a metric to minimise (it would only break ties).
    """

    goals: tuple[Goal, ...]
    metric_names: tuple[str, ...]

    def __init__(self, goals: Sequence[Goal], metric_names: Sequence[str]) -> None:
        object.__setattr__(self, "goals", tuple(goals))
        object.__setattr__(self, "metric_names", tuple(metric_names))
        if not self.goals:
            raise SearchError("no goals: give at least one, e.g. Minimise('runtime_s')")
        for before, goal in zip((None, *self.goals), self.goals, strict=False):
            if goal.metric not in self.metric_names:
                raise SearchError(
                    f"{goal!r} names a metric that this game does not measure; it measures "
                    f"{', '.join(self.metric_names)}"
                )
            if before is not None and before.limit is None and goal.limit is not None:
                raise SearchError(f"{goal!r} comes after {before!r} and would never bind: put limits first")

    def check(self, metrics: Sequence[float]) -> None:
        """Raise SearchError unless there is one figure for each name, and each goal's is a number >= 0."""
        if len(metrics) != len(self.metric_names):
            raise SearchError(f"the game measured {len(metrics)} figures for {len(self.metric_names)} names")
        for goal in self.goals:
            if not self._measured(goal, metrics) >= 0:
                measured = self._measured(goal, metrics)
                raise SearchError(f"the game measured {goal.metric} = {measured}: must be a number >= 0")

    def rank(self, metrics: Sequence[float]) -> tuple[float, ...]:
        """Return the goals' costs in their order: compared as tuples, the smaller is the better."""
        return tuple(goal.cost(self._measured(goal, metrics)) for goal in self.goals)

    def value(self, metrics: Sequence[float], reference: Sequence[float]) -> float:
        """Return a figure in [0, 1] that never rises as the rank grows; `reference` is the root's metrics.

        Each limit halves what is left of [0, 1]. With limits 1..k, of which the first i are satisfied:
            limit i+1 is violated:  (1 - 2^-i) + 2^-(i+1) / (1 + log(1 + excess))
            all are satisfied:      (1 - 2^-k) + 2^-k reference / (reference + metric)
        for the first metric to minimise; without one the last term is 2^-k. So a state that violates a
        limit is worth less than any that satisfies it. The metrics to minimise after the first break
        ties in the rank only: no real-valued function follows a lexicographic order of two reals.
        """
        low, width = 0.0, 1.0
        for goal in self.goals:
            measured = self._measured(goal, metrics)
            score = goal.score(measured, self._measured(goal, reference))
            if goal.limit is None:
                return low + width * score
            width /= 2
            if goal.cost(measured) > 0:
                return low + width * score
            low += width
        return low + width

    def satisfied(self, metrics: Sequence[float]) -> bool:
        """Return whether every limit is respected."""
        return self._violated(metrics) is None

    def binding(self, metrics: Sequence[float]) -> str:
        """Return the metric of the first violated limit, else the first to minimise, else an empty string."""
        goal = self._violated(metrics) or next((goal for goal in self.goals if goal.limit is None), None)
        return "" if goal is None else goal.metric

    def _violated(self, metrics: Sequence[float]) -> Goal | None:
        for goal in self.goals:
            if goal.limit is not None and goal.cost(self._measured(goal, metrics)) > 0:
                return goal
        return None

    def _measured(self, goal: Goal, metrics: Sequence[float]) -> float:
        return metrics[self.metric_names.index(goal.metric)]
