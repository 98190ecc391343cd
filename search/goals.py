"""Goals: what a search wants of the metrics, in order of importance (first fit, then be fast)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Protocol

from autopart.search.errors import SearchError


class Goal(Protocol):
    """One wish about one figure: a metric in its unit, or what is made of several."""

    @property
    def metric(self) -> str:
        """What reports call the figure: the metric's name, or of several the words for what is made of them."""
        ...

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics that it reads."""
        ...

    @property
    def limit(self) -> float | None:
        """The bound to respect, or None for a figure that should only be as small as may be."""
        ...

    def combined(self, measured: Sequence[float]) -> float:
        """Return the figure made of the measurements of `metrics`; it never falls as one of them grows."""
        ...

    def cost(self, figure: float) -> float:
        """Return how far from ideal a figure is, 0 being ideal: the goal's part of the rank."""
        ...

    def score(self, figure: float, reference: float) -> float:
        """Return a number in [0, 1] that falls as the cost grows; `reference` is the root's figure."""
        ...

    def binding(self, measured: Sequence[float]) -> str:
        """Return the metric that holds the figure up most."""
        ...

    @property
    def needs_root(self) -> bool:
        """Whether it leaves something to the root's measurements."""
        ...

    def relative_to(self, root: Sequence[float]) -> "Goal":
        """Return the goal with all that it leaves to the root's measurements of `metrics` filled in."""
        ...


class _OneMetric:
    """What goals about a single metric share."""

    __slots__ = ()
    metric: str

    @property
    def metrics(self) -> tuple[str, ...]:
        """The one."""
        return (self.metric,)

    def combined(self, measured: Sequence[float]) -> float:
        """Return the measurement."""
        return measured[0]

    def binding(self, measured: Sequence[float]) -> str:
        """Return the one metric."""
        return self.metric

    @property
    def needs_root(self) -> bool:
        """Nothing is left open."""
        return False


@dataclass(frozen=True, slots=True)
class AtMost(_OneMetric):
    """Satisfied when the metric is no more than `limit` (same unit).

    The cost is the excess relative to the limit, or of a limit of 0 the excess itself. Raises SearchError for a
    limit that is not a finite number, 0 or more.
    """

    metric: str
    limit: float

    def __post_init__(self) -> None:
        if not (self.limit >= 0 and math.isfinite(self.limit)):
            raise SearchError(
                f"AtMost({self.metric!r}, {self.limit!r}): the limit must be a finite number, 0 or more, in "
                "the metric's unit"
            )

    def cost(self, figure: float) -> float:
        """Return max(0, figure / limit - 1), exactly 0 if and only if figure <= limit."""
        return max(0.0, (figure - self.limit) / (self.limit or 1.0))

    def score(self, figure: float, reference: float) -> float:
        """Return 1 / (1 + log(1 + cost)): steep near the limit, still sloping far from it."""
        return 1.0 / (1.0 + math.log1p(self.cost(figure)))

    def relative_to(self, root: Sequence[float]) -> "AtMost":
        """Return itself."""
        return self


@dataclass(frozen=True, slots=True)
class Minimise(_OneMetric):
    """Never satisfied, never violated: the smaller the metric the better; the cost is the metric."""

    metric: str

    @property
    def limit(self) -> None:
        """There is none."""
        return None

    def cost(self, figure: float) -> float:
        """Return the measurement itself."""
        return figure

    def score(self, figure: float, reference: float) -> float:
        """Return reference / (reference + figure), with 1 for a reference of 0: 1/2 at the reference."""
        return _share(figure, reference)

    def relative_to(self, root: Sequence[float]) -> "Minimise":
        """Return itself."""
        return self


