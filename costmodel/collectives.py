"""Time of collectives over axes of a mesh.

Every collective is described by ``full_bytes``: the bytes of the value *in full* along the axes that
take part, whatever part of it a device holds. With ``N`` devices taking part that is

* all_gather: the result (each device brings ``full_bytes / N``);
* all_reduce: the operand (each device holds all of it, as a partial sum);
* reduce_scatter: the operand (each device keeps ``full_bytes / N``);
* all_to_all: the local operand times ``N``, that is the value gathered along the axes;
* collective_permute: the local operand times ``N``;
* all_slice: anything, for it moves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from autopart.costmodel.errors import CostModelError
from autopart.costmodel.kernel import kernel
from autopart.costmodel.kinds import (
    ALL_GATHER,
    ALL_REDUCE,
    ALL_SLICE,
    ALL_TO_ALL,
    COLLECTIVE_PERMUTE,
    KIND_NAMES,
    REDUCE_SCATTER,
)
from autopart.costmodel.lines import S_PER_BYTE, START_S

__all__ = [
    "ALL_GATHER",
    "ALL_REDUCE",
    "ALL_SLICE",
    "ALL_TO_ALL",
    "COLLECTIVE_PERMUTE",
    "KIND_NAMES",
    "REDUCE_SCATTER",
    "collective_time",
    "pack_axes",
    "rearranging_time",
    "unpack_axes",
]

_CODE_BITS: Final = 4
_CODE_MASK: Final = 15


def pack_axes(axes: Sequence[int]) -> int:
    """Packs mesh axis indices, outermost first, into the code that `collective_time` takes.

    Each axis fills 4 bits with its index + 1, the outermost axis the lowest 4 bits; 0 ends the list.

    Raises:
        CostModelError: an index is not in 0..7, or an axis stands twice.
    """
    if len(set(axes)) != len(axes) or any(not 0 <= axis < 8 for axis in axes):
        raise CostModelError(f"mesh axes taking part must be distinct indices in 0..7, not {list(axes)}")
    return sum((axis + 1) << (_CODE_BITS * place) for place, axis in enumerate(axes))


def unpack_axes(axes_code: int) -> tuple[int, ...]:
    """Returns the mesh axis indices that `pack_axes` packed, outermost first."""
    axes = []
    while axes_code:
        axes.append((axes_code & _CODE_MASK) - 1)
        axes_code >>= _CODE_BITS
    return tuple(axes)


@kernel
def collective_time(kind: int, full_bytes: float, axes_code: int, links: npt.NDArray[np.float64]) -> float:
    """Returns the seconds of one collective over one or more mesh axes.

    `axes_code` comes from `pack_axes`; the order of its axes does not matter. `links` is the table that
    `Mesh.links` gives: (sets of axes, kinds, lines, 2), a set being a number with a bit an axis. A line is a way to do
    the collective that takes ``links[..., START_S] + full_bytes * links[..., S_PER_BYTE]`` seconds; the fastest is
    taken, as a library that tunes itself does.
    """
    chosen = 0
    code = axes_code
    while code != 0:
        chosen |= 1 << ((code & _CODE_MASK) - 1)
        code >>= _CODE_BITS
    assert 0 <= kind < links.shape[1]
    best = np.inf
    for line in range(links.shape[2]):
        best = min(best, links[chosen, kind, line, START_S] + full_bytes * links[chosen, kind, line, S_PER_BYTE])
    return best


@kernel
def rearranging_time(kind: int, dimension: int, full_bytes: float, s_per_byte: float) -> float:
    """Returns the seconds of copying around a collective on a device that moves whole stretches of memory.

    The parts of an all_gather or a reduce_scatter along the first dimension lie one after another; along any other they
    are interleaved, and the full array is copied, after the one or before the other, at `s_per_byte` (0: a device that
    moves interleaved parts as fast, or whose figure is not known).
    """
    if dimension > 0 and kind in (ALL_GATHER, REDUCE_SCATTER):
        return full_bytes * s_per_byte
    return 0.0
