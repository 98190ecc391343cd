"""Schedules of mixtures of experts.

Expert parallelism (EP) gives each device some experts. On the axis of the batch it comes before data parallelism: so
tokens are split by sequence outside the experts and by expert inside, and travel by all_to_all. On the model axis
each device sends the tokens that it has to its experts, and what they make is gathered.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from autopart.benchmarks.schedules.common import (
    BATCH,
    DATA_PARALLEL,
    MODEL,
    Schedules,
    Tiles,
    compositions,
    zero2,
    zero3,
)
from autopart.tactics.manual import FIRST_DIVISIBLE_DIM, Manual


def _moe() -> Schedules:
    """With no fewer experts than the batch axis has devices."""
    experts: Tiles = {"params/layers/*/experts/{up,down}": 0}
    by_batch, by_model = (Manual(experts, axis, "expert parallel") for axis in (BATCH, MODEL))
    heads: Tiles = {"params/layers/*/attn/qkv": 2}
    attention = Manual(heads, MODEL, "Megatron: heads")
    megatron = Manual({**heads, "params/layers/*/experts/up": 2}, MODEL, "Megatron: heads and d_ff")
    shared: Tiles = {"{embed,layers/*/attn/{qkv,out}}": FIRST_DIVISIBLE_DIM}
    every: Tiles = {**shared, "layers/*/experts/{up,down}": FIRST_DIVISIBLE_DIM}
    both = (by_batch, DATA_PARALLEL)
    return {
        **compositions(megatron, every),
        "EP": (by_batch,),
        "BP+EP": both,
        "BP+EP+MP": (*both, megatron),
        "BP+EP+Z2": (*both, *zero2(shared)),
        "BP+EP+Z3": (*both, *zero3(shared)),
        "BP+EP+MP+Z2": (*both, megatron, *zero2(shared)),
        "BP+EP+MP+Z3": (*both, megatron, *zero3(shared)),
        "BP+EP(model)": (DATA_PARALLEL, by_model, attention),
    }


def _mixtral() -> Schedules:
    """With few experts, which go to the model axis."""
    experts = Manual({"params/layers/*/experts/{up,gate,down}": 0}, MODEL, "expert parallel")
    heads: Tiles = {"params/layers/*/attn/{q,k,v}": 1}
    attention = Manual(heads, MODEL, "Megatron: heads")
    megatron = Manual({**heads, "params/layers/*/experts/{up,gate}": 2}, MODEL, "Megatron: heads and d_ff")
    every: Tiles = {"{embed,head,layers/*/attn/{q,k,v,out},layers/*/experts/{up,gate,down}}": FIRST_DIVISIBLE_DIM}
    both = (DATA_PARALLEL, experts, attention)
    return {
        **compositions(megatron, every),
        "BP+EP(model)": both,
        "BP+EP(model)+Z2": (*both, *zero2(every)),
        "BP+EP(model)+Z3": (*both, *zero3(every)),
    }


MOE: Final[Schedules] = MappingProxyType(_moe())
"""Schedules of `autopart.benchmarks.models.moe`."""

MIXTRAL: Final[Schedules] = MappingProxyType(_mixtral())
"""Schedules of `autopart.benchmarks.models.mixtral`."""
