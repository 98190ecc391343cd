"""PartIR's tactics: what is tiled by hand, in order, each followed by propagation."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NoReturn, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from autopart.errors import TacticError
from autopart.partitioning import Problem, State
from autopart.program import cover
from autopart.sharding import ATOMIC, TILE, Int32Array, Steps
from autopart.sharding.rules import MOST_DIMS


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

Choice: TypeAlias = "Callable[[str, tuple[int, ...]], int | Dim | None]"
"""Says of an argument, by its name and shape, which dimension to tile; ``None`` leaves it alone."""


class Tactic(Protocol):
    """Actions that are taken at once, followed by propagation; a schedule is a sequence of them.

    ``Manual``, ``Atomic`` and the named strategies (``autopart.strategies``) are such.
    """

    @property
    def axis(self) -> str:
        """The mesh axis."""

    @property
    def name(self) -> str:
        """What a report calls it; may be empty."""

    def steps(self, state: State) -> Steps:
        """The rows that it adds to a state; what the axis already tiles is left as it is, for earlier wins.

        Raises:
            TacticError: it asks for what is not there or cannot be.
        """


_FIRST, _WHOLE, _ALONE = 1 << 20, 1 << 21, 1 << 22
_CODE: Mapping[Dim | None, int] = MappingProxyType({FIRST_DIVISIBLE_DIM: _FIRST, REPLICATED: _WHOLE, None: _ALONE})
"""Numbers that stand for the named dimensions among the others."""


@dataclass(frozen=True)
class Manual:
    """Tiles the values that match patterns along a mesh axis, all at once, then propagates.

    Attributes:
        tiles: glob pattern over tree paths of arguments, or over the names given inside the program (``autopart.tag``)
            where it matches no argument -> dimension, ``FIRST_DIVISIBLE_DIM``, ``REPLICATED``, or a function of name
            and shape that says one of these, or ``None`` to leave the value alone.
        axis: mesh axis.
        name: what a report calls it.
    """

    tiles: Mapping[str, int | Dim | Choice]
    axis: str
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.tiles, Mapping):
            raise TacticError(f"Manual takes dimensions by pattern, e.g. {{'batch': 0}}, not {self.tiles!r}")
        for pattern, dim in self.tiles.items():
            if not isinstance(pattern, str) or not (_is_dim(dim) or callable(dim)):
                raise TacticError(
                    f"Manual: {pattern!r}: {dim!r} is not a pattern with a dimension (a whole number, "
                    "FIRST_DIVISIBLE_DIM, REPLICATED or a function of name and shape)"
                )

    def steps(self, state: State) -> Steps:
        """The rows that this tactic adds to ``state``; values already tiled on the axis are left (earlier wins).

        Raises:
            TacticError: unknown axis, a pattern that matches nothing, a dimension that is out of range or
                that the axis does not divide, or another one than an earlier tactic named for the same value.
        """
        problem, index = state.problem, axis_index(state.problem, self.axis)
        found = [problem.matching(pattern) for pattern in self.tiles]
        if not found:
            return state.steps([])
        ops = np.concatenate(found)
        if len(np.unique(ops)) != len(ops):
            _refuse_twice(problem, list(self.tiles), self.axis)
        asked = [_asked(problem, dim, part) for dim, part in zip(self.tiles.values(), found, strict=True)]
        rows = _rows(state, ops, np.concatenate(asked), index)
        if problem.mesh.axes[self.axis] == 1:
            return rows[:0]
        return rows[np.lexsort((rows[:, 1], -rows[:, 0]))]

    def resolved(self, problem: Problem) -> Manual:
        """The same with what functions choose for the values of a program written down by name."""
        tiles: dict[str, int | Dim | Choice] = {}
        for pattern, dim in self.tiles.items():
            chosen = _choices(problem, dim, problem.matching(pattern)) if callable(dim) else {pattern: dim}
            for picked in dict.fromkeys(chosen.values()):
                names = list(dict.fromkeys(name for name, choice in chosen.items() if choice == picked))
                exact = cover(names, [*problem.argument_ops, *problem.graph.tags]) if picked is not None else None
                if picked is not None:
                    tiles.update(dict.fromkeys(names if exact is None else (exact,), picked))
        return replace(self, tiles=tiles)

    @property
    def chooses(self) -> bool:
        """Whether some dimension is left to a function, so that the tactic cannot be written down as it is."""
        return any(callable(dim) for dim in self.tiles.values())


def _is_dim(dim: object) -> bool:
    whole = isinstance(dim, int) and not isinstance(dim, bool) and abs(dim) < _FIRST
    return whole or isinstance(dim, Dim)


def _asked(problem: Problem, dim: int | Dim | Choice, ops: Int32Array) -> Int32Array:
    """(ops,) the dimension that is asked for of each, or the number that stands for it."""
    if not callable(dim):
        return np.full(len(ops), number_of(dim), np.int32)
    chosen = _choices(problem, dim, ops)
    return np.array([number_of(chosen[problem.name_of(op)]) for op in ops.tolist()], np.int32)


def _choices(problem: Problem, choice: Choice, ops: Int32Array) -> dict[str, int | Dim | None]:
    """Name of each value -> what a function says of it."""
    chosen: dict[str, int | Dim | None] = {}
    for op in ops.tolist():
        name = problem.name_of(op)
        said = choice(name, problem.shape_of(op))
        if said is not None and not _is_dim(said):
            raise TacticError(
                f"the function for '{name}' says {said!r}: must be a whole number, FIRST_DIVISIBLE_DIM, REPLICATED "
                "or None"
            )
        if chosen.setdefault(name, said) != said:
            raise TacticError(f"the function says {chosen[name]} and {said} of values that are both named '{name}'")
    return chosen


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


def axis_index(problem: Problem, axis: str) -> int:
    """The place of a mesh axis.

    Raises:
        TacticError: there is no such axis.
    """
    if axis not in problem.mesh.axes:
        raise TacticError(f"no mesh axis '{axis}'; the mesh has {', '.join(problem.mesh.axis_names)}")
    return problem.mesh.axis_names.index(axis)


def _rows(state: State, ops: Int32Array, asked: Int32Array, axis: int) -> Steps:
    """The rows that tile (or keep whole) those of the ops that the axis neither tiles nor avoids yet."""
    named = asked != _ALONE
    ops, asked = ops[named], asked[named]
    free = undecided(state, ops, axis)
    _check_not_named_before(state, ops[~free], asked[~free], axis)
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


def _check_not_named_before(state: State, ops: Int32Array, asked: Int32Array, axis: int) -> None:
    """Refuses another dimension of a value that an earlier tactic itself tiled; what propagation tiled is left."""
    tile, via, rank = state.marks.tile[ops, axis], state.marks.via[ops, axis], _rank(state, ops)
    inside = (asked >= -rank) & (asked < rank)
    other = inside & (tile >= 0) & (via < 0) & (asked % np.maximum(rank, 1) != tile)
    for op, dim, before in zip(ops[other].tolist(), asked[other].tolist(), tile[other].tolist(), strict=True):
        problem, name = state.problem, state.problem.mesh.axis_names[axis]
        raise TacticError(
            f"'{problem.name_of(op)}' of shape {problem.shape_of(op)} is tiled along dimension {before} on '{name}' "
            f"by an earlier tactic; a value uses an axis once, so dimension {dim} cannot be too. Fix: drop one of the "
            "two, or use another axis."
        )


def _refuse_twice(problem: Problem, patterns: Sequence[str], axis: str) -> NoReturn:
    """Raises the error that names an argument which two patterns select."""
    seen: set[int] = set()
    for pattern in patterns:
        ops = problem.matching(pattern).tolist()
        if twice := seen.intersection(ops):
            name = min(problem.name_of(op) for op in twice)
            raise TacticError(f"tactic on '{axis}' names '{name}' twice (second time by '{pattern}')")
        seen.update(ops)
    raise AssertionError("no argument is named twice")


def number_of(dim: int | Dim | None) -> int:
    """A dimension, or what stands for it, as one number for arrays (see ``fitting``)."""
    return dim if isinstance(dim, int) else _CODE[dim]


def fitting(state: State, ops: Int32Array, asked: Int32Array, axis: int) -> npt.NDArray[np.bool_]:
    """Which of the values can still be given what is asked for, dimensions as of ``number_of``, none negative."""
    good = undecided(state, ops, axis)
    by_number, first = asked < _FIRST, asked == _FIRST
    good[by_number] &= divisible(state, ops[by_number], asked[by_number], axis)
    good[first] &= first_divisible(state, ops[first], axis) >= 0
    return good


def undecided(state: State, ops: Int32Array, axis: int) -> npt.NDArray[np.bool_]:
    """Which of the ops the axis neither tiles nor must leave whole."""
    free: npt.NDArray[np.bool_] = (state.marks.tile[ops, axis] < 0) & ((state.marks.atomic[ops] >> axis) & 1 == 0)
    return free


def divisible(state: State, ops: Int32Array, dims: Int32Array, axis: int) -> npt.NDArray[np.bool_]:
    """Which argument ops have a dimension ``dims`` that the axis can cut further than the state cuts it."""
    tables, sizes, tile = state.problem.tables, state.problem.sizes, state.marks.tile[ops]
    inside = (dims >= 0) & (dims < _rank(state, ops))
    size = tables.factor_size[np.where(inside, tables.factor_ptr[ops] + dims, 0)]
    parts = np.where(tile == dims[:, None], sizes, 1).prod(axis=1) * sizes[axis]
    found: npt.NDArray[np.bool_] = inside & (size > 0) & (size % parts == 0)
    return found


def first_divisible(state: State, ops: Int32Array, axis: int) -> Int32Array:
    """The first dimension of each argument op that the axis can cut, or -1; not that of a stack."""
    found = np.full(len(ops), -1, np.int32)
    for dim in reversed(range(int(_rank(state, ops).max(initial=0)))):
        dims = np.full(len(ops), dim, np.int32)
        good = divisible(state, ops, dims, axis)
        found[good & ~state.problem.stacked[ops] if dim == 0 else good] = dim
    return found


def _rank(state: State, ops: Int32Array) -> Int32Array:
    """Number of dimensions of the values: arguments, and ops that name a value, have one factor for each."""
    pointers = state.problem.tables.factor_ptr
    return (pointers[ops + 1] - pointers[ops]).astype(np.int32)


def _refuse(state: State, op: int, dim: int, axis: int) -> NoReturn:
    """Raises the error that says why an argument cannot be tiled."""
    problem = state.problem
    name, shape, axis_name = problem.name_of(op), problem.shape_of(op), problem.mesh.axis_names[axis]
    if not -len(shape) <= dim < len(shape):
        raise TacticError(f"'{name}' has shape {shape}: no dimension {dim} to tile on '{axis_name}'")
    one = np.array([op], np.int32)
    good = [d for d in range(len(shape)) if divisible(state, one, np.array([d], np.int32), axis)[0]]
    dim %= len(shape)
    can = f"Dimensions that can: {good}." if good else "No dimension can."
    if dim >= MOST_DIMS:
        raise TacticError(
            f"'{name}' has {len(shape)} dimensions: dimension {dim} cannot be tiled on '{axis_name}', for an array is "
            f"tiled along its first {MOST_DIMS} dimensions only. {can} Fix: transpose the array, or join dimensions"
        )
    parts = math.prod(problem.sizes[state.marks.tile[op] == dim].tolist())
    raise TacticError(
        f"'{name}' has shape {shape}: dimension {dim} of size {shape[dim]} cannot be cut into "
        f"{parts * int(problem.sizes[axis])} parts on '{axis_name}'. " + can
    )


def apply_schedule(state: State, schedule: Sequence[Tactic]) -> None:
    """Applies tactics in order, each followed by propagation."""
    for tactic in schedule:
        state.apply(tactic.steps(state))
