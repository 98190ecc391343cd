"""The programs that are judged: the model zoo under expert schedules, searched plans and random states.

Nothing is materialised. For the TPU's compiler the models have their real widths and few layers, so that a program
needs some gigabytes a device and compiles in seconds; some are sized not to fit. For the others they are tiny.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np

from autopart.benchmarks.accuracy.description import Description, Field
from autopart.benchmarks.schedules import BATCH, EXPERTS, MODEL
from autopart.costmodel.mesh import Mesh
from autopart.game.actions import action_table
from autopart.game.partition_game import PartitionGame
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.planner.api import partition_graph
from autopart.planner.auto import Auto
from autopart.search import Budget
from autopart.tactics.manual import Tactic

SEARCHED, RANDOM = "searched", "random"
SIMULATIONS = 200
RANDOM_DEPTH = 4
"""Actions of a random state; drawn from all that are legal, as the search's are."""

Fields = Mapping[str, Field]

_WIDE: Final[Fields] = MappingProxyType(
    {"d_model": 4096, "heads": 32, "head_dim": 128, "d_ff": 16384, "vocab": 32768, "seq": 2048}
)
"""A transformer of some 7 billion parameters, were it 32 layers deep."""


@dataclass(frozen=True)
class Model:
    """A model in one size.

    Attributes:
        key: of ``schedules.EXPERTS``.
        fields: keywords of its step.
    """

    key: str
    fields: Fields


def _t32(layers: int, batch: int, **more: Field) -> Model:
    return Model("t32", {**_WIDE, "layers": layers, "batch": batch, "remat": False, **more})


LARGE: Final[Mapping[str, Model]] = MappingProxyType(
    {
        "t32": _t32(2, 16),
        "t32 deep": _t32(4, 8),
        "t32 remat": _t32(4, 16, remat=True),
        "t32 scan": Model("t32_scan", {**_WIDE, "layers": 4, "batch": 16, "remat": True}),
        "t32 too large": _t32(3, 64),
        "it32": Model("it32", {"layers": 4, "batch": 64}),
        "mlp": Model("mlp", {"batch": 65536}),
        "mlp too large": Model("mlp", {"batch": 458752, "d_hidden": 32768}),
        "moe": Model("moe", {"layers": 1, "batch": 64}),
        "gns": Model("gns", {"steps": 2}),
        "unet": Model("unet", {"levels": 2, "blocks": 1, "batch": 128}),
        "resnet": Model("resnet", {"depth": 14, "batch": 1024}),
    }
)
"""Models for the TPU's compiler, by the names that tables show."""


def _cases(model: str, mesh: str, *by_device: str) -> Iterator[tuple[str, str, str, str]]:
    """(model, schedule, device, mesh) of texts like ``v5e: BP, BP+MP``."""
    for text in by_device:
        device, schedules = text.split(": ")
        for schedule in schedules.split(", "):
            yield model, schedule, device, mesh


TPU_CASES: Final[tuple[tuple[str, str, str, str], ...]] = (
    *_cases("t32", "8x1", "v5e: BP", "v4: BP+MP+Z3", "v6e: BP+MP+Z2"),
    *_cases("t32", "4x2", "v5e: BP+MP, BP+MP+Z3, searched, random 1", "v4: random 2", "v6e: BP+MP"),
    *_cases("t32", "2x4", "v5e: BP+MP+Z2", "v4: BP+MP, searched", "v6e: MP, random 3"),
    *_cases("t32 deep", "8x1", "v5e: BP+MP+Z3"),
    *_cases("t32 remat", "4x2", "v5e: BP+MP+Z3, random 4", "v6e: BP+MP+Z3"),
    *_cases("t32 remat", "2x4", "v5e: BP+MP", "v4: BP+MP+Z2"),
    *_cases("t32 scan", "4x2", "v5e: BP+MP+Z2, BP+MP", "v4: BP+MP", "v6e: BP+MP+Z3"),
    *_cases("it32", "4x2", "v5e: BP+MP", "v6e: BP+MP+VOC"),
    *_cases("it32", "2x4", "v4: MP"),
    *_cases("mlp", "4x2", "v5e: BP+MP, random 5", "v6e: BP+MP+Z3"),
    *_cases("mlp", "8x1", "v4: BP", "v6e: BP+MP+Z2"),
    *_cases("moe", "8x1", "v5e: BP+EP", "v6e: BP+EP+Z3"),
    *_cases("moe", "4x2", "v5e: BP+MP", "v4: BP+EP+MP"),
    *_cases("gns", "8x1", "v5e: BP+Z3", "v6e: BP"),
    *_cases("gns", "4x2", "v5e: BP+ES", "v4: BP+MP"),
    *_cases("unet", "4x2", "v5e: BP+MP", "v4: BP+MP+Z2"),
    *_cases("resnet", "8x1", "v5e: BP", "v4: BP+Z3"),
    *_cases("resnet", "4x2", "v6e: BP+MP"),
    *_cases("t32 too large", "4x2", "v5e: BP+MP, BP+MP+Z3", "v6e: BP+MP"),
    *_cases("mlp too large", "8x1", "v5e: BP", "v4: BP", "v6e: BP"),
)
"""Programs for the TPU's compiler."""


