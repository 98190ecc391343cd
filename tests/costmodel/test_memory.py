"""Peak memory against hand-drawn timelines and a plain re-telling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel import peak_bytes


def peak(resident: float, rows: list[tuple[float, float, float]]) -> tuple[float, int]:
    """`peak_bytes` of rows (alloc, free, transient)."""
    table = np.array(rows, np.float64).reshape(len(rows), 3)
    alloc, free, transient = (np.ascontiguousarray(column) for column in table.T)
    return peak_bytes(resident, alloc, free, transient)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], (100.0, -1)),
        # live while running: 110, 130, 115, 105; what is freed goes only after its position has run.
        ([(10, 0, 0), (20, 25, 0), (10, 10, 0), (0, 5, 0)], (130.0, 1)),
        # Scratch counts where it is used and nowhere after: 110 + 50, then 120.
        ([(10, 0, 50), (10, 0, 0)], (160.0, 0)),
        # Two equal peaks: the first is told.
        ([(10, 10, 0), (10, 10, 0)], (110.0, 0)),
        # Nothing exceeds what was there (donated arguments go).
        ([(0, 60, 0), (30, 0, 0)], (100.0, -1)),
    ],
)
def test_timelines(rows: list[tuple[float, float, float]], expected: tuple[float, int]) -> None:
    assert peak(100.0, rows) == expected


amounts = st.integers(0, 1 << 40).map(float)


@given(amounts, st.lists(st.tuples(amounts, amounts, amounts), max_size=12))
def test_as_told_plainly(resident: float, rows: list[tuple[float, float, float]]) -> None:
    told = [
        resident + sum(r[0] for r in rows[: i + 1]) - sum(r[1] for r in rows[:i]) + rows[i][2] for i in range(len(rows))
    ]
    most, position = peak(resident, rows)
    assert most == max([resident, *told])
    assert position == (-1 if most == resident else told.index(most))
