"""A prior for strategy graphs: what costs little at once looks promising."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.strategy_graph.document import Floats
from benchmarks.strategy_graph.game import StrategyGame
from search import Game


@dataclass(frozen=True)
class ChangePrior:
    """Weighs an action by exp(-sharpness x its change of the cost / the mean change)."""

    sharpness: float = 2.0

    def __call__(self, game: Game, actions: Sequence[int]) -> Floats:
        """f64[actions], each positive, together 1."""
        assert isinstance(game, StrategyGame)
        changes = np.array([game.change(action) for action in actions])
        changes -= changes.min()
        scale = float(changes.mean()) or 1.0
        weights: Floats = np.maximum(np.exp(-self.sharpness * changes / scale), 1e-9)
        return weights / weights.sum()
