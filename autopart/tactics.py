"""PartIR's tactics: what is tiled by hand, in order, each followed by propagation."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from autopart.errors import TacticError
from autopart.patterns import select
from autopart.problem import Problem
from autopart.propagate import ATOMIC, TILE, Steps
from autopart.state import State


class Dim(enum.Enum):
    """Dimensions that a tactic may name instead of a number."""

    FIRST_DIVISIBLE_DIM = "first_divisible"
    REPLICATED = "replicated"


FIRST_DIVISIBLE_DIM = Dim.FIRST_DIVISIBLE_DIM
"""The first dimension that the axis divides; arguments with none are left alone."""

REPLICATED = Dim.REPLICATED
"""No dimension, whatever propagation would like."""


@dataclass(frozen=True)
class Manual:
    """Tiles the arguments that match patterns along a mesh axis, all at once, then propagates.

    Attributes:
        tiles: glob pattern over tree paths -> dimension, ``FIRST_DIVISIBLE_DIM`` or ``REPLICATED``.
        axis: mesh axis.
        name: what a report calls it.
    """

    tiles: Mapping[str, int | Dim]
    axis: str
    name: str = field(default="", compare=False)

    def steps(self, state: State) -> Steps:
        """The rows that this tactic adds to ``state``; arguments already tiled on the axis are left (earlier wins).

        Raises:
            TacticError: unknown axis, a pattern that matches nothing, a dimension that is out of range or
                that the axis does not divide.
        """
        problem = state.problem
        axis = _axis_index(problem, self.axis)
        rows: list[tuple[int, int, int, int]] = []
        if problem.mesh.axes[self.axis] == 1:
            return state.steps(rows)
        seen: set[str] = set()
        for pattern, dim in self.tiles.items():
            for name in select(pattern, list(problem.argument_ops)):
                if name in seen:
                    raise TacticError(f"tactic on '{self.axis}' names '{name}' twice (second time by '{pattern}')")
                seen.add(name)
                row = _row(state, name, dim, axis)
                if row is not None:
                    rows.append(row)
        return state.steps(sorted(rows, key=lambda row: (-row[0], row[1])))


@dataclass(frozen=True)
class Atomic:
    """Keeps arguments whole along a mesh axis: propagation stops at them.

    Attributes:
        patterns: glob patterns over tree paths.
        axis: mesh axis.
    """

    patterns: tuple[str, ...]
    axis: str
    name: str = field(default="", compare=False)

    def steps(self, state: State) -> Steps:
        """The marks that this tactic adds; arguments already tiled on the axis stay tiled."""
        return Manual(dict.fromkeys(self.patterns, REPLICATED), self.axis).steps(state)


Tactic: TypeAlias = "Manual | Atomic"


def _axis_index(problem: Problem, axis: str) -> int:
    if axis not in problem.mesh.axes:
        raise TacticError(f"no mesh axis '{axis}'; the mesh has {', '.join(problem.mesh.axis_names)}")
    return problem.mesh.axis_names.index(axis)


def _row(state: State, name: str, dim: int | Dim, axis: int) -> tuple[int, int, int, int] | None:
    problem, op = state.problem, state.problem.argument_ops[name]
    axis_name, size = problem.mesh.axis_names[axis], int(problem.sizes[axis])
    if state.marks.tile[op, axis] >= 0 or (state.marks.atomic[op] >> axis) & 1:
        return None
    if dim is REPLICATED:
        return ATOMIC, op, 0, axis
    shape = problem.argument_shape(name)
    parts = [size * n for n in _parts(state, name)]
    if dim is FIRST_DIVISIBLE_DIM:
        fitting = [d for d, (length, n) in enumerate(zip(shape, parts, strict=True)) if length and length % n == 0]
        return (TILE, op, fitting[0], axis) if fitting else None
    assert isinstance(dim, int)
    if not -len(shape) <= dim < len(shape):
        raise TacticError(f"'{name}' has shape {shape}: no dimension {dim} to tile on '{axis_name}'")
    dim %= len(shape)
    if shape[dim] == 0 or shape[dim] % parts[dim]:
        good = [d for d, (length, n) in enumerate(zip(shape, parts, strict=True)) if length and length % n == 0]
        raise TacticError(
            f"'{name}' has shape {shape}: dimension {dim} of size {shape[dim]} cannot be cut into {parts[dim]} parts "
            f"on '{axis_name}'. " + (f"Dimensions that can: {good}." if good else "No dimension can.")
        )
    return TILE, op, dim, axis


def _parts(state: State, name: str) -> list[int]:
    """Into how many parts each dimension of an argument is cut already."""
    parts = [1] * len(state.problem.argument_shape(name))
    for axis, dim in state.tiles_of_argument(name).items():
        parts[dim] *= state.problem.mesh.axes[axis]
    return parts


def apply_schedule(state: State, schedule: Sequence[Tactic]) -> None:
    """Applies tactics in order, each followed by propagation."""
    for tactic in schedule:
        state.apply(tactic.steps(state))


def to_json(tactic: Tactic) -> dict[str, Any]:
    """A tactic as plain JSON values."""
    common = {"axis": tactic.axis} | ({"name": tactic.name} if tactic.name else {})
    if isinstance(tactic, Atomic):
        return {"tactic": "Atomic", "patterns": list(tactic.patterns), **common}
    tiles = {pattern: dim.value if isinstance(dim, Dim) else dim for pattern, dim in tactic.tiles.items()}
    return {"tactic": "Manual", "tiles": tiles, **common}


def from_json(document: Any) -> Tactic:
    """The tactic that ``to_json`` wrote.

    Raises:
        TacticError: the document is not that of a tactic.
    """
    try:
        axis, name = document["axis"], document.get("name", "")
        if not isinstance(axis, str) or not isinstance(name, str):
            raise TypeError("axis and name are texts")
        if document["tactic"] == "Atomic":
            return Atomic(tuple(str(p) for p in document["patterns"]), axis, name)
        if document["tactic"] != "Manual":
            raise TypeError(f"unknown tactic {document['tactic']!r}")
        tiles = {str(p): Dim(d) if isinstance(d, str) else _integer(d) for p, d in document["tiles"].items()}
        return Manual(tiles, axis, name)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TacticError(f"not a tactic: {json.dumps(document, default=str)[:200]} ({error})") from error


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"dimension {value!r} is not an integer")
    return value
