"""Schedules of inference with a cache: sequences with their caches, heads with theirs, and the embedding.

EMB and VOC are what they are in `decoders`. DA, data-parallel attention, is how servers run models whose cache has
fewer heads than there are devices: each device has whole sequences and all heads of attention, and its part of d_ff.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from autopart.tactics import Manual
from benchmarks.schedules.common import BATCH, MODEL, Schedules, Tiles

DATA_PARALLEL: Final = Manual({"cache": 0, "token": 0}, BATCH, "data parallel")


def decoding(heads: Tiles) -> Schedules:
    """Schedules of a decode loop; `heads`: dimensions of heads, by pattern over parameters and cache."""
    megatron = Manual({**heads, "params/layers/*/mlp/up": 1}, MODEL, "Megatron: heads and d_ff")
    features = Manual({"params/embed": 1}, MODEL, "embedding: features")
    words = Manual({"params/embed": 0}, MODEL, "embedding: vocabulary")
    return {
        "BP": (DATA_PARALLEL,),
        "MP": (megatron,),
        "BP+MP": (DATA_PARALLEL, megatron),
        "EMB": (features,),
        "BP+MP+EMB": (DATA_PARALLEL, megatron, features),
        "VOC": (words,),
        "BP+VOC": (DATA_PARALLEL, words),
        "MP+VOC": (megatron, words),
        "BP+MP+VOC": (DATA_PARALLEL, megatron, words),
    }


def _multi_query() -> Schedules:
    """With one head of keys and values, which Megatron leaves whole on the model axis, and so the cache."""
    feed_forward = Manual({"params/layers/*/mlp/up": 1}, MODEL, "Megatron: d_ff")
    sequences = Manual({"cache": 0}, MODEL, "attention: sequences")
    return {
        **decoding({"params/layers/*/attn/q": 1}),
        "DA": (feed_forward, sequences),
        "BP+DA": (DATA_PARALLEL, feed_forward, sequences),
    }


IT32: Final[Schedules] = MappingProxyType(decoding({"params/layers/*/attn/qkv": 2, "cache": 2}))
"""Schedules of `benchmarks.models.it32` with its layers unrolled."""

IT32_MQ: Final[Schedules] = MappingProxyType(_multi_query())
"""Schedules of `benchmarks.models.it32_mq` with its layers unrolled."""
