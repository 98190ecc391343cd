"""Random playouts: the baseline that any strategy must beat."""

from dataclasses import dataclass

import numpy as np

from autopart.search.budget import StopReason
from autopart.search.choice import prior_edge
from autopart.search.explorer import Explorer
from autopart.search.walk import Walk


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomSearch(Explorer):
    """Draws actions by the prior, from the root until nothing new can follow, and evaluates on the way.

    It never enters an exhausted part again, so it draws without replacement.
    """

    def _explore(self, walk: Walk) -> StopReason:
        rng = np.random.default_rng(self.seed)
        while (stop := walk.session.stop()) is None:
            if not walk.expand().exhausted:
                walk.step(prior_edge(walk.node, rng))
            elif walk.path:
                walk.unwind()
            else:
                return StopReason.EXHAUSTED
        return stop
