"""Random playouts: the baseline that any strategy must beat."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from search.budget import Budget, StopReason
from search.choice import prior_edge
from search.game import Game
from search.goals import Goals
from search.observer import NullObserver, Observer
from search.priors import Prior, UniformPrior
from search.run import run_search
from search.strategy import SearchResult
from search.walk import Walk


@dataclass(frozen=True, slots=True)
class RandomSearch:
    """Draws actions by the prior, from the root until nothing new can follow, and evaluates on the way.

    It never enters an exhausted part again, so it draws without replacement. `clock` gives seconds.
    """

    seed: int = 0
    prior: Prior = field(default_factory=UniformPrior)
    clock: Callable[[], float] = time.perf_counter

    def run(
        self,
        game: Game,
        goals: Goals,
        budget: Budget,
        seeds: Sequence[Sequence[int]] = (),
        observer: Observer | None = None,
    ) -> SearchResult:
        """Search; see `Strategy.run`."""
        observer = observer or NullObserver()
        return run_search(game, goals, budget, seeds, observer, self.prior, self.clock, self._explore)

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
