"""Names that somebody may have meant, said first."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

__all__ = ["near_misses", "nearest_first"]

_ALIKE: Final = 0.6
"""From which ratio of equal letters on a name is a near miss, of 1."""


def near_misses(name: str, known: Iterable[str]) -> list[str]:
    """Those of the known names that are nearly the name, the nearest first; at most three."""
    by_lower = {one.lower(): one for one in known}
    return [by_lower[one] for one in get_close_matches(name.lower(), by_lower, 3, _ALIKE)]


def nearest_first(name: str, known: Iterable[str]) -> list[str]:
    """All known names in their order, but for near misses, which come first."""
    known = list(known)
    near = near_misses(name, known)
    return [*near, *(one for one in known if one not in near)]
