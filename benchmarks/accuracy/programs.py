"""The programs that are judged: the model zoo under expert schedules, searched plans and random states.

Nothing is materialised. For the TPU's compiler the models have their real widths and few layers, so that a program
needs some gigabytes a device and compiles in seconds; some are sized not to fit. For the others they are tiny.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from autopart.actions import action_table
from autopart.api import Auto, partition_graph
from autopart.environment import PartitionGame
from autopart.errors import InfeasibleError
from autopart.problem import Problem
from autopart.state import State
from autopart.tactics import Tactic
from benchmarks.accuracy.description import Description, Field
from benchmarks.schedules import BATCH, EXPERTS, MODEL
from costmodel.mesh import Mesh

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
        "mlp too large": Model("mlp", {"batch": 524288}),
        "moe": Model("moe", {"layers": 1, "batch": 64}),
        "gns": Model("gns", {"steps": 2}),
        "unet": Model("unet", {"levels": 2, "blocks": 1, "batch": 128}),
        "resnet": Model("resnet", {"depth": 14, "batch": 1024}),
    }
)
"""Models for the TPU's compiler, by the names that tables show."""

TPU_CASES: Final[tuple[tuple[str, str, str, str], ...]] = (
    # model, schedule, device, mesh
    ("t32", "BP", "v5e", "8x1"),
    ("t32", "BP+MP", "v5e", "4x2"),
    ("t32", "BP+MP+Z2", "v5e", "2x4"),
    ("t32", "BP+MP+Z3", "v5e", "4x2"),
    ("t32 deep", "BP+MP+Z3", "v5e", "8x1"),
    ("t32 remat", "BP+MP+Z3", "v5e", "4x2"),
    ("t32 scan", "BP+MP+Z2", "v5e", "4x2"),
    ("it32", "BP+MP", "v5e", "4x2"),
    ("mlp", "BP+MP", "v5e", "4x2"),
    ("moe", "BP+EP", "v5e", "8x1"),
    ("gns", "BP+Z3", "v5e", "8x1"),
    ("unet", "BP+MP", "v5e", "4x2"),
    ("resnet", "BP", "v5e", "8x1"),
)
"""Programs for the TPU's compiler."""


def tpu_programs() -> Iterator[Description]:
    """The programs for the TPU's compiler, in order."""
    for model, schedule, device, axes in TPU_CASES:
        yield described(model, LARGE[model], schedule, f"tpu_{device}", axes)


def described(name: str, model: Model, schedule: str, device: str, axes: str) -> Description:
    """A model under a schedule: an expert's by name, ``searched``, or ``random`` and a seed.

    Args:
        name: what tables call the model.
        model: the model in its size.
        schedule: see above.
        device: profile of the devices.
        axes: sizes of the mesh, such as ``4x2``; the axis of the batch first.
    """
    batch, inner = (int(size) for size in axes.split("x"))
    mesh = Mesh({BATCH: batch, MODEL: inner}, device)
    title = f"{name} {schedule} {device.removeprefix('tpu_')} {axes}"
    known = EXPERTS[model.key][1]
    if schedule in known:
        return Description(title, model.key, model.fields, mesh, known[schedule])
    bare = Description(title, model.key, model.fields, mesh, ())
    return Description(title, model.key, model.fields, mesh, _found(bare.problem, schedule))


def _found(problem: Problem, how: str) -> tuple[Tactic, ...]:
    """The tactics of a searched plan, or of a random state with a seed: ``searched``, ``random 3``."""
    if how == SEARCHED:
        try:
            plan = partition_graph(problem.graph, problem.mesh, tactics=[Auto(simulations=SIMULATIONS)])
        except InfeasibleError as error:  # The nearest that was found is judged all the same.
            assert error.plan is not None
            plan = error.plan
        return plan.schedule
    assert how.startswith(RANDOM), how
    game = PartitionGame(State(problem), action_table(problem, problem.mesh.axis_names, State(problem)))
    rng = np.random.default_rng(int(how.removeprefix(RANDOM)))
    for _ in range(RANDOM_DEPTH):
        if actions := game.actions():
            game.apply(actions[int(rng.integers(len(actions)))])
    return game.tactics()
