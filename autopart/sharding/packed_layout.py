"""Layouts as single integers: a byte an axis, so that equal layouts are equal numbers.

The byte of mesh axis ``a`` (the lowest byte is axis 0) is 0 where the axis tiles nothing; else its low four
bits are the tiled dimension + 1, and its high bits say how many other axes cut that dimension outside it.

A mesh has seven axes at most (``autopart.costmodel.mesh.MAX_AXES``), so the highest byte is 0, no number is negative,
and of the high bits three are enough. The dimension is one of the first ``rules.rule.MOST_DIMS``: the others are kept
whole.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autopart.sharding.kernel import kernel

Packed = npt.NDArray[np.int64]

_DIMS = 0x0F0F0F0F0F0F0F0F
_ONES = 0x0101010101010101
_GATHER = 0x0102040810204080  # Times it, the lowest bits of all bytes stand side by side in the highest byte.


@kernel
def tiled_dim(packed: int, axis: int) -> int:
    """The dimension that ``axis`` tiles, or -1."""
    return ((packed >> (8 * axis)) & 15) - 1


@kernel
def nesting(packed: int, dim: int) -> int:
    """How many axes tile ``dim``."""
    depth = 0
    while packed != 0:
        if packed & 15 == dim + 1:
            depth += 1
        packed >>= 8
    return depth


@kernel
def parts_of(packed: int, sizes: npt.NDArray[np.int64]) -> int:
    """Into how many tiles the array is cut."""
    parts = 1
    axis = 0
    while packed != 0:
        if packed & 15:
            parts *= sizes[axis]
        packed >>= 8
        axis += 1
    return parts


@kernel
def tiled_axes(packed: int) -> int:
    """Bit per axis that tiles something."""
    ones = (((packed & _DIMS) + _DIMS) >> 4) & _ONES
    return ((ones * _GATHER) >> 56) & 255


@kernel
def mask_of(packed: int) -> int:
    """All bits of the bytes whose axes tile something."""
    return ((((packed & _DIMS) + _DIMS) >> 4) & _ONES) * 255


@kernel
def only_cuts(coarse: int, fine: int) -> bool:
    """Whether ``fine`` is ``coarse`` cut further, or ``coarse`` itself: no data has to move between them."""
    return (fine & mask_of(coarse)) == coarse


@kernel
def unpack(packed: int, rank: int, codes: npt.NDArray[np.int64]) -> None:
    """Writes, for each of ``rank`` dimensions, its axes as a code: four bits an axis (index + 1), outermost lowest."""
    for d in range(rank):
        codes[d] = 0
    axis = 1
    while packed != 0:
        place = packed & 255
        if place != 0:
            codes[(place & 15) - 1] |= axis << (4 * (place >> 4))
        packed >>= 8
        axis += 1
