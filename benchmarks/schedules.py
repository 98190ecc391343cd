"""Expert schedules of the models, by the names that the field gives them, on the axes ``batch`` and ``model``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from autopart.step import Step
from autopart.tactics import FIRST_DIVISIBLE_DIM, Atomic, Manual, Tactic
from benchmarks.models import mlp, t32

BATCH, MODEL = "batch", "model"

Schedules: TypeAlias = Mapping[str, tuple[Tactic, ...]]
"""Name of a strategy -> its tactics."""


def _compositions(parallel: Manual, megatron: Manual, matrices: str) -> Schedules:
    """BP, MP and what is made of them; ``matrices`` is a pattern below a tree of parameters or moments.

    ZeRO names the matrices only. Norm scales and biases are a ten-thousandth of the bytes and each would
    cost a collective; the published count for Z2 (129 = 4 x 32 + 1) is that of the matrices too.
    """
    parameters, moments = f"params/{matrices}", f"opt_state/0/*/{matrices}"
    zero2 = (
        Atomic((parameters,), BATCH, "ZeRO-2: parameters whole"),
        Manual({moments: FIRST_DIVISIBLE_DIM}, BATCH, "ZeRO-2: optimizer state"),
    )
    zero3 = Manual({parameters: FIRST_DIVISIBLE_DIM}, BATCH, "ZeRO-3")
    return MappingProxyType(
        {
            "BP": (parallel,),
            "MP": (megatron,),
            "BP+MP": (parallel, megatron),
            "BP+MP+Z2": (parallel, megatron, *zero2),
            "BP+MP+Z3": (parallel, megatron, zero3),
        }
    )


T32: Final = _compositions(
    Manual({"batch": 0}, BATCH, "data parallel"),
    Manual({"params/layers/*/attn/qkv": 2, "params/layers/*/mlp/up": 1}, MODEL, "Megatron: heads and d_ff"),
    "{embed,layers/*/attn/{qkv,out},layers/*/mlp/{up,down}}",
)
"""Schedules of `benchmarks.models.t32`, whatever its sizes."""

MLP: Final = _compositions(
    Manual({"batch": 0}, BATCH, "data parallel"),
    Manual({"params/layers/{0,2}/w": 1}, MODEL, "Megatron: pairs of layers"),
    "layers/*/w",
)
"""Schedules of `benchmarks.models.mlp` with its 4 layers."""

EXPERTS: Final[Mapping[str, tuple[Callable[..., Step], Schedules]]] = MappingProxyType(
    {"t32": (t32.step, T32), "mlp": (mlp.step, MLP)}
)
"""Model -> how to make its step, and its schedules."""
