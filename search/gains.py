"""What each action has brought wherever it was tried: a guess at what it will bring elsewhere."""

from collections.abc import Sequence

import numpy as np

from autopart.search.priors import FloatArray


class Gains:
    """For each action id a mean of (child's value - parent's value) over the edges found so far.

    Where the order of actions matters little, an action does much the same in many states: the
    all-moves-as-first statistic (Gelly and Silver 2007). The mean gives the latest of many tries a weight
    of `rate`, since what an action brings drifts as the search moves on.
    """

    def __init__(self, rate: float = 0.1) -> None:
        self._rate = rate
        self._tries: dict[int, int] = {}
        self._means: dict[int, float] = {}

    def note(self, action: int, gain: float) -> None:
        """Learn from one edge."""
        tries = self._tries[action] = self._tries.get(action, 0) + 1
        mean = self._means.get(action, 0.0)
        self._means[action] = mean + max(1.0 / tries, self._rate) * (gain - mean)

    def expected(self, actions: Sequence[int]) -> FloatArray:
        """Return f64[len(actions)]: the means, an action never tried taking the greatest (0 without any)."""
        unknown = float("-inf")
        gains = np.array([self._means.get(action, unknown) for action in actions])
        known = gains > unknown
        return np.where(known, gains, gains.max(where=known, initial=unknown) if known.any() else 0.0)
