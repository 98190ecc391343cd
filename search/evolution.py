"""An evolutionary search over sequences of actions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autopart.search.budget import StopReason
from autopart.search.choice import promising_edge
from autopart.search.discover import discover
from autopart.search.explorer import Explorer
from autopart.search.neighbours import TEMPERATURE
from autopart.search.settings import at_least, in_unit_interval
from autopart.search.walk import Walk

Genome = tuple[int, ...]
Ranked = tuple[tuple[float, ...], Genome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evolution(Explorer):
    """Breeds sequences of actions, one child at a time: the best `population` states stay.

    A parent is the best of `tournament` drawn. With probability `crossover` a child takes half of the actions
    of another parent on top of its own; else it loses one of its own with probability 1/2. Then it takes up to
    `growth` promising steps. Actions that became illegal on the way are skipped, and a child is
    cut where it ranked best. The seeds, or the root, are the first generation. Raises
    SearchError for settings out of range: crossover in [0, 1], the others >= 1.
    """

    population: int = 8
    tournament: int = 3
    crossover: float = 0.3
    growth: int = 4

    def __post_init__(self) -> None:
        at_least(1, population=self.population, tournament=self.tournament, growth=self.growth)
        in_unit_interval(crossover=self.crossover)

    def _explore(self, walk: Walk) -> StopReason:
        rng, session = np.random.default_rng(self.seed), walk.session
        alive: dict[int, Ranked] = {}
        for seed in [(), *walk.replayed]:
            walk.go(seed)
            self._settle(walk, alive)
        while (stop := session.stop()) is None:
            before = session.simulations
            self._breed(walk, rng, sorted(alive.values()))
            self._settle(walk, alive)
            if session.simulations == before:
                if not discover(walk, rng):
                    return StopReason.EXHAUSTED
                self._settle(walk, alive)
        return stop

    def _breed(self, walk: Walk, rng: np.random.Generator, ranked: Sequence[Ranked]) -> None:
        """Walk along a child's actions."""
        _, parent = ranked[int(rng.integers(len(ranked), size=self.tournament).min())]
        if rng.random() < self.crossover:
            _, other = ranked[int(rng.integers(len(ranked), size=self.tournament).min())]
            taken = rng.random(len(other)) < 0.5
            child = parent + tuple(a for a, take in zip(other, taken, strict=True) if take and a not in parent)
        else:
            lost = int(rng.integers(2 * max(1, len(parent))))
            child = parent[:lost] + parent[lost + 1 :]
        walk.unwind()
        walk.play(child)
        for _ in range(int(rng.integers(1, self.growth + 1))):
            if walk.session.stop() is not None or walk.expand().exhausted:
                return
            walk.step(promising_edge(walk.node, walk.graph.gains, rng, TEMPERATURE))

    def _settle(self, walk: Walk, alive: dict[int, Ranked]) -> None:
        """Let the best state of the path not alive yet join, and the worst go."""
        actions = walk.actions
        states = [*(node for node, _ in walk.path), walk.node]
        fresh = [(walk.session.rank(n.metrics), length, n.key) for length, n in enumerate(states) if n.key not in alive]
        if fresh:
            rank, length, key = min(fresh)
            alive[key] = (rank, tuple(actions[:length]))
        if len(alive) > self.population:
            del alive[max(alive, key=lambda key: alive[key])]
