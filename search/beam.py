"""Beam search that starts again, wider, where it ends."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autopart.search.budget import StopReason
from autopart.search.discover import discover
from autopart.search.explorer import Explorer
from autopart.search.neighbours import look_around, open_children
from autopart.search.settings import at_least
from autopart.search.walk import Walk


@dataclass(frozen=True, slots=True, kw_only=True)
class Beam(Explorer):
    """Keeps the `width` best states of each depth, of `candidates` new children of each and all known ones.

    A pass starts at the best state so far and ends after `patience` depths without a better one, or where
    nothing new lies ahead; the next is twice as wide (Zhang, Complete Anytime Beam Search, 1998), and after a
    pass that found no better state it starts at the root. Raises SearchError for
    settings below 1.
    """

    width: int = 2
    candidates: int = 8
    patience: int = 3

    def __post_init__(self) -> None:
        at_least(1, width=self.width, candidates=self.candidates, patience=self.patience)

    def _explore(self, walk: Walk) -> StopReason:
        rng, session = np.random.default_rng(self.seed), walk.session
        start, width = session.improvements[-1].actions, self.width
        while (stop := session.stop()) is None:
            before, rank = session.simulations, session.best_rank
            self._pass(walk, rng, start, width)
            if session.simulations == before and not discover(walk, rng):
                return StopReason.EXHAUSTED
            width *= 2
            start = session.improvements[-1].actions if session.best_rank < rank else ()
        return stop

    def _pass(self, walk: Walk, rng: np.random.Generator, start: tuple[int, ...], width: int) -> None:
        level, seen, stalled = [start], {walk.graph.root_key}, 0
        while level and stalled < self.patience and walk.session.stop() is None:
            rank = walk.session.best_rank
            children = self._children(walk, rng, level, seen)
            level = [actions for _, actions in sorted(children.values())[:width]]
            seen |= children.keys()
            stalled = 0 if walk.session.best_rank < rank else stalled + 1

    def _children(
        self, walk: Walk, rng: np.random.Generator, level: Sequence[tuple[int, ...]], seen: set[int]
    ) -> dict[int, tuple[tuple[float, ...], tuple[int, ...]]]:
        """Return rank and actions, by key, of the children of a level that this pass has not seen."""
        found: dict[int, tuple[tuple[float, ...], tuple[int, ...]]] = {}
        for actions in level:
            walk.go(actions)
            look_around(walk, rng, self.candidates)
            for rank, edge in open_children(walk):
                key = walk.node.children[edge]
                if key is not None and key not in seen:
                    found.setdefault(key, (rank, (*actions, walk.node.actions[edge])))
        return found
