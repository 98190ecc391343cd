"""Priors: which of the legal actions look promising before any has been tried."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from autopart.search.errors import SearchError
from autopart.search.game import Game

FloatArray = npt.NDArray[np.float64]


class Prior(Protocol):
    """Weighs the legal actions of a game's current state."""

    def __call__(self, game: Game, actions: Sequence[int]) -> FloatArray:
        """Return f64[len(actions)], each positive, together 1; `actions` is never empty."""
        ...


@dataclass(frozen=True, slots=True)
class UniformPrior:
    """Weighs all actions alike."""

    def __call__(self, game: Game, actions: Sequence[int]) -> FloatArray:
        """Return 1 / n for each of the n actions."""
        return np.full(len(actions), 1.0 / len(actions))


@dataclass(frozen=True, slots=True)
class StaticPrior:
    """Weighs each action by a positive figure known beforehand, such as the bytes that it touches."""

    weights: Callable[[int], float]

    def __call__(self, game: Game, actions: Sequence[int]) -> FloatArray:
        """Return each action's share of the weights; raises SearchError for one not positive and finite."""
        raw = np.array([self.weights(action) for action in actions], dtype=np.float64)
        wrong = np.flatnonzero(~(np.isfinite(raw) & (raw > 0)))
        if wrong.size:
            action = actions[int(wrong[0])]
            raise SearchError(
                f"the static weight of action {action} ({game.describe(action)}) is {raw[wrong[0]]}: "
                "weights must be positive and finite"
            )
        shares: FloatArray = raw / raw.sum()
        return shares


def checked_prior(prior: Prior, game: Game, actions: Sequence[int]) -> FloatArray:
    """Return the prior's weights; raises SearchError unless they are as `Prior` promises."""
    weights = np.asarray(prior(game, actions), dtype=np.float64)
    if weights.shape != (len(actions),):
        raise SearchError(f"{prior!r} gave weights of shape {weights.shape} for {len(actions)} actions")
    if not (np.all(weights > 0) and abs(float(weights.sum()) - 1.0) < 1e-6):
        raise SearchError(f"{prior!r} gave weights that are not positive, or do not sum to 1")
    return weights
