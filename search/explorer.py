"""What all strategies that walk through the game share: their settings, and the frame of a run."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from autopart.search.budget import Budget, StopReason
from autopart.search.game import Game
from autopart.search.goals import Goals
from autopart.search.observer import NullObserver, Observer
from autopart.search.priors import Prior, UniformPrior
from autopart.search.run import run_search
from autopart.search.strategy import SearchResult
from autopart.search.walk import Walk


@dataclass(frozen=True, slots=True, kw_only=True)
class Explorer(ABC):
    """A strategy that explores by walking; `seed` is of its random numbers, `clock` gives seconds."""

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
        return run_search(game, goals, budget, seeds, observer or NullObserver(), self.prior, self.clock, self._explore)

    def explore(self, walk: Walk) -> StopReason:
        """Walk on in a frame of the caller's own, after the root and the seeds."""
        return self._explore(walk)

    @abstractmethod
    def _explore(self, walk: Walk) -> StopReason:
        """Walk until the session says stop, or nothing new is left."""
