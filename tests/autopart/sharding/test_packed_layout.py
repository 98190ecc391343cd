"""Layouts as integers say what the lists of axes say that they were packed from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopart.costmodel.collectives import unpack_axes
from autopart.sharding.packed_layout import mask_of, nesting, only_cuts, parts_of, tiled_axes, tiled_dim, unpack

SIZES = np.array([2, 3, 4, 5, 6, 7, 8, 9], np.int64)

Tiles = dict[int, int]
"""Axis -> dimension, outermost axis first."""


def pack(tiles: Tiles) -> int:
    """As the module says: a byte an axis, dimension + 1 low, number of axes outside it high."""
    depth: dict[int, int] = {}
    packed = 0
    for axis, dim in tiles.items():
        packed |= (depth.get(dim, 0) << 4 | dim + 1) << (8 * axis)
        depth[dim] = depth.get(dim, 0) + 1
    return packed


@st.composite
def tilings(draw: st.DrawFn) -> Tiles:
    axes = draw(st.permutations(range(8)))
    dims = draw(st.lists(st.integers(0, 7), max_size=8))
    return dict(zip(axes, dims, strict=False))


def test_golden() -> None:
    # Axis 1 cuts dimension 0 outermost, axis 0 cuts it again, axis 2 cuts dimension 3.
    packed = pack({1: 0, 0: 0, 2: 3})
    assert packed == 0x040111
    assert [tiled_dim(packed, axis) for axis in range(4)] == [0, 0, 3, -1]
    assert [nesting(packed, dim) for dim in range(4)] == [2, 0, 0, 1]
    assert (tiled_axes(packed), mask_of(packed), parts_of(packed, SIZES)) == (0b111, 0xFFFFFF, 2 * 3 * 4)


@given(tilings())
def test_every_reading_agrees_with_the_list(tiles: Tiles) -> None:
    packed = pack(tiles)
    assert [tiled_dim(packed, axis) for axis in range(8)] == [tiles.get(axis, -1) for axis in range(8)]
    assert [nesting(packed, dim) for dim in range(8)] == [list(tiles.values()).count(dim) for dim in range(8)]
    assert tiled_axes(packed) == sum(1 << axis for axis in tiles)
    # Bit 63 is a sign, so the mask of axis 7 is compared as 64 bits.
    assert mask_of(packed) & (2**64 - 1) == sum(255 << (8 * axis) for axis in tiles)
    assert parts_of(packed, SIZES) == int(np.prod([SIZES[axis] for axis in tiles], dtype=np.int64))
    codes = np.full(8, 77, np.int64)
    unpack(packed, 8, codes)
    assert [unpack_axes(int(code)) for code in codes] == [
        tuple(axis for axis, d in tiles.items() if d == dim) for dim in range(8)
    ]


@given(tilings(), st.integers(0, 8))
def test_a_layout_only_cuts_what_it_begins_with(tiles: Tiles, count: int) -> None:
    coarse = dict(list(tiles.items())[:count])
    assert only_cuts(pack(coarse), pack(tiles))
    assert only_cuts(pack(tiles), pack(coarse)) == (coarse == tiles)


@pytest.mark.parametrize(
    ("coarse", "fine"),
    [
        ({0: 0}, {0: 1}),  # Another dimension.
        ({0: 0}, {1: 0, 0: 0}),  # The other axis went outside it.
        ({0: 0, 1: 0}, {1: 0, 0: 0}),  # The other order.
    ],
)
def test_other_dimensions_and_orders_are_no_cuts(coarse: Tiles, fine: Tiles) -> None:
    assert not only_cuts(pack(coarse), pack(fine))


def test_unpack_leaves_what_lies_behind_the_rank() -> None:
    codes = np.full(4, 77, np.int64)
    unpack(pack({0: 1}), 2, codes)
    assert codes.tolist() == [0, 1, 77, 77]
