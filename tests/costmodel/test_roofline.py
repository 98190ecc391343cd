"""The two sides of the roof."""

from __future__ import annotations

import pytest

from costmodel import roofline_time


@pytest.mark.parametrize(
    ("flops", "nbytes", "seconds"),
    [
        # 2 Tflop at 1 Tflop/s take 2 s; 50 GB at 100 GB/s half a second, behind them.
        (2e12, 50e9, 2.0),
        # 300 GB take 3 s, and the same flops hide.
        (2e12, 300e9, 3.0),
        (0.0, 0.0, 0.0),
    ],
)
def test_the_slower_side_counts(flops: float, nbytes: float, seconds: float) -> None:
    assert roofline_time(flops, nbytes, 1e12, 100e9) == seconds
