"""Time of collectives on rings, and on meshes of rings.

Every collective is described by ``full_bytes``: the bytes of the value *in full* along the axes that
take part, whatever part of it a device holds. With ``N`` devices taking part that is

* all_gather: the result (each device brings ``full_bytes / N``);
* all_reduce: the operand (each device holds all of it, as a partial sum);
* reduce_scatter: the operand (each device keeps ``full_bytes / N``);
* all_to_all: the local operand times ``N``, that is the value gathered along the axes;
* collective_permute: the local operand times ``N``;
* all_slice: anything, for it moves nothing.

Kinds are small integers so that they may live in arrays and reach the kernels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from costmodel.errors import CostModelError
from costmodel.kernel import kernel

ALL_SLICE: Final = 0
ALL_GATHER: Final = 1
ALL_REDUCE: Final = 2
REDUCE_SCATTER: Final = 3
ALL_TO_ALL: Final = 4
COLLECTIVE_PERMUTE: Final = 5

KIND_NAMES: Final = (
    "all_slice",
    "all_gather",
    "all_reduce",
    "reduce_scatter",
    "all_to_all",
    "collective_permute",
)
"""Name of each kind, indexed by its number."""

START_S: Final = 0
S_PER_BYTE: Final = 1
"""Columns of a line of the table of links: seconds before the first byte, seconds a byte in full."""

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
def ring_time(kind: int, full_bytes: float, n: int, bandwidth: float, latency: float, switched: bool = False) -> float:
    """Returns the seconds of one collective among the `n` devices of one mesh axis.

    With ``B = full_bytes`` (see the module), ``W = bandwidth`` in bytes per second that one device sends
    into the axis, and ``a = latency`` in seconds per hop:

    * all_gather, reduce_scatter: ``a (n-1) + B (n-1) / (n W)``;
    * all_reduce: twice that, a reduce_scatter and an all_gather;
    * all_to_all: ``a (n-1) + p B (n-1) / (n^2 W)``; the penalty ``p`` is 1 where a switch joins every
      pair (`switched`), and ``floor(n^2 / 4) / (n-1)`` on a ring, whose messages take a quarter of the
      way around on average, the nearer way;
    * collective_permute: ``a + B / (n W)``, one hop;
    * all_slice: 0. Everything is 0 when ``n`` is 1.

    Where a ring carries both directions at once `bandwidth` is the sum of the two, as `Mesh.links` gives
    it; a permute is charged at that sum too, for a halo is exchanged with both neighbours at once.

    Sources: Thakur, Rabenseifner, Gropp, "Optimization of Collective Communication Operations in MPICH",
    2005; Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms", 2009; the ring's all_to_all
    penalty counts hops over links: ``n`` sources, ``floor(n^2 / 4)`` hops each, ``B / n^2`` bytes a hop.
    """
    if n <= 1 or kind == ALL_SLICE:
        return 0.0
    hops = latency * (n - 1)
    if kind in (ALL_GATHER, REDUCE_SCATTER):
        return hops + full_bytes * (n - 1) / (n * bandwidth)
    if kind == ALL_REDUCE:
        return 2.0 * (hops + full_bytes * (n - 1) / (n * bandwidth))
    if kind == ALL_TO_ALL:
        messages = n - 1 if switched else (n * n) // 4
        return hops + full_bytes * messages / (n * n * bandwidth)
    assert kind == COLLECTIVE_PERMUTE
    return latency + full_bytes / (n * bandwidth)


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


def phased_line(kind: int, rings: Sequence[tuple[int, float, float, bool]]) -> tuple[float, float]:
    """Returns the start in seconds and the seconds per byte of a collective that runs one ring phase an axis.

    `rings` are size, bandwidth, latency and switch of each axis, outermost first. With ``B`` bytes in full
    over axes of sizes ``n_0`` (outermost) to ``n_k`` (innermost), phases run one after the other:

    * all_gather: innermost first, so that every phase meets what is contiguous; the phase on axis ``i``
      ends with ``B / (n_0 ... n_{i-1})`` bytes, and the outermost with ``B``;
    * reduce_scatter: its mirror, outermost first, at the same cost;
    * all_reduce: reduce_scatter innermost first on ``B / (n_{i+1} ... n_k)`` bytes, all_reduce of what is
      left on the outermost axis, and the all_gathers back: the nearest links carry the most;
    * all_to_all, collective_permute: a phase an axis, each moving the local operand of ``B / N`` bytes.
    """
    devices, outer = math.prod(ring[0] for ring in rings), 1
    start_s, s_per_byte = 0.0, 0.0
    for n, bandwidth, latency, switched in rings:
        if kind in (ALL_GATHER, REDUCE_SCATTER):
            share = 1 / outer
        elif kind == ALL_REDUCE:
            share = outer * n / devices
        else:
            share = n / devices
        start = ring_time(kind, 0.0, n, bandwidth, latency, switched)
        start_s += start
        s_per_byte += ring_time(kind, share, n, bandwidth, 0.0, switched)
        outer *= n
    return start_s, s_per_byte
