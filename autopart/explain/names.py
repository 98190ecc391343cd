"""What people call the values of a program, and where its ops were written: the same under every schedule."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from autopart.partitioning import Problem, gradients
from autopart.program import ARGUMENT, NAME, Literal, Op, short_source_line
from autopart.sharding.rules import REARRANGING

GRADIENT = "gradient of "
"""How the name of a parameter's gradient begins."""


@dataclass(frozen=True)
class Place:
    """Where an op was written.

    Attributes:
        primitive: what it does.
        at: ``file.py:12 (function)``; of an argument its path.
        backward: it is of the backward pass of what stands there.
    """

    primitive: str
    at: str
    backward: bool

    @property
    def is_argument(self) -> bool:
        """Whether it is no op but an argument."""
        return self.primitive == ARGUMENT

    @property
    def line(self) -> str:
        """``file.py:12``; empty for an argument."""
        return "" if self.is_argument else self.at.partition(" ")[0]

    @property
    def names(self) -> frozenset[str]:
        """What it may be asked for by: in full, its line, file, function or primitive."""
        line, _, function = self.at.partition(" ")
        own = (line, line.partition(":")[0], function.strip("()"), self.primitive)
        return frozenset() if self.is_argument else frozenset({str(self), self.at, *own} - {""})

    def __str__(self) -> str:
        if self.is_argument or not self.at:
            return f"{self.primitive} {self.at}".rstrip()
        return f"{self.primitive} at {self.at}{', backward' if self.backward else ''}"


class Names:
    """The names and places of a program, each found when it is asked for first."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._places: dict[int, Place] = {}

    @cached_property
    def of_values(self) -> dict[int, str]:
        """Value -> what people call it: an argument's path, of which it may be the gradient, or a tag."""
        return _value_names(self._problem)

    def place_of(self, op: int) -> Place:
        """Where an op was written."""
        if op not in self._places:
            graph = self._problem.graph
            is_argument = op < len(graph.arguments)
            self._places[op] = (
                Place(ARGUMENT, graph.arguments[op].name, False) if is_argument else _place(graph.ops[op])
            )
        return self._places[op]


def _place(op: Op) -> Place:
    backward = any("transpose(" in str(getattr(info, "name_stack", "")) for info in op.source_info)
    what = f"name '{op.params['name']}'" if op.primitive == NAME else op.primitive
    return Place(what, short_source_line(op.source_info), backward)


def _value_names(problem: Problem) -> dict[int, str]:
    graph = problem.graph
    names = {value: f"{GRADIENT}{name}" for value, name in gradients(graph).items()}
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
