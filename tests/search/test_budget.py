"""Budgets: which bound is reached, and what is refused."""

import math

import pytest

from autopart.search import Budget, SearchError, StopReason


@pytest.mark.parametrize(
    ("budget", "simulations", "seconds", "reason"),
    [
        (Budget(simulations=10), 9, 1e9, None),
        (Budget(simulations=10), 10, 0.0, StopReason.SIMULATIONS),
        (Budget(seconds=2.0), 10**9, 1.9, None),
        (Budget(seconds=2.0), 0, 2.0, StopReason.SECONDS),
        (Budget(simulations=10, seconds=2.0), 9, 1.9, None),
        (Budget(simulations=10, seconds=2.0), 10, 2.0, StopReason.SIMULATIONS),
        (Budget(simulations=10, seconds=2.0), 9, 2.0, StopReason.SECONDS),
    ],
)
def test_spent(budget: Budget, simulations: int, seconds: float, reason: StopReason | None) -> None:
    assert budget.spent(simulations, seconds) is reason


@pytest.mark.parametrize(
    ("simulations", "seconds", "message"),
    [
        (None, None, "without end"),
        (0, None, "0 simulations"),
        (-3, 1.0, "-3 simulations"),
        (None, 0.0, "0.0 seconds"),
        (None, math.nan, "nan seconds"),
        (5, math.inf, "inf seconds"),
    ],
)
def test_refused(simulations: int | None, seconds: float | None, message: str) -> None:
    with pytest.raises(SearchError, match=message):
        Budget(simulations, seconds)


def test_a_stall_is_positive_and_bounds_nothing_alone() -> None:
    with pytest.raises(SearchError, match="0 stalled states"):
        Budget(simulations=5, stall=0)
    with pytest.raises(SearchError, match="without end"):
        Budget(stall=5)
