"""Monte Carlo graph search with PUCT."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from search.budget import Budget, StopReason
from search.choice import promising_edge, puct_edge
from search.errors import SearchError
from search.game import Game
from search.goals import Goals
from search.observer import NullObserver, Observer
from search.priors import Prior, UniformPrior
from search.run import run_search
from search.strategy import SearchResult
from search.walk import Step, Walk


@dataclass(frozen=True, slots=True)
class MCTS:
    """Goes down by PUCT to a new state, then on for `rollout_depth` promising steps; see `choice.py`.

    Every new state on the way is a simulation and a node. Two runs with the same settings on the same
    game do the same, unless the seconds run out. `clock` gives seconds. Raises SearchError for settings
    out of range: exploration and rollout_temperature > 0, max_weight in [0, 1], rollout_depth >= 0.
    """

    seed: int = 0
    prior: Prior = field(default_factory=UniformPrior)
    exploration: float = 0.4
    max_weight: float = 0.5
    rollout_depth: int = 64
    rollout_temperature: float = 0.3
    clock: Callable[[], float] = time.perf_counter

    def __post_init__(self) -> None:
        for name in ("exploration", "rollout_temperature"):
            if not getattr(self, name) > 0:
                raise SearchError(f"{name} is {getattr(self, name)}: must be positive")
        if not 0 <= self.max_weight <= 1:
            raise SearchError(f"max_weight is {self.max_weight}: must lie in [0, 1]")
        if self.rollout_depth < 0:
            raise SearchError(f"rollout_depth is {self.rollout_depth}: must not be negative")

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
            if not self._descend(walk, rng):
                return StopReason.EXHAUSTED
            self._roll_out(walk, rng)
            walk.unwind()
        return stop

    def _descend(self, walk: Walk, rng: np.random.Generator) -> bool:
        """Walk to a new state; return False where there is none left."""
        while True:
            node = walk.expand()
            if not node.exhausted:
                edge = puct_edge(node, walk.graph.gains, rng, self.exploration, self.max_weight)
                if walk.step(edge) is Step.NEW:
                    return True
            elif walk.path:
                walk.back()
            else:
                return False

    def _roll_out(self, walk: Walk, rng: np.random.Generator) -> None:
        for _ in range(self.rollout_depth):
            if walk.session.stop() is not None or walk.expand().exhausted:
                return
            walk.step(promising_edge(walk.node, walk.graph.gains, rng, self.rollout_temperature))
