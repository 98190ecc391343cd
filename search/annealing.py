"""Simulated annealing over sequences of actions."""

import math
from dataclasses import dataclass

import numpy as np

from autopart.search.budget import StopReason
from autopart.search.choice import promising_edge
from autopart.search.discover import discover
from autopart.search.explorer import Explorer
from autopart.search.settings import at_least, in_unit_interval, positive
from autopart.search.walk import Walk

_IDLE = 32
"""Proposals in a row that lead to known states, after which the walk starts again somewhere new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Annealing(Explorer):
    """Proposes one action more or one action less, and takes what is worse by a chance that falls as it cools.

    A state worse by d (in value, see `Goals.value`) is accepted with probability exp(-d / (t m)): m is the mean
    size of d so far, and t falls geometrically from `hot` to `cold` over `cooling` simulations, then starts
    again. Without `cooling` it takes the whole budget of simulations, or 2000 where seconds alone bound the
    search. A proposal takes an action away with probability `drop`, most often a late one; otherwise it adds
    one, drawn by prior and expected gain. Raises SearchError for settings out of range:
    hot, cold > 0, cooling >= 1, drop in [0, 1].
    """

    hot: float = 0.5
    cold: float = 0.01
    cooling: int | None = None
    drop: float = 0.3

    def __post_init__(self) -> None:
        positive(hot=self.hot, cold=self.cold)
        in_unit_interval(drop=self.drop)
        if self.cooling is not None:
            at_least(1, cooling=self.cooling)

    def _explore(self, walk: Walk) -> StopReason:
        rng, session = np.random.default_rng(self.seed), walk.session
        cooling = self.cooling or session.budget.simulations or 2000
        walk.go(session.improvements[-1].actions)
        mean, proposals, idle = 0.0, 0, 0
        while (stop := session.stop()) is None:
            here, value, before = walk.actions, walk.node.own, session.simulations
            temperature = self.hot * (self.cold / self.hot) ** ((before % cooling) / cooling)
            self._propose(walk, rng)
            change = walk.node.own - value
            proposals += 1
            mean += (abs(change) - mean) / proposals
            if change < 0 and rng.random() >= math.exp(change / (temperature * mean)):
                walk.go(here)
            idle = 0 if session.simulations > before else idle + 1
            if idle == _IDLE:
                idle = 0
                if not discover(walk, rng):
                    return StopReason.EXHAUSTED
        return stop

    def _propose(self, walk: Walk, rng: np.random.Generator) -> None:
        actions = walk.actions
        if actions and (walk.expand().exhausted or rng.random() < self.drop):
            place = max(0, len(actions) - int(rng.geometric(0.3)))
            walk.go(actions[:place])
            walk.play(actions[place + 1 :])
        elif not walk.expand().exhausted:
            walk.step(promising_edge(walk.node, walk.graph.gains, rng, temperature=1.0))
