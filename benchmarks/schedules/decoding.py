"""Schedules of inference with a cache: sequences with their caches, heads with theirs, and the embedding.

EMB and VOC are what they are in `decoders`. DA, data-parallel attention, is how servers run models whose cache has
fewer heads than there are devices: each device has whole sequences and all heads of attention, and its part of d_ff.
MQ, multi-query sharding (arXiv 2211.05102), keeps weights split by heads, and splits only what looks at the cache by
sequences: queries go from heads to sequences, and results back, by all_to_all.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from autopart.benchmarks.schedules.common import BATCH, MODEL, Schedules, Tiles
from autopart.tactics.manual import REPLICATED, Manual

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
    """With one head of keys and values, which Megatron leaves whole on the model axis, and so the cache.

    MQ tiles all at once, for on either side of a boundary neither layout may reach the other by propagation; and new
    keys and values, which are small, are made for all sequences.
    """
    feed_forward: Tiles = {"params/layers/*/mlp/up": 1}
    by_heads: Tiles = {
        "params/layers/*/attn/q": 1,
        "params/layers/*/attn/out": 0,
        "query_heads": 1,
        "attended_heads": 1,
    }
    by_sequence: Tiles = {"cache": 0, "query": 0, "attended": 0}
    new: Tiles = {"key": REPLICATED, "value": REPLICATED}
    multi_query = Manual({**feed_forward, **by_heads, **by_sequence, **new}, MODEL, "multi-query sharding")
    attention = (Manual(feed_forward, MODEL, "Megatron: d_ff"), Manual({"cache": 0}, MODEL, "attention: sequences"))
    words = Manual({"params/embed": 0}, MODEL, "embedding: vocabulary")
    return {
        **decoding({"params/layers/*/attn/q": 1}),
        "DA": attention,
        "BP+DA": (DATA_PARALLEL, *attention),
        "MQ": (multi_query,),
        "BP+MQ": (DATA_PARALLEL, multi_query),
        "BP+MQ+VOC": (DATA_PARALLEL, multi_query, words),
    }


IT32: Final[Schedules] = MappingProxyType(decoding({"params/layers/*/attn/qkv": 2, "cache": 2}))
"""Schedules of `autopart.benchmarks.models.it32` with its layers unrolled."""

IT32_MQ: Final[Schedules] = MappingProxyType(_multi_query())
"""Schedules of `autopart.benchmarks.models.it32_mq` with its layers unrolled."""
