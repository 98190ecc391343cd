"""Times that are straight lines in the number of bytes, and the fastest of several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Final, NamedTuple

START_S: Final = 0
S_PER_BYTE: Final = 1
"""Columns of a line in a table: seconds before the first byte, seconds a byte in full."""


class Line(NamedTuple):
    """One way to do something with ``b`` bytes in ``start_s + b * s_per_byte`` seconds."""

    start_s: float
    s_per_byte: float

    def at(self, nbytes: float) -> float:
        """Returns the seconds for `nbytes` bytes."""
        return self.start_s + nbytes * self.s_per_byte

    def of_share(self, share: float) -> Line:
        """Returns the line for a caller that counts more bytes, of which this work meets only the part `share`."""
        return Line(self.start_s, self.s_per_byte * share)


FREE: Final = (Line(0.0, 0.0),)
"""The ways to do nothing."""


def one_after_another(*steps: Sequence[Line]) -> tuple[Line, ...]:
    """Returns the ways to do all `steps` in turn, each in any of its ways; the slower ones are left out."""
    return fastest(Line(sum(w.start_s for w in ways), sum(w.s_per_byte for w in ways)) for ways in product(*steps))


def side_by_side(*steps: Sequence[Line]) -> tuple[Line, ...]:
    """Returns ways that are never faster than doing all `steps` at once, and wait for the slowest."""
    return fastest(Line(max(w.start_s for w in ways), max(w.s_per_byte for w in ways)) for ways in product(*steps))


def fastest(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Returns the lines that are the fastest for some number of bytes, those for few bytes first.

    This is the lower hull of the lines over bytes >= 0: sorted by start, each line must have the smaller slope, and
    the next must cross it later than it crosses the one before.
    """
    hull: list[Line] = []
    for line in sorted(set(lines)):
        if hull and line.s_per_byte >= hull[-1].s_per_byte:
            continue
        while len(hull) > 1 and _meet(hull[-2], line) <= _meet(hull[-2], hull[-1]):
            hull.pop()
        hull.append(line)
    return tuple(hull)


def _meet(few: Line, many: Line) -> float:
    """The bytes from which `many`, which starts later and rises slower, is the faster."""
    return (many.start_s - few.start_s) / (few.s_per_byte - many.s_per_byte)
