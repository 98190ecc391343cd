"""Which programs are counted: models in a size, each under its expert schedules, on one mesh."""

from __future__ import annotations

import fnmatch
import functools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from autopart.benchmarks.accuracy.description import Description, Field
from autopart.benchmarks.schedules import BATCH, EXPERTS, MODEL
from autopart.costmodel.mesh import Mesh
from autopart.tactics.manual import Tactic

FULL, TINY = "full", "tiny"

MESHES: Final[Mapping[str, Mesh]] = MappingProxyType(
    {FULL: Mesh({BATCH: 16, MODEL: 2}, "tpu_v3"), TINY: Mesh({BATCH: 4, MODEL: 2}, "cpu")}
)
"""The mesh of each preset: the published one, and one of 8 host devices."""


@dataclass(frozen=True)
class Asked:
    """What is to be counted.

    Attributes:
        models: keys of ``schedules.EXPERTS``.
        schedules: globs over the names of schedules; one must match.
        preset: ``full`` or ``tiny``.
        layers: of the models that have layers; those of the preset if ``None``.
        remat: whether models that can recompute activations do as their preset says; else they do not.
    """

    models: Sequence[str]
    schedules: Sequence[str] = ("*",)
    preset: str = FULL
    layers: int | None = None
    remat: bool = False

    @property
    def mesh(self) -> Mesh:
        """The mesh, with the device that seconds are estimated for."""
        return MESHES[self.preset]

    def fields(self, model: str) -> dict[str, Field]:
        """Keywords of a model's step."""
        changes: dict[str, Field] = {} if self.remat else {"remat": False}
        if self.layers is not None:
            changes["layers"] = self.layers
        known = self._config(model)
        return {"preset": self.preset} | {name: value for name, value in changes.items() if hasattr(known, name)}

    def layers_of(self, model: str) -> int | None:
        """How many layers a model has, if it is made of layers."""
        preset = getattr(self._config(model), "layers", None)
        return preset if preset is None or self.layers is None else self.layers

    def _config(self, model: str) -> Any:
        """The preset's configuration; every module of a model has its ``PRESETS``."""
        make = EXPERTS[model][0]
        make = make.func if isinstance(make, functools.partial) else make
        return sys.modules[make.__module__].PRESETS[self.preset]

    def schedules_of(self, model: str) -> dict[str, tuple[Tactic, ...]]:
        """The schedules of a model that match."""
        return {
            name: tactics
            for name, tactics in EXPERTS[model][1].items()
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in self.schedules)
        }

    def programs(self) -> list[tuple[str, Description]]:
        """Schedule and program, model after model."""
        return [
            (name, Description(f"{model} {name}", model, self.fields(model), self.mesh, tactics))
            for model in self.models
            for name, tactics in self.schedules_of(model).items()
        ]