@dataclass(frozen=True, slots=True)
class Weighted:
    """Minimises a sum of metrics, `weights[m] * measured / scales[m]` each: one step down may pay for another up.

    A metric without a scale is taken relative to the root's measurement, so that weights of 0.7 and 0.3 say what a
    per cent of each is worth. Raises SearchError for no weights, for a weight or scale that is not positive and
    finite, and for a scale of no weighted metric.
    """

    weights: Mapping[str, float]
    scales: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, given in (("weight", self.weights), ("scale", self.scales)):
            for metric, number in given.items():
                if not (number > 0 and math.isfinite(number)):
                    raise SearchError(f"Weighted: the {name} of {metric!r} is {number!r}: must be positive and finite")
        strangers = [metric for metric in self.scales if metric not in self.weights]
        if strangers or not self.weights:
            what = f"{strangers[0]!r} has a scale and no weight" if strangers else "no weights"
            raise SearchError(f"Weighted: {what}; give e.g. Weighted({{'step_s': 0.7, 'peak_memory_bytes': 0.3}})")
        object.__setattr__(self, "weights", MappingProxyType(dict(self.weights)))
        object.__setattr__(self, "scales", MappingProxyType(dict(self.scales)))

    @property
    def metric(self) -> str:
        """E.g. `0.7 step_s + 0.3 peak_memory_bytes`."""
        return " + ".join(f"{weight:g} {metric}" for metric, weight in self.weights.items())

    @property
    def metrics(self) -> tuple[str, ...]:
        """Those with a weight."""
        return tuple(self.weights)

    @property
    def limit(self) -> None:
        """There is none."""
        return None

    def combined(self, measured: Sequence[float]) -> float:
        """Return the weighted sum; raises SearchError where a scale is still left to the root."""
        return sum(self._terms(measured))

    def cost(self, figure: float) -> float:
        """Return the sum itself."""
        return figure

    def score(self, figure: float, reference: float) -> float:
        """Return reference / (reference + figure): 1/2 at the root."""
        return _share(figure, reference)

    def binding(self, measured: Sequence[float]) -> str:
        """Return the metric with the largest term."""
        terms = self._terms(measured)
        return self.metrics[terms.index(max(terms))]

    @property
    def needs_root(self) -> bool:
        """Whether a metric has no scale."""
        return len(self.scales) < len(self.weights)

    def relative_to(self, root: Sequence[float]) -> "Weighted":
        """Return it with the root's measurements for the scales that were not given.

        Raises SearchError where such a measurement is 0.
        """
        scales = {**dict(zip(self.weights, root, strict=True)), **self.scales}
        for metric, scale in scales.items():
            if not scale > 0:
                raise SearchError(
                    f"Weighted: {metric!r} is {scale:g} where the search starts, which is no scale: give one in the "
                    f"metric's unit, e.g. scales={{{metric!r}: 1e9}}"
                )
        return replace(self, scales=scales)

    def _terms(self, measured: Sequence[float]) -> list[float]:
        if self.needs_root:
            missing = next(metric for metric in self.weights if metric not in self.scales)
            raise SearchError(f"Weighted: {missing!r} has no scale yet: relative_to(the root's metrics) gives it")
        pairs = zip(self.weights.items(), measured, strict=True)
        return [weight / self.scales[metric] * figure for (metric, weight), figure in pairs]


def _share(figure: float, reference: float) -> float:
    reference = reference or 1.0
    return reference / (reference + figure)


