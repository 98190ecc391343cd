"""A prior for strategy graphs: what costs little looks promising."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autopart.benchmarks.strategy_graph.document import Floats, StrategyGraph
from autopart.benchmarks.strategy_graph.game import StrategyGame
from autopart.search import Game


class CostPrior:
    """Weighs an action by exp(-sharpness x what it costs), as two measures say, each in units of its mean.

    One is what it adds to the sum at once, the other what the node's option costs in ``moved``, where each node's
    costs stand for its surroundings too (`dual.reparametrised`).
    """

    def __init__(self, moved: StrategyGraph, sharpness: float = 6.0) -> None:
        self._sharpness = sharpness
        self._alone = np.concatenate([costs - costs.min() for costs in moved.nodes])

    def __call__(self, game: Game, actions: Sequence[int]) -> Floats:
        """f64[actions], each positive, together 1."""
        assert isinstance(game, StrategyGame)
        alone = np.array([self._alone[action] - self._alone[game.beside(action)] for action in actions])
        added = np.array([game.change(action) for action in actions])
        sharp = np.exp(-self._sharpness * (_in_means(alone) + _in_means(added)) / 2)
        weights: Floats = np.maximum(sharp, 1e-9)
        shares: Floats = weights / weights.sum()
        return shares


def _in_means(costs: Floats) -> Floats:
    above: Floats = costs - costs.min()
    return above / (float(above.mean()) or 1.0)
