"""Why our rule of a primitive is not Shardy's: a line each, and only the differences that it explains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from benchmarks.shardy.verdict import Difference as Is


@dataclass(frozen=True)
class Reason:
    """Why rules differ.

    Attributes:
        differences: those that it explains.
        text: the reason.
    """

    differences: frozenset[Is]
    text: str


def _reason(text: str, *differences: Is) -> Reason:
    return Reason(frozenset(differences), text)


_PREFIX = _reason(
    "a prefix needs what all tiles before it add up to, and the Program exchanges halos, not prefixes", Is.THEY_PERMUTE
)
_NO_MONOID = _reason("the devices' collectives sum, take maxima and minima, and nothing else", Is.THEY_TILE)
_BITWISE = _reason("of bools both reduce; the devices have no collective for bitwise words", Is.THEY_TILE)
_UNSORTED = _reason(
    "the op needs the dimension whole in both rules; Shardy hands on a layout of it all the same, for ops behind it",
    Is.THEY_HAND_ON,
)
_ALIGNED = "windows that begin with the tiles need nothing of their neighbours"
_WINDOW = _reason(
    f"{_ALIGNED}; halos are exchanged with the next tile only, so tiles are no shorter, and begin alike on both sides",
    Is.WE_STAY, Is.THEY_CUT_FINER, Is.THEY_PERMUTE,
)  # fmt: skip
_ITERATED = _reason("the loop that it is lowered to asks all tiles whether to go on; each tile has its own", Is.WE_STAY)
_SOLVED_EACH = _reason("right-hand sides are solved each for itself", Is.WE_TILE)
_MOVED = _reason("data that crosses the ends of tiles is gathered: the Program permutes halos only", Is.THEY_PERMUTE)

REASONS: Final[Mapping[str, Reason]] = MappingProxyType({})  # fmt: skip
"""Primitive -> why our rule and Shardy's differ."""
