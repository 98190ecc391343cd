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
def collective_time(
    kind: int,
    full_bytes: float,
    axes_code: int,
    sizes: npt.NDArray[np.int64],
    bandwidth: npt.NDArray[np.float64],
    latency: npt.NDArray[np.float64],
    switched: int = 0,
) -> float:
    """Returns the seconds of one collective over one or more mesh axes, one ring phase an axis.

    `axes_code` comes from `pack_axes`. `sizes` (int64), `bandwidth` (float64, bytes per second) and
    `latency` (float64, seconds) have one entry a mesh axis, as `Mesh.links` gives them; bit ``i`` of
    `switched` says that axis ``i`` is a switch, not a ring. With ``B = full_bytes`` over axes of sizes
    ``n_0`` (outermost) to ``n_k`` (innermost), phases run one after the other:

    * all_gather: innermost first, so that every phase meets what is contiguous; the phase on axis ``i``
      ends with ``B / (n_0 ... n_{i-1})`` bytes, and the outermost with ``B``;
    * reduce_scatter: its mirror, outermost first, at the same cost;
    * all_reduce: reduce_scatter innermost first on ``B / (n_{i+1} ... n_k)`` bytes, all_reduce of what is
      left on the outermost axis, and the all_gathers back: the nearest links carry the most;
    * all_to_all, collective_permute: a phase an axis, each moving the local operand of ``B / N`` bytes.

    Over axes of one bandwidth the phases move as many bytes as one ring of all ``N`` devices would, with
    fewer hops.
    """
    total = 0.0
    if kind == ALL_SLICE:
        return total
    devices = 1
    code = axes_code
    while code != 0:
        devices *= sizes[(code & _CODE_MASK) - 1]
        code >>= _CODE_BITS
    outer = 1
    code = axes_code
    while code != 0:
        axis = (code & _CODE_MASK) - 1
        n = sizes[axis]
        if kind in (ALL_GATHER, REDUCE_SCATTER):
            phase_bytes = full_bytes / outer
        elif kind == ALL_REDUCE:
            phase_bytes = full_bytes * (outer * n) / devices
        else:
            phase_bytes = full_bytes * n / devices
        on_switch = ((switched >> axis) & 1) == 1
        total += ring_time(kind, phase_bytes, n, bandwidth[axis], latency[axis], on_switch)
        outer *= n
        code >>= _CODE_BITS
    return total
