"""Expert schedules of the models, by the names that the field gives them, on the axes ``batch`` and ``model``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from autopart.step import Step
from autopart.tactics import FIRST_DIVISIBLE_DIM, Atomic, Dim, Manual, Tactic
from benchmarks.models import gns, it32, mlp, moe, resnet, t32, unet

BATCH, MODEL = "batch", "model"

Schedules: TypeAlias = Mapping[str, tuple[Tactic, ...]]
"""Name of a strategy -> its tactics."""

Tiles: TypeAlias = Mapping[str, "int | Dim"]
"""Pattern below a tree of parameters or moments -> dimension."""

DATA_PARALLEL: Final = Manual({"batch": 0}, BATCH, "data parallel")


def _zero2(matrices: Tiles) -> tuple[Tactic, ...]:
    """ZeRO-2 of the matrices on the batch axis."""
    return (
        Atomic(tuple(f"params/{pattern}" for pattern in matrices), BATCH, "ZeRO-2: parameters whole"),
        Manual({f"opt_state/0/*/{p}": dim for p, dim in matrices.items()}, BATCH, "ZeRO-2: optimizer state"),
    )


def _zero3(matrices: Tiles) -> tuple[Tactic, ...]:
    """ZeRO-3 of the matrices on the batch axis."""
    return (Manual({f"params/{pattern}": dim for pattern, dim in matrices.items()}, BATCH, "ZeRO-3"),)


def _compositions(megatron: Manual, matrices: Tiles) -> Schedules:
    """BP, MP and what is made of them.

    ZeRO names the matrices only. Norm scales and biases are a ten-thousandth of the bytes and each would
    cost a collective; the published count for Z2 (129 = 4 x 32 + 1) is that of the matrices too.
    """
    return MappingProxyType(
        {
            "BP": (DATA_PARALLEL,),
            "MP": (megatron,),
            "BP+MP": (DATA_PARALLEL, megatron),
            "BP+MP+Z2": (DATA_PARALLEL, megatron, *_zero2(matrices)),
            "BP+MP+Z3": (DATA_PARALLEL, megatron, *_zero3(matrices)),
        }
    )


T32: Final = _compositions(
    Manual({"params/layers/*/attn/qkv": 2, "params/layers/*/mlp/up": 1}, MODEL, "Megatron: heads and d_ff"),
    {"{embed,layers/*/attn/{qkv,out},layers/*/mlp/{up,down}}": FIRST_DIVISIBLE_DIM},
)
"""Schedules of `benchmarks.models.t32`, whatever its sizes."""

T32_SCAN: Final = _compositions(
    Manual({"params/layers/attn/qkv": 3, "params/layers/mlp/up": 2}, MODEL, "Megatron: heads and d_ff"),
    {"embed": 0, "{layers/attn/{qkv,out},layers/mlp/{up,down}}": 1},
)
"""The same with its layers scanned: dimension 0 of a stacked parameter are the layers, which are the loop's."""

MLP: Final = _compositions(
    Manual({"params/layers/{0,2}/w": 1}, MODEL, "Megatron: pairs of layers"), {"layers/*/w": FIRST_DIVISIBLE_DIM}
)
"""Schedules of `benchmarks.models.mlp` with its 4 layers."""

_KERNELS: Final[Tiles] = MappingProxyType({"**/w": FIRST_DIVISIBLE_DIM})
"""Matrices and kernels of the models that call all of them ``w``."""


def _data_and_zero() -> Schedules:
    """ZeRO over data parallelism alone."""
    return {"BP+Z2": (DATA_PARALLEL, *_zero2(_KERNELS)), "BP+Z3": (DATA_PARALLEL, *_zero3(_KERNELS))}


UNET: Final[Schedules] = MappingProxyType(
    {
        **_compositions(
            Manual(
                {"params/**/conv1/w": 3, "params/**/attention/qkv/w": 2},
                MODEL,
                "Megatron: features between convolutions, heads",
            ),
            _KERNELS,
        ),
        **_data_and_zero(),
    }
)
"""Schedules of `benchmarks.models.unet`."""

RESNET: Final[Schedules] = MappingProxyType(
    {
        **_compositions(Manual({"params/stages/*/*/conv/w": 3}, MODEL, "Megatron: features inside a block"), _KERNELS),
        **_data_and_zero(),
    }
)
"""Schedules of `benchmarks.models.resnet`."""


