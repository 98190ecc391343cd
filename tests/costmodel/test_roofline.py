"""The two sides of the roof."""

from __future__ import annotations

import pytest

from autopart.costmodel import roofline_time


@pytest.mark.parametrize(
    ("work_s", "nbytes", "seconds"),
    [
        # The work takes 2 s; 50 GB at 100 GB/s half a second, behind them.
        (2.0, 50e9, 2.0),
        # 300 GB take 3 s, and the same work hides.
        (2.0, 300e9, 3.0),
        (0.0, 0.0, 0.0),
    ],
)
def test_the_slower_side_counts(work_s: float, nbytes: float, seconds: float) -> None:
    assert roofline_time(work_s, nbytes, 100e9) == seconds
