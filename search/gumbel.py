"""Sequential halving at the root, over actions drawn with Gumbel noise."""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from autopart.search.choice import quality
from autopart.search.gains import Gains
from autopart.search.graph import Node
from autopart.search.priors import FloatArray


@dataclass(slots=True)
class GumbelRoot:
    """Says which edge of the root the next descent takes (Danihelka et al. 2022, without a policy to learn).

    A round draws `considered` open edges without replacement by the prior, visits each equally often, keeps
    the better half by noise + log prior + `scale` x Q, and so on until one is left. All phases of a round take as
    many descents, and each round twice as many as the one before, since this search goes on for as long as it may.
    """

    rng: np.random.Generator
    considered: int
    max_weight: float
    scale: float = 8.0
    _queue: list[int] = field(default_factory=list)
    _alive: list[int] = field(default_factory=list)
    _noise: dict[int, float] = field(default_factory=dict)
    _visits: int = 1

    def edge(self, root: Node, gains: Gains) -> int:
        """Return an open edge; the root must have one."""
        while True:
            if not self._queue:
                self._next_phase(root, gains)
            edge = self._queue.pop()
            if root.is_open[edge]:
                return edge

    def _next_phase(self, root: Node, gains: Gains) -> None:
        alive = [edge for edge in self._alive if root.is_open[edge]]
        if len(alive) > 1:
            scores = self._scores(root, gains, np.array(alive))
            alive = [alive[place] for place in np.argsort(-scores, kind="stable")[: math.ceil(len(alive) / 2)]]
        else:
            alive = self._new_round(root)
        self._alive = alive
        self._queue = alive[::-1] * (self._visits * max(1, self.considered // len(alive)))

    def _new_round(self, root: Node) -> list[int]:
        edges = np.flatnonzero(root.is_open)
        noise = self.rng.gumbel(size=len(edges))
        self._noise = dict(zip(edges.tolist(), noise.tolist(), strict=True))
        keys = noise + np.log(root.priors[edges])
        if self._alive:
            self._visits *= 2
        return [int(edge) for edge in edges[np.argsort(-keys, kind="stable")[: self.considered]]]

    def _scores(self, root: Node, gains: Gains, edges: npt.NDArray[np.intp]) -> FloatArray:
        noise = np.array([self._noise[int(edge)] for edge in edges])
        return noise + np.log(root.priors[edges]) + self.scale * quality(root, edges, gains, self.max_weight)
