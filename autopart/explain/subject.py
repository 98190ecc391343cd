"""What is explained: the state that a schedule gives, with all that its explanations read of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autopart.explain.names import Names, Place
from autopart.labels import title
from autopart.layout import Layout
from autopart.lower import DimAxes, Program, lower, value_layouts
from autopart.problem import Problem
from autopart.propagate import ATOMIC
from autopart.reports import Report, reports_of
from autopart.state import State
from autopart.tactics import Tactic


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

    def under(self, schedule: Sequence[Tactic]) -> Subject:
        """The same program under another schedule.

        Raises:
            TacticError: it does not apply.
        """
        return Subject(self.problem, schedule, self.names)
