"""Monte Carlo graph search with PUCT."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from autopart.search.bounds import BoundedGame
from autopart.search.budget import StopReason
from autopart.search.choice import promising_edge, puct_edge
from autopart.search.errors import SearchError
from autopart.search.explorer import Explorer
from autopart.search.gumbel import GumbelRoot
from autopart.search.restarts import Restarts
from autopart.search.settings import at_least, in_unit_interval, positive
from autopart.search.walk import Step, Walk


@dataclass(frozen=True, slots=True, kw_only=True)
class MCTS(Explorer):
    """Goes down by PUCT to a new state, then on for `rollout_depth` promising steps; see `choice.py`.

    Every new state on the way is a simulation and a node. Two runs with the same settings on the same
    game do the same, unless the seconds run out.

    Attributes:
        root: "puct", or "gumbel" for sequential halving over `considered` actions of the root (`gumbel.py`);
        widening: how fast a node opens up to its less promising actions (`widening.py`); None: all at once;
        restart_after: simulations without a better state after which descents begin at the best one, and after
            as many again at the root (`restarts.py`); None: always at the root;
        bounded: leave out what a `BoundedGame` says cannot rank better than the best.

    Raises SearchError for settings out of range: exploration, rollout_temperature and
    widening > 0, max_weight in [0, 1], rollout_depth >= 0, considered >= 2, restart_after >= 1.
    """

    exploration: float = 0.4
    max_weight: float = 0.5
    rollout_depth: int = 64
    rollout_temperature: float = 0.3
    root: Literal["puct", "gumbel"] = "puct"
    considered: int = 16
    widening: float | None = None
    restart_after: int | None = None
    bounded: bool = False

    def __post_init__(self) -> None:
        positive(exploration=self.exploration, rollout_temperature=self.rollout_temperature)
        in_unit_interval(max_weight=self.max_weight)
        at_least(0, rollout_depth=self.rollout_depth)
        at_least(2, considered=self.considered)
        if self.root not in ("puct", "gumbel"):
            raise SearchError(f"root is {self.root!r}: must be 'puct' or 'gumbel'")
        if self.widening is not None:
            positive(widening=self.widening)
        if self.restart_after is not None:
            at_least(1, restart_after=self.restart_after)

    def _explore(self, walk: Walk) -> StopReason:
        rng = np.random.default_rng(self.seed)
        walk.bounded = walk.game if self.bounded and isinstance(walk.game, BoundedGame) else None
        halving = GumbelRoot(rng, self.considered, self.max_weight) if self.root == "gumbel" else None
        restarts = None if self.restart_after is None else Restarts(self.restart_after)
        while (stop := walk.session.stop()) is None:
            if restarts is not None:
                restarts.begin(walk)
            if not self._descend(walk, rng, halving):
                return StopReason.EXHAUSTED
            self._roll_out(walk, rng)
            walk.unwind()
        return stop

    def _descend(self, walk: Walk, rng: np.random.Generator, halving: GumbelRoot | None) -> bool:
        """Walk to a new state; return False where there is none left."""
        gains = walk.graph.gains
        while True:
            node = walk.expand()
            if not node.exhausted:
                if halving is not None and not walk.path:
                    edge = halving.edge(node, gains)
                else:
                    edge = puct_edge(node, gains, rng, self.exploration, self.max_weight, self.widening)
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
