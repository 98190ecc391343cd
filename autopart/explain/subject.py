"""What is explained: the state that a schedule gives, with all that its explanations read of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autopart.emit import DimAxes, Program, value_layouts
from autopart.emit.lower import lower
from autopart.explain.figures import Report, reports_of
from autopart.explain.names import Names, Place
from autopart.partitioning import Problem, State
from autopart.sharding import ATOMIC, Layout
from autopart.tactics import Dim, Manual, Tactic, title
from autopart.tactics.strategies import ArgumentStrategy


@dataclass(frozen=True)
class Action:
    """A tactic of the schedule.

    Attributes:
        number: its place in the schedule, from 1.
        name: what reports call it.
        axis: mesh axis.
    """

    number: int
    name: str
    axis: str

    def __str__(self) -> str:
        return f"tactic {self.number} ({self.name} on {self.axis})"


class Subject:
    """A schedule applied to a program, tactic after tactic.

    Attributes:
        problem, schedule: the program on its mesh, and the tactics.
        names: what its values are called and where its ops were written.
        state: the state that they give.
        program: its SPMD program.
        layout: a copy of what was decided.
        kept_whole: (op, axis) -> number of the tactic that keeps it whole.
    """

    def __init__(self, problem: Problem, schedule: Sequence[Tactic], names: Names | None = None) -> None:
        self.problem, self.schedule, self.names = problem, tuple(schedule), names or Names(problem)
        self.state = State(problem)
        self.kept_whole: dict[tuple[int, int], int] = {}
        for number, tactic in enumerate(self.schedule):
            rows = tactic.steps(self.state)
            self.state.apply(rows)
            marked = rows[rows[:, 0] == ATOMIC] if len(rows) else rows
            self.kept_whole |= {(op, axis): number for _, op, _, axis in marked.tolist()}
        self.program: Program = lower(self.state)
        self.layout = Layout._make(np.copy(array) for array in self.state.layout())

    @cached_property
    def actions(self) -> tuple[Action, ...]:
        """The tactics of the schedule by name."""
        return tuple(Action(i + 1, title(t), t.axis) for i, t in enumerate(self.schedule))

    @cached_property
    def report(self) -> Report:
        """What the state costs."""
        return Report.of(self.state, self.program)

    @cached_property
    def untiled(self) -> Report:
        """What the program costs with nothing tiled."""
        return Report.of(State(self.problem))

    @cached_property
    def reports(self) -> tuple[Report, ...]:
        """What the state costs after each tactic."""
        return reports_of(self.problem, self.schedule)

    @cached_property
    def value_layouts(self) -> list[DimAxes]:
        """Mesh axes that tile each dimension of every value as it is kept, outermost first."""
        return value_layouts(self.state)

    @cached_property
    def _named(self) -> list[dict[int, int]]:
        return [_named_by(self.problem, tactic) for tactic in self.schedule]

    def namers(self, op: int, axis: int) -> list[tuple[Action, int]]:
        """The tactics on an axis that name an argument or a value to tile it, and along which dimension (-1: any)."""
        pairs = zip(self.actions, self._named, strict=True)
        return [(a, dims[op]) for a, dims in pairs if op in dims and a.axis == self.axis_names[axis]]

    @property
    def axis_names(self) -> tuple[str, ...]:
        """The axes of the mesh."""
        return self.problem.mesh.axis_names

    def tiled_by(self, op: int, axis: int) -> int:
        """Place in the schedule of the tactic that tiled an op on an axis, or -1."""
        return int(self.state.marks.step[op, axis])

    def name_of(self, value: int) -> str:
        """What people call a value: an argument's path, of which it may be the gradient, or a tag; else ""."""
        return self.names.of_values.get(value, "")

    def place_of(self, op: int) -> Place:
        """Where an op was written."""
        return self.names.place_of(op)

    def called(self, op: int) -> str:
        """What people call the result of an op: by its name or, where it has none, by the op and its line."""
        return self.name_of(self.problem.graph.ops[op].results[0]) or str(self.place_of(op))

    def is_named(self, name: str) -> bool:
        """Whether a tactic can name it: an argument, or a value that the program names."""
        return name in self.problem.argument_ops or name in self.problem.graph.tags

    def under(self, schedule: Sequence[Tactic]) -> Subject:
        """The same program under another schedule.

        Raises:
            TacticError: it does not apply.
        """
        return Subject(self.problem, schedule, self.names)


def _named_by(problem: Problem, tactic: Tactic) -> dict[int, int]:
    """The ops that a tactic would tile itself -> along which dimension, -1 where it takes any."""
    if isinstance(tactic, ArgumentStrategy):
        targets = tactic.targets(problem)
        asked = zip(targets.ops.tolist(), targets.asked.tolist(), strict=True)
        return {op: dim if dim < len(problem.shape_of(op)) else -1 for op, dim in asked}
    if not isinstance(tactic, Manual):
        return {}
    tiles = {pattern: dim for pattern, dim in tactic.tiles.items() if dim is not Dim.REPLICATED and not callable(dim)}
    return {
        op: dim % len(problem.shape_of(op)) if isinstance(dim, int) else -1
        for pattern, dim in tiles.items()
        for op in problem.matching(pattern).tolist()
    }
