"""What it takes to bring an array from one layout into another, and to complete a sum: seconds by the cost model.

Layouts are tuples here, one entry an axis: its place (the dimension that it tiles, and how many axes cut that outside
of it), ``WHOLE``, or ``PARTIAL`` where each device holds a part of a sum. Moves are those of ``layout``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Final, TypeAlias

from autopart.cost import Costs
from autopart.costmodel.collectives import (
    ALL_GATHER,
    ALL_REDUCE,
    ALL_TO_ALL,
    REDUCE_SCATTER,
    collective_time,
    pack_axes,
    rearranging_time,
)

WHOLE: Final = -1
PARTIAL: Final = -2

Places: TypeAlias = tuple[int, ...]
"""A layout: for each mesh axis a place, ``WHOLE`` or ``PARTIAL``."""

_DEEPER: Final = 16


def nested(dims: Sequence[int], order: Sequence[int], inside: Collection[int] = ()) -> Places:
    """The layout in which axes tile ``dims`` (or are ``WHOLE`` or ``PARTIAL``), nested in ``order``, outermost first.

    The axes ``inside`` are nested inside of all others.
    """
    taken: dict[int, int] = {}
    places = list(dims)
    for axis in sorted(order, key=lambda axis: axis in inside):
        if dims[axis] >= 0:
            depth = taken.get(dims[axis], 0)
            places[axis] = dims[axis] + _DEEPER * depth
            taken[dims[axis]] = depth + 1
    return tuple(places)


def unpacked(packed: int, n_axes: int) -> Places:
    """The layout that ``packed`` packs."""
    rows = [(packed >> (8 * axis)) & 255 for axis in range(n_axes)]
    return tuple((row & 15) - 1 + _DEEPER * (row >> 4) if row else WHOLE for row in rows)


def dim_of(place: int) -> int:
    """The dimension of a place that is one."""
    return place % _DEEPER


def _by_dim(layout: Places) -> dict[int, list[int]]:
    """The axes of each dimension that is tiled, outermost first."""
    found: dict[int, list[int]] = {}
    for place, axis in sorted((place, axis) for axis, place in enumerate(layout) if place >= 0):
        found.setdefault(dim_of(place), []).append(axis)
    return found


def _starts(long: list[int], short: list[int]) -> bool:
    return long[: len(short)] == short


class Prices:
    """Seconds of moves on a mesh, each found once."""

    def __init__(self, costs: Costs) -> None:
        self._costs = costs
        self.sizes: list[int] = costs.sizes.tolist()
        self.move = cache(self._move)
        self.complete = cache(self._complete)

    def parts(self, layout: Places) -> int:
        """Into how many tiles a layout cuts."""
        parts = 1
        for size, dim in zip(self.sizes, layout, strict=True):
            parts *= size if dim >= 0 else 1
        return parts

    def seconds(self, kind: int, dim: int, full_bytes: float, axes: Iterable[int]) -> float:
        """Seconds of one collective over axes, with the copying that comes with it."""
        links, per_byte = self._costs.links, self._costs.rearranging_s_per_byte
        seconds = collective_time(kind, full_bytes, pack_axes(tuple(axes)), links)
        return float(seconds + rearranging_time(kind, dim, full_bytes, per_byte))

    def _move(self, nbytes: float, have: Places, want: Places) -> float:
        """Seconds to bring an array of so many bytes in full into a layout: slices, then all_to_alls, then gathers.

        Infinite where one layout is partial over an axis and the other is not.
        """
        if any((a == PARTIAL) != (b == PARTIAL) for a, b in zip(have, want, strict=True)):
            return float("inf")
        move = _Move(self, nbytes / self.parts(have), have, want)
        while move.goes_on():
            pass
        return move.seconds

    def _complete(self, nbytes: float, made: Places, base: Places) -> float:
        """Seconds to complete an array made as a partial sum: scattered where ``base`` tiles, else reduced to all."""
        local, seconds, left = nbytes / self.parts(made), 0.0, []
        for axis in sorted(range(len(base)), key=lambda axis: base[axis] // _DEEPER):
            now, then = made[axis], base[axis]
            if now == PARTIAL and then >= 0:
                seconds += self.seconds(REDUCE_SCATTER, dim_of(then), local, [axis])
                local /= self.sizes[axis]
            elif now == PARTIAL and then == WHOLE:
                left.append(axis)
        return seconds + (self.seconds(ALL_REDUCE, WHOLE, local, left) if left else 0.0)


class _Move:
    """A move on its way, as ``layout`` derives forms: all slices that can be, then one all_to_all or one gather."""

    def __init__(self, prices: Prices, local: float, have: Places, want: Places) -> None:
        self.seconds = 0.0
        self._prices, self._local = prices, local
        self._now, self._want = _by_dim(have), _by_dim(want)
        self._dims = sorted({*self._now, *self._want})

    def goes_on(self) -> bool:
        """Does what comes next; whether there was anything but slices."""
        while self._slice():
            pass
        source = next((d for d in self._dims if not _starts(self._target(d), self._axes(d))), None)
        if source is None:
            return False
        top = self._axes(source)[-1]
        to = [d for d in self._dims if d != source and self._next(d) == top]
        if to:
            self._axes(source).pop()
            self._axes(to[-1]).append(top)
            self.seconds += self._prices.seconds(ALL_TO_ALL, WHOLE, self._local * self._prices.sizes[top], [top])
            return True
        keep = len(self._axes(source)) - 1
        while not _starts(self._target(source), self._axes(source)[:keep]):
            keep -= 1
        gathered = self._axes(source)[keep:]
        del self._axes(source)[keep:]
        for axis in gathered:
            self._local *= self._prices.sizes[axis]
        self.seconds += self._prices.seconds(ALL_GATHER, source, self._local, gathered)
        return True

    def _slice(self) -> bool:
        for dim in self._dims:
            axis = self._next(dim)
            if axis is not None and not any(axis in axes for axes in self._now.values()):
                self._axes(dim).append(axis)
                self._local /= self._prices.sizes[axis]
                return True
        return False

    def _axes(self, dim: int) -> list[int]:
        return self._now.setdefault(dim, [])

    def _target(self, dim: int) -> list[int]:
        return self._want.get(dim, [])

    def _next(self, dim: int) -> int | None:
        """The axis that is yet to cut a dimension inside those that do."""
        now, target = self._axes(dim), self._target(dim)
        return target[len(now)] if _starts(target, now) and len(target) > len(now) else None