@dataclass(frozen=True, slots=True, init=False)
class Goals:
    """An ordered composition of goals over the metrics of one game: limits first, then what to minimise.

    `metric_names` are the game's. Raises SearchError when there are no goals, when one names a metric
    that the game lacks, or when a limit follows a metric to minimise (it would only break ties).
    """

    goals: tuple[Goal, ...]
    metric_names: tuple[str, ...]
    _columns: tuple[tuple[int, ...], ...]

    def __init__(self, goals: Sequence[Goal], metric_names: Sequence[str]) -> None:
        object.__setattr__(self, "goals", tuple(goals))
        object.__setattr__(self, "metric_names", tuple(metric_names))
        if not self.goals:
            raise SearchError("no goals: give at least one, e.g. Minimise('runtime_s')")
        for before, goal in zip((None, *self.goals), self.goals, strict=False):
            for metric in goal.metrics:
                if metric not in self.metric_names:
                    raise SearchError(
                        f"{goal!r} names a metric that this game does not measure; it measures "
                        f"{', '.join(self.metric_names)}"
                    )
            if before is not None and before.limit is None and goal.limit is not None:
                raise SearchError(f"{goal!r} comes after {before!r} and would never bind: put limits first")
        columns = tuple(tuple(self.metric_names.index(metric) for metric in goal.metrics) for goal in self.goals)
        object.__setattr__(self, "_columns", columns)

    def check(self, metrics: Sequence[float]) -> None:
        """Raise SearchError unless there is one figure for each name, and each goal's is a number >= 0."""
        if len(metrics) != len(self.metric_names):
            raise SearchError(f"the game measured {len(metrics)} figures for {len(self.metric_names)} names")
        for column in {column for columns in self._columns for column in columns}:
            if not metrics[column] >= 0:
                raise SearchError(
                    f"the game measured {self.metric_names[column]} = {metrics[column]}: must be a number >= 0"
                )

    @property
    def needs_root(self) -> bool:
        """Whether some goal leaves something to the root's metrics."""
        return any(goal.needs_root for goal in self.goals)

    def relative_to(self, root: Sequence[float]) -> "Goals":
        """Return the goals with all that they leave to the root's metrics filled in (see `Weighted`)."""
        pairs = zip(self.goals, self._columns, strict=True)
        return Goals([goal.relative_to([root[c] for c in columns]) for goal, columns in pairs], self.metric_names)

    def rank(self, metrics: Sequence[float]) -> tuple[float, ...]:
        """Return the goals' costs in their order: compared as tuples, the smaller is the better."""
        return tuple(goal.cost(figure) for goal, figure in self.figures(metrics))

    def figures(self, metrics: Sequence[float]) -> list[tuple[Goal, float]]:
        """Return each goal with the one figure that it is about."""
        pairs = zip(self.goals, self._columns, strict=True)
        return [(goal, goal.combined([metrics[column] for column in columns])) for goal, columns in pairs]

    def value(self, metrics: Sequence[float], reference: Sequence[float]) -> float:
        """Return a figure in [0, 1] that never rises as the rank grows; `reference` is the root's metrics.

        Each limit halves what is left of [0, 1]. With limits 1..k, of which the first i are satisfied::

            limit i+1 is violated:  (1 - 2^-i) + 2^-(i+1) / (1 + log(1 + excess))
            all are satisfied:      (1 - 2^-k) + 2^-k reference / (reference + figure)

        for the first figure to minimise; without one the last term is 2^-k. So a state that violates a
        limit is worth less than any that satisfies it. The figures to minimise after the first break
        ties in the rank only: no real-valued function follows a lexicographic order of two reals.
        """
        low, width = 0.0, 1.0
        for (goal, figure), (_, root) in zip(self.figures(metrics), self.figures(reference), strict=True):
            score = goal.score(figure, root)
            if goal.limit is None:
                return low + width * score
            width /= 2
            if goal.cost(figure) > 0:
                return low + width * score
            low += width
        return low + width

    def satisfied(self, metrics: Sequence[float]) -> bool:
        """Return whether every limit is respected."""
        return self.violated(metrics) is None

    def violated(self, metrics: Sequence[float]) -> tuple[Goal, float] | None:
        """Return the first goal whose limit is not respected, and the figure that breaks it."""
        return next(
            ((goal, figure) for goal, figure in self.figures(metrics) if goal.limit is not None and goal.cost(figure)),
            None,
        )

    def binding(self, metrics: Sequence[float]) -> str:
        """Return the metric of the first violated limit, else the first to minimise, else an empty string."""
        violated = self.violated(metrics)
        free = (number for number, goal in enumerate(self.goals) if goal.limit is None)
        number = next(free, None) if violated is None else self.goals.index(violated[0])
        if number is None:
            return ""
        return self.goals[number].binding([metrics[column] for column in self._columns[number]])
