"""The programs that are timed: models in sizes whose steps take tens of milliseconds to a second on a host."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from benchmarks.accuracy.description import Description
from benchmarks.accuracy.programs import Model, described

SIZES: Final[Mapping[str, Model]] = MappingProxyType(
    {
        "t32": Model("t32", {"preset": "tiny", "layers": 2, "d_model": 256, "heads": 8, "head_dim": 32, "d_ff": 1024,
                             "vocab": 1024, "seq": 128, "batch": 8, "remat": False}),
        "mlp": Model("mlp", {"preset": "tiny", "d_model": 512, "d_hidden": 1024, "batch": 512}),
        "moe": Model("moe", {"preset": "tiny", "layers": 1, "d_model": 128, "heads": 8, "head_dim": 16, "d_ff": 512,
                             "vocab": 512, "seq": 128, "batch": 8, "experts": 8, "capacity": 40, "remat": False}),
        "unet": Model("unet", {"preset": "tiny", "image": 16, "batch": 16, "remat": False}),
        "resnet": Model("resnet", {"preset": "tiny", "image": 64, "batch": 16}),
        "gns": Model("gns", {"preset": "tiny", "latent": 64, "hidden": 128, "nodes": 128, "edges": 1024,
                             "graphs": 8, "remat": False}),
    }
)  # fmt: skip
"""Models by the names that tables show."""

SCHEDULES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "t32": ("BP 8x1", "BP 4x2", "BP 2x4", "MP 4x2", "MP 2x4", "BP+MP 4x2", "BP+MP 2x4", "BP+MP+Z2 4x2", "BP+MP+Z3 8x1",
                "BP+MP+Z3 2x4", "random 1 4x2"),
        "mlp": ("BP 8x1", "BP 4x2", "MP 4x2", "MP 2x4", "BP+MP 4x2", "BP+MP 2x4", "BP+MP+Z2 8x1", "BP+MP+Z3 4x2",
                "random 1 4x2", "random 2 2x4"),
        "moe": ("BP 8x1", "MP 2x4", "BP+MP 4x2", "EP 8x1", "BP+EP 8x1", "BP+EP+MP 4x2", "BP+EP+Z3 4x2"),
        "unet": ("BP 8x1", "BP 4x2", "MP 2x4", "BP+MP 4x2", "BP+Z2 4x2", "BP+Z3 8x1"),
        "resnet": ("BP 8x1", "MP 2x4", "BP+MP 4x2", "BP+Z3 4x2"),
        "gns": ("BP 8x1", "ES 8x1", "BP+ES 4x2", "BP+ES+Z3 4x2", "MP 4x2"),
    }
)  # fmt: skip
"""Model -> schedule and mesh, the axis of the batch first."""


def clocked_programs() -> list[Description]:
    """The programs, in order; their meshes have the profile that the plan was searched or drawn for."""
    found = []
    for name, model in SIZES.items():
        for case in SCHEDULES[name]:
            schedule, _, axes = case.rpartition(" ")
            found.append(described(name, model, schedule, "cpu", axes))
    return found
