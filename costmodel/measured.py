"""Collectives as they were measured: lines by kind and number of devices, and what lies between."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from autopart.costmodel.errors import CostModelError
from autopart.costmodel.kinds import KIND_NAMES
from autopart.costmodel.lines import Line

Lines: TypeAlias = Mapping[str, Mapping[int, Line]]
"""Kind of collective -> devices taking part -> seconds by bytes in full."""


def read_lines(given: Mapping[str, Mapping[int, tuple[float, float]]]) -> Lines:
    """Returns measured lines, checked and read-only; numbers of devices may come as text, as JSON has them.

    Raises:
        CostModelError: an unknown kind, or a line that is none.
    """
    if not isinstance(given, Mapping):
        raise CostModelError(f"collective_lines must be lines by kind and number of devices, not {given!r}")
    found = {}
    for kind, lines in given.items():
        if kind not in KIND_NAMES[1:]:
            raise CostModelError(f"collective_lines: unknown kind {kind!r}; there is {', '.join(KIND_NAMES[1:])}")
        try:
            exact = {int(n): Line(float(start), float(per_byte)) for n, (start, per_byte) in lines.items()}
        except (TypeError, ValueError, AttributeError) as error:
            raise CostModelError(
                f"collective_lines: {kind} must have [start_s, s_per_byte] for each number of devices, not {lines!r}"
            ) from error
        if not exact or min(exact) < 2 or any(min(line) < 0 or not max(line) > 0 for line in exact.values()):
            raise CostModelError(f"collective_lines: {kind} needs 2 devices or more, and seconds above 0: {lines!r}")
        found[kind] = MappingProxyType(dict(sorted(exact.items())))
    return MappingProxyType(found)


def between(lines: Mapping[int, Line], n: int) -> Line:
    """Returns the line among `n` devices, from those of other numbers.

    Between two known numbers both figures grow with the logarithm of `n`, as the rounds of most algorithms do; beyond
    the ends the nearest known number stands for `n`.
    """
    known = sorted(lines)
    after = min(bisect.bisect_left(known, n), len(known) - 1)
    high = known[after]
    low = known[after - 1] if after and high > n else high
    part = math.log(n / low) / math.log(high / low) if high > low else 0.0
    return Line(*((1 - part) * a + part * b for a, b in zip(lines[low], lines[high], strict=True)))
