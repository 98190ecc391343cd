"""What searchers of one game tell each other, and how it is merged: the same whatever came first.

Statistics of the root are counted by searcher and only grow, so the latest of each replaces the one before; those of
several are merged as sums of visits, means weighted by visits, and maxima, taken in the order of the searchers'
numbers. States are functions of their key, so their union needs no rule. Of two best states the one that ranks better
wins, then the one with fewer actions, then the one whose actions come first.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from autopart.search.budget import StopReason
from autopart.search.graph import Node, SearchGraph
from autopart.search.journal import Evaluated
from autopart.search.priors import FloatArray


class RootStatistics(NamedTuple):
    """What is known behind each of the n edges of the root: visits i64[n], mean and best f64[n], is_open bool[n]."""

    visits: npt.NDArray[np.int64]
    mean: FloatArray
    best: FloatArray
    is_open: npt.NDArray[np.bool_]


class Update(NamedTuple):
    """What a searcher is told: it may evaluate `grant` states more, and this is what others found."""

    grant: int
    states: list[Evaluated]
    best: Evaluated | None
    root: RootStatistics | None


class Report(NamedTuple):
    """What a searcher tells: the states that it evaluated since it last did, and its own statistics.

    `memory_bytes` is the most that its process ever held.
    `stop` says that it has ended, for nothing is left, or for the `error` that it met.
    """

    states: list[Evaluated]
    root: RootStatistics | None
    transpositions: int
    memory_bytes: int = 0
    stop: StopReason | None = None
    error: Exception | None = None


def merged(statistics: Mapping[int, RootStatistics]) -> RootStatistics | None:
    """Return the statistics of several searchers, by number, as those of one; None of none."""
    if not statistics:
        return None
    each = [statistics[number] for number in sorted(statistics)]
    visits = np.array([one.visits for one in each])
    total = visits.sum(axis=0)
    mean = (visits * np.array([one.mean for one in each])).sum(axis=0) / np.maximum(total, 1)
    best = np.array([one.best for one in each]).max(axis=0)
    is_open = np.logical_and.reduce([one.is_open for one in each], axis=0)
    return RootStatistics(total, mean, best, is_open)


class Roots:
    """The latest statistics of each searcher.

    Their sum is taken anew at most every `period_s`, for it costs as many additions as there are searchers.
    """

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._latest: dict[int, RootStatistics] = {}
        self._summed: dict[int, RootStatistics] = {}
        self._sum: RootStatistics | None = None
        self._summed_s = -math.inf

    def take(self, number: int, statistics: RootStatistics) -> None:
        """Note what a searcher reports."""
        self._latest[number] = statistics

    def all(self) -> RootStatistics | None:
        """Return the statistics of all."""
        return merged(self._latest)

    def others(self, number: int, now_s: float) -> RootStatistics | None:
        """Return those of all but one: visits and means without it, maxima and open edges with it, which it knows."""
        if now_s - self._summed_s >= self._period_s:
            self._summed, self._sum, self._summed_s = dict(self._latest), self.all(), now_s
        own = self._summed.get(number)
        if self._sum is None or own is None or len(self._summed) == 1:
            return self._sum if own is None else None
        visits = self._sum.visits - own.visits
        mean = (self._sum.visits * self._sum.mean - own.visits * own.mean) / np.maximum(visits, 1)
        return self._sum._replace(visits=visits, mean=np.where(visits > 0, mean, 0.0))


class SharedRoot:
    """The root of a searcher's graph, and how much of what stands there came from others.

    The edges' visits are those of all, so that each turns to what the others have left; mean and best are blended when
    news come, and are the searcher's own again from its next visit to the child on.
    """

    def __init__(self, graph: SearchGraph) -> None:
        self._graph = graph
        self._of_others: npt.NDArray[np.int64] | None = None

    def own(self) -> RootStatistics | None:
        """Return the searcher's own statistics; None before the root has edges."""
        root = self._graph.root
        if not root.expanded:
            return None
        children = [None if key is None else self._graph.nodes[key] for key in root.children]
        return RootStatistics(
            root.edge_visits - (0 if self._of_others is None else self._of_others),
            np.array([0.0 if child is None else child.mean for child in children]),
            np.array([0.0 if child is None else child.best for child in children]),
            root.is_open.copy(),
        )

    def merge(self, others: RootStatistics) -> None:
        """Take what the others know."""
        own = self.own()
        root = self._graph.root
        if own is None or len(others.visits) != len(own.visits):
            return
        both = merged({0: own, 1: others})
        assert both is not None
        root.edge_visits[:], root.child_mean[:], root.child_best[:] = both.visits, both.mean, both.best
        self._of_others = others.visits
        self._close(root, both.is_open)

    def _close(self, root: Node, is_open: npt.NDArray[np.bool_]) -> None:
        for edge in np.flatnonzero(root.is_open & ~is_open):
            self._graph.close(root, int(edge))
