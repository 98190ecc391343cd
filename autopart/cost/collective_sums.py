"""Sums over a state's collectives that only some goals ask for, kept up to date value by value.

Where nobody asks, a state has no tally and pays nothing. All figures are whole numbers, so that taking away what a
value had and adding what it has is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from autopart.costmodel.collectives import ALL_SLICE
from autopart.program import Graph
from autopart.sharding import AXES, KIND, Float64Array, Int8Array, Int64Array, Layout
from autopart.sharding.kernel import kernel


@dataclass(frozen=True, eq=False)
class Counted:
    """Which collectives a sum is over: of some kinds, over at least one of some axes, on the results of some ops.

    Attributes:
        name: the metric.
        kinds: a bit for each kind of ``autopart.costmodel.collectives``.
        axes: a bit for each mesh axis.
        in_bytes: whether bytes are added up, those of the value in full along the axes; else how often they run.
        ops: (ops,) whether those on the op's results count.
    """

    name: str
    kinds: int
    axes: int
    in_bytes: bool
    ops: npt.NDArray[np.bool_]


class Tally(NamedTuple):
    """The sums of the state that was measured last.

    Attributes:
        kinds, axes, in_bytes: (sums,) see ``Counted``.
        times: (sums, values) how often a collective on the value counts in a step; 0 where it does not.
        held: (sums, values) what the value's collectives come to.
        total: (sums,) the sum of each row of ``held``.
    """

    kinds: Int64Array
    axes: Int64Array
    in_bytes: Int8Array
    times: Int64Array
    held: Int64Array
    total: Int64Array


def empty_tally(graph: Graph, value_weight: Int64Array, counted: Sequence[Counted]) -> Tally:
    """A tally without an entry, of a program whose values stand for ``value_weight`` values each."""
    runs = value_weight * np.array([graph.trips(value.region) for value in graph.values], np.int64)
    producers = np.array([value.producer for value in graph.values])
    times = np.array([np.where(one.ops[producers], runs, 0) for one in counted], np.int64)
    return Tally(
        kinds=np.array([one.kinds for one in counted], np.int64),
        axes=np.array([one.axes for one in counted], np.int64),
        in_bytes=np.array([one.in_bytes for one in counted], np.int8),
        times=times,
        held=np.zeros_like(times),
        total=np.zeros(len(counted), np.int64),
    )


@kernel
def _axes_mask(axes_code: int) -> int:
    """A bit for each axis of a code."""
    mask = 0
    while axes_code != 0:
        mask |= 1 << ((axes_code & 15) - 1)
        axes_code >>= 4
    return mask


@kernel
def tally_changes(layout: Layout, tally: Tally, out: Float64Array) -> None:
    """Counts the collectives of the values that ``analysis.measure`` decided anew; writes the sums to ``out``."""
    values, extent, moves, move_bytes = layout.mover, layout.extent, layout.moves, layout.move_bytes
    kinds, axes, in_bytes = tally.kinds, tally.axes, tally.in_bytes
    times, held, total = tally.times, tally.held, tally.total
    for one in range(total.shape[0]):
        row = 0
        for item in range(layout.counts[2]):
            value, end, found = values[item], extent[item, 0], 0
            while row < end:
                kind = moves[row, KIND]
                if kind != ALL_SLICE and (kinds[one] >> kind) & 1 and _axes_mask(moves[row, AXES]) & axes[one]:
                    found += int(np.rint(move_bytes[row])) if in_bytes[one] else 1
                row += 1
            found *= times[one, value]
            total[one] += found - held[one, value]
            held[one, value] = found
        out[one] = total[one]
