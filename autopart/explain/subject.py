"""What is explained: the state that a schedule gives, with all that its explanations read of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autopart.graph import ARGUMENT, NAME, Literal, Op, short_source_line
from autopart.groups import gradients
from autopart.labels import title
from autopart.layout import Layout
from autopart.lower import DimAxes, Program, lower, value_layouts
from autopart.problem import Problem
from autopart.propagate import ATOMIC
from autopart.reports import Report, reports_of
from autopart.state import State
from autopart.tables import REARRANGING
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


@dataclass(frozen=True)
class Place:
    """Where an op was written.

    Attributes:
        primitive: what it does.
        at: ``file.py:12 (function)``; empty for an argument.
        backward: it is of the backward pass of what stands there.
    """

    primitive: str
    at: str
    backward: bool

    def __str__(self) -> str:
        backward = ", backward" if self.backward else ""
        return f"{self.primitive} at {self.at}{backward}" if self.at else self.primitive


class Subject:
    """A schedule applied to a program, tactic after tactic.

    Attributes:
        problem, schedule: the program on its mesh, and the tactics.
        state: the state that they give.
        program: its SPMD program.
        layout: a copy of what was decided.
        kept_whole: (op, axis) -> number of the tactic that keeps it whole.
    """

    def __init__(self, problem: Problem, schedule: Sequence[Tactic]) -> None:
        self.problem, self.schedule = problem, tuple(schedule)
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
        return Report.of(self.state)

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

    @cached_property
    def _names(self) -> dict[int, str]:
        return _value_names(self.problem)

    def name_of(self, value: int) -> str:
        """What people call a value: an argument's path, of which it may be the gradient, or a tag; else ""."""
        return self._names.get(value, "")

    @cached_property
    def _places(self) -> dict[int, Place]:
        return {}

    def place_of(self, op: int) -> Place:
        """Where an op was written."""
        if op not in self._places:
            self._places[op] = _place(self.problem.graph.ops[op])
        return self._places[op]


def _place(op: Op) -> Place:
    if op.primitive == ARGUMENT:
        return Place(ARGUMENT, "", False)
    backward = any("transpose(" in str(getattr(info, "name_stack", "")) for info in op.source_info)
    return Place(op.primitive, short_source_line(op.source_info), backward)


def _value_names(problem: Problem) -> dict[int, str]:
    graph = problem.graph
    names = {value: f"gradient of {name}" for value, name in gradients(graph).items()}
    names |= {output.value: output.name for output in graph.outputs if output.value not in names}
    names |= {argument.value: argument.name for argument in graph.arguments}
    for op in graph.ops:
        if op.primitive == NAME:
            tag = str(op.params["name"])
            names |= {value: tag for value in (*op.operands, *op.results)
                      if isinstance(value, int) and value not in names}  # fmt: skip
        elif op.primitive in REARRANGING:  # Casts and rearrangements of a weight are called as it is.
            for operand, result in zip(op.operands, op.results, strict=False):
                if not isinstance(operand, Literal) and problem.tables.weight_like[result] and operand in names:
                    names.setdefault(result, names[operand])
    return names
