"""Greedy search: the best of the next states, as long as it is better than this one."""

from dataclasses import dataclass

import numpy as np

from autopart.search.budget import StopReason
from autopart.search.discover import discover
from autopart.search.explorer import Explorer
from autopart.search.neighbours import look_around, open_children
from autopart.search.settings import at_least
from autopart.search.walk import Walk


@dataclass(frozen=True, slots=True, kw_only=True)
class Greedy(Explorer):
    """Climbs from the best seed; where no action improves, it starts again behind another first step.

    At each state it looks at `candidates` children, the promising ones first, and goes to the best known;
    if none improves, at as many more, until all are known. Raises SearchError for
    `candidates` below 1.
    """

    candidates: int = 16

    def __post_init__(self) -> None:
        at_least(1, candidates=self.candidates)

    def _explore(self, walk: Walk) -> StopReason:
        rng = np.random.default_rng(self.seed)
        walk.go(walk.session.improvements[-1].actions)
        while (stop := walk.session.stop()) is None:
            if not self._climb(walk, rng) and not discover(walk, rng):
                return StopReason.EXHAUSTED
        return stop

    def _climb(self, walk: Walk, rng: np.random.Generator) -> bool:
        """Go one step to a better state; return False, staying here, where there is none."""
        here = walk.session.rank(walk.node.metrics)
        tried = self.candidates
        while tried == self.candidates:
            tried = look_around(walk, rng, self.candidates)
            rank, edge = min(open_children(walk), default=(here, 0))
            if rank < here:
                walk.step(edge)
                return True
        return False
