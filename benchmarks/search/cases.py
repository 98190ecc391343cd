"""What is searched: models at full size on meshes, and the best that experts' schedules come to there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from autopart.benchmarks.schedules import BATCH, EXPERTS, MODEL
from autopart.cost.metrics import METRICS
from autopart.costmodel.mesh import Mesh
from autopart.errors import TacticError
from autopart.goals.named_goals import default_goals
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.trace import trace_step
from autopart.search import Goals
from autopart.tactics.manual import Tactic, apply_schedule

MODELS: Final = ("t32", "t48", "llama3_8b", "it32", "unet", "gns", "moe", "resnet")

MESHES: Final[Mapping[str, tuple[int, int]]] = MappingProxyType({"16x2": (16, 2), "8x4": (8, 4)})
"""Devices on the axes of the batch and of the model."""

DEVICES: Final[Mapping[str, str]] = MappingProxyType({"t48": "tpu_v5p", "moe": "tpu_v4"})
"""Where 16 GiB are too few for any plan; all others are on TPU v3."""


@dataclass(frozen=True)
class Expert:
    """The best of the experts' schedules under the goals.

    Attributes:
        name: of the schedule.
        schedule: its tactics.
        metrics: its figures, in the order of ``analysis.METRICS``.
    """

    name: str
    schedule: tuple[Tactic, ...]
    metrics: tuple[float, ...]


@dataclass(frozen=True)
class Case:
    """A program on a mesh with goals.

    Attributes:
        model, mesh: by name.
        problem: the program.
        goals: fit in memory, then be fast, then be small.
        expert: what is to be reached.
        seconds: what tracing and preparing took; part of every answer's time.
    """

    model: str
    mesh: str
    problem: Problem
    goals: Goals
    expert: Expert
    seconds: float


def case_of(model: str, mesh: str, preset: str = "full") -> Case:
    """Traces a model and looks at its experts' schedules."""
    began = time.perf_counter()
    batch, parts = MESHES[mesh]
    factory, schedules = EXPERTS[model]
    devices = Mesh({BATCH: batch, MODEL: parts}, DEVICES.get(model, "tpu_v3"))
    problem = Problem.of(trace_step(factory(preset)), devices)
    seconds = time.perf_counter() - began
    goals = Goals(default_goals(devices), METRICS)
    found = []
    for name, schedule in schedules.items():
        state = State(problem)
        try:
            apply_schedule(state, schedule)
        except TacticError:
            continue  # An axis does not divide what the schedule tiles.
        found.append(Expert(name, schedule, tuple(state.metrics().tolist())))
    return Case(model, mesh, problem, goals, min(found, key=lambda e: goals.rank(e.metrics)), seconds)
