"""PartIR's tactics: what is tiled by hand, in order, each followed by propagation."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt

from autopart.errors import TacticError
from autopart.problem import Problem
from autopart.propagate import ATOMIC, TILE, Steps
from autopart.state import State
from autopart.tables import Ints


class Dim(enum.Enum):
    """Dimensions that a tactic may name instead of a number."""

    FIRST_DIVISIBLE_DIM = "first_divisible"
    REPLICATED = "replicated"


FIRST_DIVISIBLE_DIM = Dim.FIRST_DIVISIBLE_DIM
"""The first dimension that the axis divides; arguments with none are left alone.

Where a loop takes an argument apart (stacked layers), its first dimension is not meant.
"""

REPLICATED = Dim.REPLICATED
"""No dimension, whatever propagation would like."""


_FIRST, _WHOLE = 1 << 20, 1 << 21
_CODE: Mapping[int | Dim, int] = MappingProxyType({FIRST_DIVISIBLE_DIM: _FIRST, REPLICATED: _WHOLE})
"""Numbers that stand for the named dimensions among the others."""


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

    def __post_init__(self) -> None:
        if not isinstance(self.tiles, Mapping):
            raise TacticError(f"Manual takes dimensions by pattern, e.g. {{'batch': 0}}, not {self.tiles!r}")
        for pattern, dim in self.tiles.items():
            whole = isinstance(dim, int) and not isinstance(dim, bool) and abs(dim) < _FIRST
            if not isinstance(pattern, str) or not (whole or isinstance(dim, Dim)):
                raise TacticError(
                    f"Manual: {pattern!r}: {dim!r} is not a pattern with a dimension (a whole number, "
                    "FIRST_DIVISIBLE_DIM or REPLICATED)"
                )

    def steps(self, state: State) -> Steps:
        """The rows that this tactic adds to ``state``; arguments already tiled on the axis are left (earlier wins).

        Raises:
            TacticError: unknown axis, a pattern that matches nothing, a dimension that is out of range or
                that the axis does not divide.
        """
        problem, index = state.problem, _axis_index(state.problem, self.axis)
        found = [problem.matching(pattern) for pattern in self.tiles]
        if not found:
            return state.steps([])
        ops = np.concatenate(found)
        if len(np.unique(ops)) != len(ops):
            _refuse_twice(problem, list(self.tiles), self.axis)
        asked = np.repeat([_CODE.get(dim, dim) for dim in self.tiles.values()], [len(part) for part in found])
        rows = _rows(state, ops, asked.astype(np.int32), index)
        if problem.mesh.axes[self.axis] == 1:
            return rows[:0]
        return rows[np.lexsort((rows[:, 1], -rows[:, 0]))]


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

    def __post_init__(self) -> None:
        if not isinstance(self.patterns, (tuple, list)) or not all(isinstance(p, str) for p in self.patterns):
            raise TacticError(f"Atomic takes a tuple of patterns, e.g. ('params/embed',), not {self.patterns!r}")

    def steps(self, state: State) -> Steps:
        """The marks that this tactic adds; arguments already tiled on the axis stay tiled."""
        return Manual(dict.fromkeys(self.patterns, REPLICATED), self.axis).steps(state)


Tactic: TypeAlias = "Manual | Atomic"


def _axis_index(problem: Problem, axis: str) -> int:
    if axis not in problem.mesh.axes:
        raise TacticError(f"no mesh axis '{axis}'; the mesh has {', '.join(problem.mesh.axis_names)}")
    return problem.mesh.axis_names.index(axis)


def _rows(state: State, ops: Ints, asked: Ints, axis: int) -> Steps:
    """The rows that tile (or keep whole) those of the ops that the axis neither tiles nor avoids yet."""
    free = undecided(state, ops, axis)
    ops, asked = ops[free], asked[free]
    rank = _rank(state, ops)
    dims = np.where((asked < rank) & (asked >= -rank), asked % np.maximum(rank, 1), -1).astype(np.int32)
    whole, first = asked == _WHOLE, asked == _FIRST
    wrong = np.flatnonzero(~(whole | first) & ~divisible(state, ops, dims, axis))
    if len(wrong):
        _refuse(state, int(ops[wrong[0]]), int(asked[wrong[0]]), axis)
    dims[whole] = 0
    if first.any():
        dims[first] = first_divisible(state, ops[first], axis)
    kept = dims >= 0
    kind = np.where(whole, ATOMIC, TILE)
    rows = np.stack([kind, ops, dims, np.full_like(ops, axis)], axis=1)[kept]
    return rows.astype(np.int32)


def _refuse_twice(problem: Problem, patterns: Sequence[str], axis: str) -> NoReturn:
    """Raises the error that names an argument which two patterns select."""
    seen: set[int] = set()
    for pattern in patterns:
        ops = problem.matching(pattern).tolist()
        if twice := seen.intersection(ops):
            name = min(problem.graph.arguments[op].name for op in twice)
            raise TacticError(f"tactic on '{axis}' names '{name}' twice (second time by '{pattern}')")
        seen.update(ops)
    raise AssertionError("no argument is named twice")


def undecided(state: State, ops: Ints, axis: int) -> npt.NDArray[np.bool_]:
    """Which of the ops the axis neither tiles nor must leave whole."""
    free: npt.NDArray[np.bool_] = (state.marks.tile[ops, axis] < 0) & ((state.marks.atomic[ops] >> axis) & 1 == 0)
    return free


def divisible(state: State, ops: Ints, dims: Ints, axis: int) -> npt.NDArray[np.bool_]:
    """Which argument ops have a dimension ``dims`` that the axis can cut further than the state cuts it."""
    tables, sizes, tile = state.problem.tables, state.problem.sizes, state.marks.tile[ops]
    inside = (dims >= 0) & (dims < _rank(state, ops))
    size = tables.factor_size[np.where(inside, tables.factor_ptr[ops] + dims, 0)]
    parts = np.where(tile == dims[:, None], sizes, 1).prod(axis=1) * sizes[axis]
    found: npt.NDArray[np.bool_] = inside & (size > 0) & (size % parts == 0)
    return found


def first_divisible(state: State, ops: Ints, axis: int) -> Ints:
    """The first dimension of each argument op that the axis can cut, or -1; not that of a stack."""
    found = np.full(len(ops), -1, np.int32)
    for dim in reversed(range(int(_rank(state, ops).max(initial=0)))):
        dims = np.full(len(ops), dim, np.int32)
        good = divisible(state, ops, dims, axis)
        found[good & ~state.problem.stacked[ops] if dim == 0 else good] = dim
    return found


def _rank(state: State, ops: Ints) -> Ints:
    """Number of dimensions of argument ops: an argument has one factor for each."""
    pointers = state.problem.tables.factor_ptr
    return (pointers[ops + 1] - pointers[ops]).astype(np.int32)


def _refuse(state: State, op: int, dim: int, axis: int) -> NoReturn:
    """Raises the error that says why an argument cannot be tiled."""
    problem = state.problem
    name = problem.graph.arguments[op].name
    shape, axis_name = problem.argument_shape(name), problem.mesh.axis_names[axis]
    if not -len(shape) <= dim < len(shape):
        raise TacticError(f"'{name}' has shape {shape}: no dimension {dim} to tile on '{axis_name}'")
    one = np.array([op], np.int32)
    good = [d for d in range(len(shape)) if divisible(state, one, np.array([d], np.int32), axis)[0]]
    dim %= len(shape)
    parts = math.prod(problem.mesh.axes[a] for a, d in state.tiles_of_argument(name).items() if d == dim)
    raise TacticError(
        f"'{name}' has shape {shape}: dimension {dim} of size {shape[dim]} cannot be cut into "
        f"{parts * int(problem.sizes[axis])} parts on '{axis_name}'. "
        + (f"Dimensions that can: {good}." if good else "No dimension can.")
    )


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
            if not isinstance(document["patterns"], (list, tuple)):
                raise TypeError("patterns are a list of texts")
            return Atomic(tuple(_text(p) for p in document["patterns"]), axis, name)
        if document["tactic"] != "Manual":
            raise TypeError(f"unknown tactic {document['tactic']!r}")
        tiles = {_text(p): Dim(d) if isinstance(d, str) else _integer(d) for p, d in document["tiles"].items()}
        return Manual(tiles, axis, name)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TacticError(f"not a tactic: {json.dumps(document, default=str)[:200]} ({error})") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"pattern {value!r} is not a text")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"dimension {value!r} is not an integer")
    return value
