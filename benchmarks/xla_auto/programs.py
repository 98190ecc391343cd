"""The programs: models of the zoo at real widths and few layers, so that XLA's solver answers within minutes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from autopart.benchmarks.accuracy.description import Description, Field
from autopart.benchmarks.accuracy.programs import LARGE
from autopart.benchmarks.schedules import BATCH, MODEL
from autopart.costmodel.mesh import Mesh

DEVICE: Final = "tpu_v5e"

MESHES: Final[Mapping[str, tuple[int, int]]] = MappingProxyType({"4x2": (4, 2), "8x1": (8, 1), "2x4": (2, 4)})
"""Shapes of the mesh over the 8 chips of a v5e:2x4."""

_T32: Final[Mapping[str, Field]] = LARGE["t32"].fields

PROGRAMS: Final[Mapping[str, tuple[str, Mapping[str, Field]]]] = MappingProxyType(
    {
        "t32-1": ("t32", {**_T32, "layers": 1}),
        "t32-2": ("t32", _T32),
        "mlp-4": ("mlp", LARGE["mlp"].fields),
        "moe-1": ("moe", LARGE["moe"].fields),
        "unet-2": ("unet", LARGE["unet"].fields),
        "it32-2": ("it32", {**LARGE["it32"].fields, "layers": 2}),
    }
)
"""Name -> key of ``schedules.EXPERTS`` and the fields of its step. The number is that of layers, of a U-Net its levels.

All are steps of training with AdamW but it32, which decodes.
"""

TINY: Final[Mapping[str, tuple[str, Mapping[str, Field]]]] = MappingProxyType({"mlp-tiny": ("mlp", {"preset": "tiny"})})
"""What a test runs: XLA answers in a second."""


def described(name: str, axes: str) -> Description:
    """A program on a mesh, with no tactics."""
    model, fields = {**PROGRAMS, **TINY}[name]
    batch, inner = MESHES[axes]
    return Description(f"{name} {axes}", model, fields, Mesh({BATCH: batch, MODEL: inner}, DEVICE), ())