def _gns() -> Schedules:
    """Edge sharding (ES) splits the edges of every graph; each device sums into all nodes what its edges send."""
    edges: Tiles = {"batch/{edges,senders,receivers}": 1}
    by_batch, by_model = (Manual(edges, axis, "edge sharding") for axis in (BATCH, MODEL))
    megatron = Manual({"params/**/in/*/w": 1, "params/**/layers/1/w": 1}, MODEL, "Megatron: pairs of layers")
    return {
        **_compositions(megatron, _KERNELS),
        **_data_and_zero(),
        "ES": (by_batch,),
        "ES+MP": (by_batch, megatron),
        "ES+Z3": (by_batch, *_zero3(_KERNELS)),
        "BP+ES": (DATA_PARALLEL, by_model),
        "BP+ES+Z2": (DATA_PARALLEL, by_model, *_zero2(_KERNELS)),
        "BP+ES+Z3": (DATA_PARALLEL, by_model, *_zero3(_KERNELS)),
    }


GNS: Final[Schedules] = MappingProxyType(_gns())
"""Schedules of `benchmarks.models.gns`."""


def _moe() -> Schedules:
    """Expert parallelism (EP) gives each device some experts.

    On the axis of the batch it comes before data parallelism: so tokens are split by sequence outside the
    experts and by expert inside, and travel by all_to_all. On the model axis each device sends the tokens that it
    has to its experts, and what they make is gathered.
    """
    experts: Tiles = {"params/layers/*/experts/{up,down}": 0}
    by_batch, by_model = (Manual(experts, axis, "expert parallel") for axis in (BATCH, MODEL))
    heads: Tiles = {"params/layers/*/attn/qkv": 2}
    attention = Manual(heads, MODEL, "Megatron: heads")
    megatron = Manual({**heads, "params/layers/*/experts/up": 2}, MODEL, "Megatron: heads and d_ff")
    shared: Tiles = {"{embed,layers/*/attn/{qkv,out}}": FIRST_DIVISIBLE_DIM}
    every: Tiles = {**shared, "layers/*/experts/{up,down}": FIRST_DIVISIBLE_DIM}
    both = (by_batch, DATA_PARALLEL)
    return {
        **_compositions(megatron, every),
        "EP": (by_batch,),
        "BP+EP": both,
        "BP+EP+MP": (*both, megatron),
        "BP+EP+Z2": (*both, *_zero2(shared)),
        "BP+EP+Z3": (*both, *_zero3(shared)),
        "BP+EP+MP+Z2": (*both, megatron, *_zero2(shared)),
        "BP+EP+MP+Z3": (*both, megatron, *_zero3(shared)),
        "BP+EP(model)": (DATA_PARALLEL, by_model, attention),
    }


MOE: Final[Schedules] = MappingProxyType(_moe())
"""Schedules of `benchmarks.models.moe`."""


def _it32() -> Schedules:
    """Of inference: sequences with their caches, heads with theirs, and the vocabulary (EMB)."""
    parallel = Manual({"cache": 0, "token": 0}, BATCH, "data parallel")
    megatron = Manual(
        {"params/layers/*/attn/qkv": 2, "params/layers/*/mlp/up": 1, "cache": 2}, MODEL, "Megatron: heads and d_ff"
    )
    embedding = Manual({"params/embed": 0}, MODEL, "vocabulary")
    return {
        "BP": (parallel,),
        "MP": (megatron,),
        "EMB": (embedding,),
        "BP+MP": (parallel, megatron),
        "BP+EMB": (parallel, embedding),
        "MP+EMB": (megatron, embedding),
        "BP+MP+EMB": (parallel, megatron, embedding),
    }


IT32: Final[Schedules] = MappingProxyType(_it32())
"""Schedules of `benchmarks.models.it32` with its layers unrolled."""

EXPERTS: Final[Mapping[str, tuple[Callable[..., Step], Schedules]]] = MappingProxyType(
    {
        "t32": (t32.step, T32),
        "t32_scan": (functools.partial(t32.step, scan=True), T32_SCAN),
        "it32": (it32.step, IT32),
        "mlp": (mlp.step, MLP),
        "unet": (unet.step, UNET),
        "gns": (gns.step, GNS),
        "moe": (moe.step, MOE),
        "resnet": (resnet.step, RESNET),
    }
)
"""Model -> how to make its step, and its schedules."""
