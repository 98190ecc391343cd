"""Whole layers at full width: the optimum of their tables, and what searches come to on the same tables."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from autopart.benchmarks.models import llama3_8b, moe, t32
from autopart.cost.metrics import IDLE_S, METRICS, STEP_S
from autopart.costmodel.mesh import Mesh
from autopart.game.ilp.choice_tables import Tabled, tables_of
from autopart.goals.named_goals import default_goals
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.planner.aims import aim_on
from autopart.planner.auto import Auto
from autopart.planner.searching import search_after
from autopart.program.graph import Graph
from autopart.program.step import Step
from autopart.program.trace import trace_step
from autopart.search import Budget, Goals
from autopart.search.highs import solve
from autopart.search.ilp import limits_of
from autopart.tactics.manual import apply_schedule

BLOCKS: Final[Mapping[str, tuple[str, Callable[..., Step], int]]] = MappingProxyType(
    {
        "t32, 1 layer": ("tpu_v3", t32.step, 1),
        "t32, 2 layers": ("tpu_v3", t32.step, 2),
        "llama3_8b, 1 layer": ("tpu_v3", llama3_8b.step, 1),
        "moe, 1 layer": ("tpu_v4", moe.step, 1),
    }
)
"""By name: the device, the model, and how many layers of it."""

MESHES: Final[Mapping[str, tuple[int, int]]] = MappingProxyType({"16x2": (16, 2), "8x4": (8, 4)})


@dataclass(frozen=True)
class Found:
    """A state: what it costs on the tables (``None``: one of its options is not there), and as measured.

    Attributes:
        table_s: sum of its tables.
        serial_s: step time where a device does one thing at a time: the measure that the tables stand for.
        step_s: step time of the device as it is, where collectives run beside compute.
    """

    table_s: float | None
    serial_s: float
    step_s: float


@dataclass(frozen=True)
class BlockGap:
    """One program on one mesh.

    Attributes:
        program, mesh: by name.
        ops, nodes, core: of the program, of its tables, and of what was left of these for the solver.
        optimum_s: the least sum of the tables within memory; ``proven``: it is that.
        solver_s: seconds to build the tables and to solve them.
        op_by_op: the optimum as a state.
        schedule: what ``search=ilp`` makes of it: a schedule.
        searches: what the search found where a device does one thing at a time, by seed.
        overlapping: what the search found for the device as it is, by seed.
    """

    program: str
    mesh: str
    ops: int
    nodes: int
    core: int
    optimum_s: float
    proven: bool
    solver_s: float
    op_by_op: Found
    schedule: Found
    searches: tuple[Found, ...]
    overlapping: tuple[Found, ...]

    def gap(self, found: Found) -> float:
        """How far a state is above the optimum, as measured."""
        return found.serial_s / self.optimum_s - 1

    def table_gap(self, found: Found) -> float | None:
        """How far a state is above the optimum on the tables."""
        return None if found.table_s is None else found.table_s / self.optimum_s - 1

    def document(self) -> dict[str, Any]:
        """The row of the JSON output."""
        tabled = [gap for found in self.searches if (gap := self.table_gap(found)) is not None]
        return {
            "program": self.program,
            "mesh": self.mesh,
            "judge": "ilp",
            "ops": self.ops,
            "nodes": self.nodes,
            "core": self.core,
            "optimum_s": self.optimum_s,
            "proven": self.proven,
            "solver_s": self.solver_s,
            "op_by_op": vars(self.op_by_op),
            "schedule": vars(self.schedule),
            "searches": [vars(found) for found in self.searches],
            "overlapping": [vars(found) for found in self.overlapping],
            "gap": statistics.median(map(self.gap, self.searches)),
            "table_gap": statistics.median(tabled) if tabled else None,
        }


class _Judge:
    """A program on a mesh of devices as they are, and of devices that do one thing at a time."""

    def __init__(self, graph: Graph, mesh: Mesh) -> None:
        self.problem = Problem.of(graph, mesh)
        alone = replace(mesh, device=replace(mesh.device_profile, overlaps=False))
        self.serial = Problem.of(graph, alone)
        self.goals = Goals(default_goals(mesh), METRICS)
        begin = time.perf_counter()
        self.tables: Tabled = tables_of(self.serial)
        self.solved = solve(self.tables.problem, limits_of(self.tables.problem, self.goals))
        self.solver_s = time.perf_counter() - begin

    def op_by_op(self) -> Found:
        """The optimum of the tables as a state."""
        assert self.solved.choice is not None
        states = State(self.serial), State(self.problem)
        for rows in self.tables.steps(self.solved.choice):
            for state in states:
                state.apply(rows)
        return self._found(*states)

    def searched(self, strategy: str, seed: int, simulations: int, serial: bool) -> Found:
        """What a search finds, for one of the two devices."""
        auto = Auto(budget=Budget(simulations), strategy=strategy, seed=seed)
        problem = self.serial if serial else self.problem
        found = search_after(problem, (), auto, aim_on(problem, self.goals))
        states = State(self.serial), State(self.problem)
        for state in states:
            apply_schedule(state, found.tactics)
        return self._found(*states)

    def _found(self, serial: State, state: State) -> Found:
        choice = self.tables.choice_of(serial)
        measured = serial.metrics()
        return Found(
            None if choice is None else self.tables.problem.cost(choice),
            float(measured[STEP_S] - measured[IDLE_S]),
            float(state.metrics()[STEP_S]),
        )


def block_gap(program: str, mesh: str, seeds: Sequence[int], simulations: int, **sizes: Any) -> BlockGap:
    """The gap of one program on one mesh; ``sizes`` are fields of its model."""
    device, model, layers = BLOCKS[program]
    batch, parts = MESHES[mesh]
    graph = trace_step(model(**{"layers": layers, **sizes}))
    judge = _Judge(graph, Mesh({"batch": batch, "model": parts}, device))
    found = judge.solved
    assert found.cost is not None
    return BlockGap(
        program=program,
        mesh=mesh,
        ops=len(graph.ops),
        nodes=len(judge.tables.problem.nodes),
        core=found.core,
        optimum_s=found.cost,
        proven=found.proven,
        solver_s=judge.solver_s,
        op_by_op=judge.op_by_op(),
        schedule=judge.searched("ilp", 0, simulations, serial=True),
        searches=tuple(judge.searched("mcts", seed, simulations, serial=True) for seed in seeds),
        overlapping=tuple(judge.searched("mcts", seed, simulations, serial=False) for seed in seeds),
    )
