"""What schedules of many models are made of: axes, data parallelism, ZeRO, and their compositions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from autopart.tactics.manual import FIRST_DIVISIBLE_DIM, Atomic, Dim, Manual, Tactic

BATCH, MODEL = "batch", "model"

Schedules: TypeAlias = Mapping[str, tuple[Tactic, ...]]
"""Name of a strategy -> its tactics."""

Tiles: TypeAlias = Mapping[str, "int | Dim"]
"""Pattern below a tree of parameters or moments -> dimension."""

DATA_PARALLEL: Final = Manual({"batch": 0}, BATCH, "data parallel")

KERNELS: Final[Tiles] = MappingProxyType({"**/w": FIRST_DIVISIBLE_DIM})
"""Matrices and kernels of the models that call all of them ``w``."""


def zero2(matrices: Tiles) -> tuple[Tactic, ...]:
    """ZeRO-2 of the matrices on the batch axis."""
    return (
        Atomic(tuple(f"params/{pattern}" for pattern in matrices), BATCH, "ZeRO-2: parameters whole"),
        Manual({f"opt_state/0/*/{p}": dim for p, dim in matrices.items()}, BATCH, "ZeRO-2: optimizer state"),
    )


def zero3(matrices: Tiles) -> tuple[Tactic, ...]:
    """ZeRO-3, which is FSDP, of the matrices on the batch axis."""
    return (Manual({f"params/{pattern}": dim for pattern, dim in matrices.items()}, BATCH, "ZeRO-3"),)


def compositions(megatron: Manual, matrices: Tiles) -> Schedules:
    """BP, MP and what is made of them.

    ZeRO names the matrices only. Norm scales and biases are a ten-thousandth of the bytes and each would
    cost a collective; the published count for Z2 (129 = 4 x 32 + 1) is that of the matrices too.
    """
    return MappingProxyType(
        {
            "BP": (DATA_PARALLEL,),
            "MP": (megatron,),
            "BP+MP": (DATA_PARALLEL, megatron),
            "BP+MP+Z2": (DATA_PARALLEL, megatron, *zero2(matrices)),
            "BP+MP+Z3": (DATA_PARALLEL, megatron, *zero3(matrices)),
        }
    )


def data_and_zero(matrices: Tiles) -> Schedules:
    """ZeRO over data parallelism alone."""
    return {"BP+Z2": (DATA_PARALLEL, *zero2(matrices)), "BP+Z3": (DATA_PARALLEL, *zero3(matrices))}
