"""Expert schedules of the models, by the names that the field gives them, on the axes ``batch`` and ``model``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from autopart.benchmarks.models import gns, it32, it32_mq, llama3_8b, mixtral, mlp, moe, resnet, t32, t48, unet
from autopart.benchmarks.schedules.common import BATCH, MODEL, Schedules, compositions
from autopart.benchmarks.schedules.decoders import LLAMA3, T32, T32_SCAN, T48
from autopart.benchmarks.schedules.decoding import IT32, IT32_MQ
from autopart.benchmarks.schedules.experts import MIXTRAL, MOE
from autopart.benchmarks.schedules.graphs import GNS
from autopart.benchmarks.schedules.images import RESNET, UNET
from autopart.program.step import Step
from autopart.tactics.manual import FIRST_DIVISIBLE_DIM, Manual

__all__ = ["BATCH", "EXPERTS", "MLP", "MODEL", "Schedules", "T32", "T32_SCAN"]

MLP: Final = compositions(
    Manual({"params/layers/{0,2}/w": 1}, MODEL, "Megatron: pairs of layers"), {"layers/*/w": FIRST_DIVISIBLE_DIM}
)
"""Schedules of `autopart.benchmarks.models.mlp` with its 4 layers."""

EXPERTS: Final[Mapping[str, tuple[Callable[..., Step], Schedules]]] = MappingProxyType(
    {
        "t32": (t32.step, T32),
        "t32_scan": (functools.partial(t32.step, scan=True), T32_SCAN),
        "t48": (t48.step, T48),
        "llama3_8b": (llama3_8b.step, LLAMA3),
        "it32": (it32.step, IT32),
        "it32_mq": (it32_mq.step, IT32_MQ),
        "mlp": (mlp.step, MLP),
        "unet": (unet.step, UNET),
        "gns": (gns.step, GNS),
        "moe": (moe.step, MOE),
        "mixtral": (mixtral.step, MIXTRAL),
        "resnet": (resnet.step, RESNET),
    }
)
"""Model -> how to make its step, and its schedules."""
