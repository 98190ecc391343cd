"""The programs that are timed: models in sizes whose steps take tens of milliseconds to a second on a host."""

from __future__ import annotations

from collections.abc import Mapping
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
from autopart.tactics.manual import Tactic

RANDOM_DEPTH: Final = 4
"""Actions of a random state; drawn from all that are legal, as the search's are."""

SIZES: Final[Mapping[str, Mapping[str, Field]]] = MappingProxyType(
    {
        "t32": {"layers": 2, "d_model": 256, "heads": 8, "head_dim": 32, "d_ff": 1024, "vocab": 1024, "seq": 128,
                "batch": 8, "remat": False},
        "mlp": {"d_model": 512, "d_hidden": 1024, "batch": 512},
        "moe": {"layers": 1, "d_model": 128, "heads": 8, "head_dim": 16, "d_ff": 512, "vocab": 512, "seq": 128,
                "batch": 8, "experts": 8, "capacity": 40, "remat": False},
        "unet": {"image": 16, "batch": 16, "remat": False},
        "resnet": {"image": 64, "batch": 16},
        "gns": {"latent": 64, "hidden": 128, "nodes": 128, "edges": 1024, "graphs": 8, "remat": False},
    }
)  # fmt: skip
"""Fields of each model's tiny preset that are made larger."""

SCHEDULES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "t32": ("BP 8x1", "BP 4x2", "BP 2x4", "MP 4x2", "MP 2x4", "BP+MP 4x2", "BP+MP 2x4", "BP+MP+Z2 4x2",
                "BP+MP+Z3 8x1", "BP+MP+Z3 2x4", "random 1 4x2"),
        "mlp": ("BP 8x1", "BP 4x2", "MP 4x2", "MP 2x4", "BP+MP 4x2", "BP+MP 2x4", "BP+MP+Z2 8x1", "BP+MP+Z3 4x2",
                "random 1 4x2", "random 2 2x4"),
        "moe": ("BP 8x1", "MP 2x4", "BP+MP 4x2", "EP 8x1", "BP+EP 8x1", "BP+EP+MP 4x2", "BP+EP+Z3 4x2"),
        "unet": ("BP 8x1", "BP 4x2", "MP 2x4", "BP+MP 4x2", "BP+Z2 4x2", "BP+Z3 8x1"),
        "resnet": ("BP 8x1", "MP 2x4", "BP+MP 4x2", "BP+Z3 4x2"),
        "gns": ("BP 8x1", "ES 8x1", "BP+ES 4x2", "BP+ES+Z3 4x2", "MP 4x2"),
    }
)  # fmt: skip
"""Model -> an expert schedule, or ``random`` and a seed; and the mesh, the axis of the batch first."""


def clocked_programs() -> list[Description]:
    """The programs, in order, of host devices; `Description.on` puts them on measured ones."""
    return [_described(model, case) for model, cases in SCHEDULES.items() for case in cases]


def _described(model: str, case: str) -> Description:
    schedule, _, axes = case.rpartition(" ")
    batch, inner = (int(size) for size in axes.split("x"))
    mesh, fields = Mesh({BATCH: batch, MODEL: inner}, "cpu"), {"preset": "tiny", **SIZES[model]}
    title, known = f"{model} {case}", EXPERTS[model][1]
    if schedule in known:
        return Description(title, model, fields, mesh, known[schedule])
    seed = int(schedule.removeprefix("random"))
    return Description(title, model, fields, mesh, _drawn(Description(title, model, fields, mesh, ()).problem, seed))


def _drawn(problem: Problem, seed: int) -> tuple[Tactic, ...]:
    """The tactics of a random state."""
    game = PartitionGame(State(problem), action_table(problem, problem.mesh.axis_names, State(problem)))
    rng = np.random.default_rng(seed)
    for _ in range(RANDOM_DEPTH):
        if actions := game.actions():
            game.apply(actions[int(rng.integers(len(actions)))])
    return game.tactics()
