"""XLA's layouts of the arguments in autopart's model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autopart.benchmarks.xla_auto.solver import Answer, DimAxes
from autopart.errors import TacticError
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.tactics.manual import REPLICATED, Dim, Manual, apply_schedule


@dataclass(frozen=True)
class Modelled:
    """What the model says of XLA's layouts.

    Attributes:
        schedule: the tactics by hand that give the arguments these layouts; the rest follows by propagation.
        turned: arguments whose dimension is tiled by several axes nested the other way around than in the schedule.
        refused: why the model cannot have these layouts; empty where it can.
    """

    schedule: tuple[Manual, ...]
    turned: tuple[str, ...]
    refused: str = ""

    def metrics(self, problem: Problem) -> list[float] | None:
        """The figures of ``analysis.METRICS``; nothing if the model cannot have the layouts."""
        if self.refused:
            return None
        state = State(problem)
        apply_schedule(state, self.schedule)
        return [float(x) for x in state.metrics()]


def modelled(problem: Problem, answer: Answer) -> Modelled:
    """XLA's argument layouts as tactics: one an axis, which names every argument.

    Where an argument is whole in XLA's answer it is kept whole. What XLA picked for the results is left out: where a
    result becomes an argument of the next step the model gives it that argument's layout.
    """
    names = [argument.name for argument in problem.graph.arguments if argument.constant is None]
    dims = dict(zip(names, answer.inputs, strict=True))
    order = nesting(problem.mesh.axis_names, answer.inputs)
    turned = tuple(name for name, axes in dims.items() if any(list(a) != sorted(a, key=order.index) for a in axes))
    schedule = tuple(Manual(_tiles(dims, axis), axis, "XLA's choice") for axis in order)
    try:
        apply_schedule(State(problem), schedule)
    except TacticError as error:
        return Modelled(schedule, turned, str(error))
    return Modelled(schedule, turned)


def _tiles(dims: Mapping[str, DimAxes], axis: str) -> dict[str, int | Dim]:
    return {
        name: next((dim for dim, of in enumerate(axes) if axis in of), REPLICATED)
        for name, axes in dims.items()
        if axes
    }


def nesting(axes: Sequence[str], layouts: Sequence[DimAxes]) -> list[str]:
    """The mesh axes, outer before inner as in most of the dimensions that several of them tile."""
    nested = [of for dims in layouts for of in dims if len(of) > 1]

    def votes(axis: str) -> int:
        return sum(of.index(axis) for of in nested if axis in of)

    return sorted(axes, key=lambda axis: (votes(axis), list(axes).index(axis)))


def moved_results(problem: Problem, answer: Answer) -> list[str]:
    """Results that XLA lays out otherwise than the arguments that they become in the next step."""
    given = [place for place, argument in enumerate(problem.graph.arguments) if argument.constant is None]
    layouts = dict(zip(given, answer.inputs, strict=True))
    return [
        output.name
        for output, dims in zip(problem.graph.outputs, answer.outputs, strict=True)
        if output.carried >= 0 and layouts[output.carried] != dims
    ]
