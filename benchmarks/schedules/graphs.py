"""Schedules of graph networks.

Edge sharding (ES) splits the edges of every graph; each device sums into all nodes what its edges send.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from autopart.benchmarks.schedules.common import (
    BATCH,
    DATA_PARALLEL,
    KERNELS,
    MODEL,
    Schedules,
    Tiles,
    compositions,
    data_and_zero,
    zero2,
    zero3,
)
from autopart.tactics.manual import Manual


def _gns() -> Schedules:
    edges: Tiles = {"batch/{edges,senders,receivers}": 1}
    by_batch, by_model = (Manual(edges, axis, "edge sharding") for axis in (BATCH, MODEL))
    megatron = Manual({"params/**/in/*/w": 1, "params/**/layers/1/w": 1}, MODEL, "Megatron: pairs of layers")
    return {
        **compositions(megatron, KERNELS),
        **data_and_zero(KERNELS),
        "ES": (by_batch,),
        "ES+MP": (by_batch, megatron),
        "ES+Z3": (by_batch, *zero3(KERNELS)),
        "BP+ES": (DATA_PARALLEL, by_model),
        "BP+ES+Z2": (DATA_PARALLEL, by_model, *zero2(KERNELS)),
        "BP+ES+Z3": (DATA_PARALLEL, by_model, *zero3(KERNELS)),
    }


GNS: Final[Schedules] = MappingProxyType(_gns())
"""Schedules of `autopart.benchmarks.models.gns`."""