@dataclass(frozen=True)
class Case:
    """A program that may be judged; to describe it may take a search.

    Attributes:
        title: what tables call the model.
        model: the model.
        schedule: name of an expert schedule, ``searched``, or ``random`` and a seed.
        device: name of the device profile.
        axes: sizes of the mesh, such as ``4x2``.
    """

    title: str
    model: Model
    schedule: str
    device: str
    axes: str

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"{self.title} {self.schedule} {self.device.removeprefix('tpu_')} {self.axes}"

    def describe(self) -> Description:
        """The program, with its tactics."""
        batch, inner = (int(size) for size in self.axes.split("x"))
        mesh, known = Mesh({BATCH: batch, MODEL: inner}, self.device), EXPERTS[self.model.key][1]
        bare = Description(self.name, self.model.key, self.model.fields, mesh, ())
        tactics = known[self.schedule] if self.schedule in known else _found(bare.problem, self.schedule)
        return replace(bare, tactics=tactics)


def described(title: str, model: Model, schedule: str, device: str, axes: str) -> Description:
    """A model under a schedule, see `Case`."""
    return Case(title, model, schedule, device, axes).describe()


def tpu_programs() -> Iterator[Case]:
    """The programs for the TPU's compiler, in order."""
    for model, schedule, device, axes in TPU_CASES:
        yield Case(model, LARGE[model], schedule, f"tpu_{device}", axes)


def _found(problem: Problem, how: str) -> tuple[Tactic, ...]:
    """The tactics of a searched plan, or of a random state with a seed: ``searched``, ``random 3``."""
    if how == SEARCHED:
        return partition_graph(problem.graph, problem.mesh, tactics=[Auto(budget=Budget(SIMULATIONS))]).schedule
    assert how.startswith(RANDOM), how
    game = PartitionGame(State(problem), action_table(problem, problem.mesh.axis_names, State(problem)))
    rng = np.random.default_rng(int(how.removeprefix(RANDOM)))
    for _ in range(RANDOM_DEPTH):
        if actions := game.actions():
            game.apply(actions[int(rng.integers(len(actions)))])
    return game.tactics()


TINY: Final[Mapping[str, Model]] = MappingProxyType(
    {
        "mlp": Model("mlp", {"preset": "tiny"}),
        "t32": Model("t32", {"preset": "tiny", "remat": False}),
        "t32 remat": Model("t32", {"preset": "tiny", "remat": True}),
        "t32 scan": Model("t32_scan", {"preset": "tiny"}),
        "it32": Model("it32", {"preset": "tiny"}),
        "unet": Model("unet", {"preset": "tiny"}),
        "gns": Model("gns", {"preset": "tiny"}),
        "moe": Model("moe", {"preset": "tiny"}),
        "resnet": Model("resnet", {"preset": "tiny"}),
    }
)
"""Models for judges that look at collectives only, by the names that tables show."""

RANDOM_STATES = 3


def host_programs() -> Iterator[Case]:
    """The programs for 8 host devices: every tiny model under every schedule, a searched plan, random states."""
    for name, model in TINY.items():
        others = (SEARCHED, *(f"{RANDOM} {seed}" for seed in range(RANDOM_STATES)))
        for schedule in (*EXPERTS[model.key][1], *others):
            yield Case(name, model, schedule, "cpu", "4x2")
