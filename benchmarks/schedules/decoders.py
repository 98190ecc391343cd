"""Schedules of decoder language models in training: T32, T48, Llama 3 8B.

EMB is PartIR's: the table of embeddings tiled along its features, and with it the residual stream, so that the sums of
Megatron become reduce_scatters, and gathers stand before its products. VOC is Megatron's: the table tiled along
the vocabulary, so that logits are, and are never whole. SP, sequence parallelism, splits by sequences what Megatron
leaves whole (arXiv 2205.05198). CP is context parallelism as in Llama 3: sequences split, keys and values gathered.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from autopart.benchmarks.models.transformer import RESIDUAL
from autopart.benchmarks.schedules.common import (
    DATA_PARALLEL,
    MODEL,
    Schedules,
    Tiles,
    compositions,
    data_and_zero,
    zero2,
    zero3,
)
from autopart.tactics.manual import FIRST_DIVISIBLE_DIM, REPLICATED, Manual


def decoder(megatron: Tiles, matrices: Tiles, vocabulary: Mapping[str, int]) -> Schedules:
    """Schedules of a decoder.

    Args:
        megatron: dimensions of heads and of hidden features, by pattern below the parameters.
        matrices: what ZeRO takes.
        vocabulary: dimensions of the vocabulary, by name below the parameters.
    """
    model = Manual({f"params/{name}": dim for name, dim in megatron.items()}, MODEL, "Megatron: heads and d_ff")
    features = Manual({"params/embed": 1}, MODEL, "embedding: features")
    words = Manual({f"params/{name}": dim for name, dim in vocabulary.items()}, MODEL, "embedding: vocabulary")
    sequence = Manual({RESIDUAL: 1}, MODEL, "sequence parallel")
    context = Manual({"batch": 1, "key": REPLICATED, "value": REPLICATED}, MODEL, "context parallel")
    both, scattered, whole = (DATA_PARALLEL, model), zero2(matrices), zero3(matrices)
    return MappingProxyType(
        {
            **compositions(model, matrices),
            **data_and_zero(matrices),
            "EMB": (features,),
            "MP+EMB": (model, features),
            "BP+MP+EMB": (*both, features),
            "BP+MP+Z2+EMB": (*both, *scattered, features),
            "BP+MP+Z3+EMB": (*both, *whole, features),
            "BP+MP+VOC": (*both, words),
            "BP+MP+VOC+Z3": (*both, words, *whole),
            "BP+MP+SP": (*both, sequence),
            "BP+MP+SP+Z3": (*both, sequence, *whole),
            "BP+CP": (DATA_PARALLEL, context),
            "BP+CP+Z3": (DATA_PARALLEL, context, *whole),
        }
    )


T32: Final = decoder(
    {"layers/*/attn/qkv": 2, "layers/*/mlp/up": 1},
    {"{embed,layers/*/attn/{qkv,out},layers/*/mlp/{up,down}}": FIRST_DIVISIBLE_DIM},
    {"embed": 0},
)
"""Schedules of `autopart.benchmarks.models.t32`, whatever its sizes."""

T32_SCAN: Final = decoder(
    {"layers/attn/qkv": 3, "layers/mlp/up": 2},
    {"embed": 0, "{layers/attn/{qkv,out},layers/mlp/{up,down}}": 1},
    {"embed": 0},
)
"""The same with its layers scanned: dimension 0 of a stacked parameter are the layers, which are the loop's."""

T48: Final = decoder(
    {"layers/*/attn/q": 1, "layers/*/mlp/up": 1},
    {"{embed,layers/*/attn/{q,k,v,out},layers/*/mlp/{up,down}}": FIRST_DIVISIBLE_DIM},
    {"embed": 0},
)
"""Schedules of `autopart.benchmarks.models.t48`: its one head of keys and values is whole on the model axis."""

LLAMA3: Final = decoder(
    {"layers/*/attn/{q,k,v}": 1, "layers/*/mlp/{up,gate}": 1},
    {"{embed,head,layers/*/attn/{q,k,v,out},layers/*/mlp/{up,gate,down}}": FIRST_DIVISIBLE_DIM},
    {"embed": 0, "head": 1},
)
"""Schedules of `autopart.benchmarks.models.llama3_8b`."""
