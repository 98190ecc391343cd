"""Kinds of collectives, as small integers that may live in arrays and reach the kernels."""

from __future__ import annotations

from typing import Final

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
