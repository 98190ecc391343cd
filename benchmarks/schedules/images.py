"""Schedules of models of images.

SPACE splits the height of images, and neighbours exchange the rows that a window needs (arXiv 2105.04663, section 4).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from autopart.benchmarks.schedules.common import (
    DATA_PARALLEL,
    KERNELS,
    MODEL,
    Schedules,
    Tiles,
    compositions,
    data_and_zero,
    zero3,
)
from autopart.tactics.manual import Manual


def _images(megatron: Tiles, of: str, images: str) -> Schedules:
    """Schedules with a Megatron that is named ``of``; `images` is the pattern of what has height and width."""
    space = Manual({images: 1}, MODEL, "space: height")
    return MappingProxyType(
        {
            **compositions(Manual(megatron, MODEL, f"Megatron: {of}"), KERNELS),
            **data_and_zero(KERNELS),
            "BP+SPACE": (DATA_PARALLEL, space),
            "BP+SPACE+Z3": (DATA_PARALLEL, space, *zero3(KERNELS)),
        }
    )


UNET: Final = _images(
    {"params/**/conv1/w": 3, "params/**/attention/qkv/w": 2},
    "features between convolutions, heads",
    "batch/{images,noise}",
)
"""Schedules of `autopart.benchmarks.models.unet`."""

RESNET: Final = _images({"params/stages/*/*/conv/w": 3}, "features inside a block", "batch/images")
"""Schedules of `autopart.benchmarks.models.resnet`."""
