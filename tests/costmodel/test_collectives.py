"""Codes of axes, and the kernel that reads the table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopart.costmodel import (
    ALL_GATHER,
    ALL_REDUCE,
    ALL_TO_ALL,
    COLLECTIVE_PERMUTE,
    REDUCE_SCATTER,
    CostModelError,
    collective_time,
    pack_axes,
    rearranging_time,
    unpack_axes,
)


def test_the_kernel_takes_the_fastest_line_of_the_set_and_kind() -> None:
    table = np.zeros((4, 6, 2, 2))
    table[0b01, ALL_GATHER] = [[1.0, 3.0], [3.0, 1.0]]
    table[0b11, ALL_REDUCE] = [[5.0, 0.0], [0.0, 7.0]]
    assert [collective_time(ALL_GATHER, nbytes, 0x1, table) for nbytes in (0.0, 1.0, 2.0)] == [1.0, 4.0, 5.0]
    assert collective_time(ALL_GATHER, 2.0, 0x2, table) == 0.0
    assert collective_time(ALL_REDUCE, 0.5, 0x12, table) == collective_time(ALL_REDUCE, 0.5, 0x21, table) == 3.5
    assert collective_time(ALL_REDUCE, 9.0, 0x21, table) == 5.0


@pytest.mark.parametrize("kind", [6, -1])
def test_an_unknown_kind_is_a_bug(kind: int) -> None:
    with pytest.raises(AssertionError):
        collective_time(kind, 1.0, 0x1, np.zeros((2, 6, 1, 2)))


@given(st.permutations(range(8)), st.integers(0, 8))
def test_axes_come_back_as_they_were_packed(order: list[int], many: int) -> None:
    assert unpack_axes(pack_axes(order[:many])) == tuple(order[:many])


def test_the_outermost_axis_is_lowest() -> None:
    assert pack_axes([0, 2]) == 0x31
    assert pack_axes([]) == 0


@pytest.mark.parametrize("axes", [[8], [-1], [1, 1]])
def test_wrong_axes_are_refused(axes: list[int]) -> None:
    with pytest.raises(CostModelError, match="distinct indices"):
        pack_axes(axes)


@pytest.mark.parametrize(
    ("kind", "dimension", "seconds"),
    [
        (ALL_GATHER, 0, 0.0),
        (ALL_GATHER, 1, 3e-6),
        (REDUCE_SCATTER, 2, 3e-6),
        (ALL_REDUCE, -1, 0.0),
        (ALL_TO_ALL, 1, 0.0),
        (COLLECTIVE_PERMUTE, 1, 0.0),
    ],
)
def test_interleaved_parts_are_copied(kind: int, dimension: int, seconds: float) -> None:
    assert rearranging_time(kind, dimension, 1000.0, 3e-9) == pytest.approx(seconds, rel=1e-12)
    assert rearranging_time(kind, dimension, 1000.0, 0.0) == 0.0
