"""What it takes to bring an array from one layout into another, and to complete a sum: seconds by the cost model.

Layouts are tuples here, one entry an axis: the dimension that it tiles, ``WHOLE``, or ``PARTIAL`` where each device
holds a part of a sum. How axes nest within a dimension is left out; where two layouts nest alike, the seconds are those
of ``layout`` and ``analysis``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final, TypeAlias

from autopart.costs import Costs
from costmodel.collectives import (
    ALL_GATHER,
    ALL_REDUCE,
    ALL_TO_ALL,
    COLLECTIVE_PERMUTE,
    REDUCE_SCATTER,
    collective_time,
    pack_axes,
    rearranging_time,
)

WHOLE: Final = -1
PARTIAL: Final = -2

AxisDims: TypeAlias = tuple[int, ...]
"""A layout: for each mesh axis a dimension, ``WHOLE`` or ``PARTIAL``."""


class Prices:
    """Seconds of moves on a mesh, each found once."""

    def __init__(self, costs: Costs) -> None:
        self._costs = costs
        self._sizes: list[int] = costs.sizes.tolist()
        self.move = cache(self._move)
        self.complete = cache(self._complete)

    def parts(self, layout: AxisDims) -> int:
        """Into how many tiles a layout cuts."""
        parts = 1
        for size, dim in zip(self._sizes, layout, strict=True):
            parts *= size if dim >= 0 else 1
        return parts

    def exchange(self, full_bytes: float, axes: Iterable[int]) -> float:
        """Seconds of a halo's exchange."""
        return self._seconds(COLLECTIVE_PERMUTE, WHOLE, full_bytes, axes)

    def _seconds(self, kind: int, dim: int, full_bytes: float, axes: Iterable[int]) -> float:
        links, per_byte = self._costs.links, self._costs.rearranging_s_per_byte
        seconds = collective_time(kind, full_bytes, pack_axes(tuple(axes)), links)
        return float(seconds + rearranging_time(kind, dim, full_bytes, per_byte))

    def _move(self, nbytes: float, have: AxisDims, want: AxisDims) -> float:
        """Seconds to bring an array of so many bytes in full into a layout: slices, then all_to_alls, then gathers.

        Infinite where one layout is partial over an axis and the other is not.
        """
        if any((a == PARTIAL) != (b == PARTIAL) for a, b in zip(have, want, strict=True)):
            return float("inf")
        cut = tuple(b if a == WHOLE else a for a, b in zip(have, want, strict=True))
        local, seconds = nbytes / self.parts(cut), 0.0
        gathered: dict[int, list[int]] = {}
        for axis, (now, wanted) in enumerate(zip(cut, want, strict=True)):
            if now >= 0 and wanted >= 0 and now != wanted:
                seconds += self._seconds(ALL_TO_ALL, WHOLE, local * self._sizes[axis], [axis])
            elif now >= 0 and wanted == WHOLE:
                gathered.setdefault(now, []).append(axis)
        for dim, axes in sorted(gathered.items()):
            for axis in axes:
                local *= self._sizes[axis]
            seconds += self._seconds(ALL_GATHER, dim, local, axes)
        return seconds

    def _complete(self, nbytes: float, made: AxisDims, base: AxisDims) -> float:
        """Seconds to complete an array made as a partial sum: scattered where ``base`` tiles, else reduced to all."""
        local, seconds, left = nbytes / self.parts(made), 0.0, []
        for axis, (now, then) in enumerate(zip(made, base, strict=True)):
            if now == PARTIAL and then >= 0:
                seconds += self._seconds(REDUCE_SCATTER, then, local, [axis])
                local /= self._sizes[axis]
            elif now == PARTIAL and then == WHOLE:
                left.append(axis)
        return seconds + (self._seconds(ALL_REDUCE, WHOLE, local, left) if left else 0.0)
