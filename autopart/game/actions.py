"""What the search may do next: tile a group of arguments, keep one whole, or apply a known recipe."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from autopart.partitioning import PARAMETER, Group, Problem, State, split_groups
from autopart.sharding import ATOMIC, TILE, Int8Array, Int32Array
from autopart.tactics import Atomic, Manual, Recipe, Tactic, atoms


@dataclass(frozen=True)
class Action:
    """One move of the game.

    Attributes:
        label: what a report calls it.
        tactic: the tactic it stands for, or
        recipe: the recipe that gives tactics when it is played.
        weight: bytes of the arguments that it decides, for the static prior.
    """

    label: str
    tactic: Tactic | None
    recipe: Recipe | None
    weight: float


@dataclass(frozen=True)
class ActionTable:
    """All actions of a problem, and the rows of those that are a fixed set of steps.

    Attributes:
        actions: tiles and atomics first (they have rows), then recipes (their rows depend on the state).
        row_ptr, rows: CSR from action to its steps, for ``propagate.legal_actions``.
        axes: the mesh axes that they are on.
    """

    actions: tuple[Action, ...]
    row_ptr: Int32Array
    rows: Int32Array
    axes: tuple[int, ...]

    @property
    def n_fixed(self) -> int:
        """Number of actions that have rows."""
        return len(self.row_ptr) - 1

    def fixed_rows(self, action: int) -> Int32Array:
        """The steps of a tile or atomic action."""
        rows: Int32Array = self.rows[self.row_ptr[action] : self.row_ptr[action + 1]]
        return rows


def groups_after(problem: Problem, prefix: State) -> tuple[Group, ...]:
    """The groups of arguments that are decided together from the state ``prefix`` on.

    Groups of which it tiles or keeps some members only are decided in parts, or the rest of them could never be tiled.
    """
    return split_groups(problem.groups, list(problem.argument_ops), _key(prefix))


def action_table(
    problem: Problem, axes: Sequence[str], prefix: State | None = None, groups: Sequence[Group] | None = None
) -> ActionTable:
    """All actions on the given mesh axes. Dimensions that the axis never divides give none.

    They are on ``groups``, else on those that are left to decide after ``prefix``, the state to start from.
    """
    if groups is None:
        groups = problem.groups if prefix is None else groups_after(problem, prefix)
    fixed = [pair for axis in axes if problem.mesh.axes[axis] > 1 for pair in _fixed_actions(problem, groups, axis)]
    recipes = atoms(problem, axes)
    total = float(np.sum((problem.costs.value_bytes * problem.costs.value_weight)[: len(problem.graph.arguments)]))
    actions = [action for action, _ in fixed] + [Action(recipe.name, None, recipe, total) for recipe in recipes]
    flat = [row for _, rows in fixed for row in rows]
    pointers = np.cumsum([0, *(len(rows) for _, rows in fixed)], dtype=np.int32)
    indices = tuple(problem.mesh.axis_names.index(axis) for axis in axes)
    return ActionTable(tuple(actions), pointers, np.array(flat, np.int32).reshape(len(flat), 4), indices)


def _key(state: State) -> Callable[[str], Hashable]:
    """What a state decides about an argument."""
    marks, ops = state.marks, state.problem.argument_ops
    return lambda name: (*marks.tile[ops[name]].tolist(), int(marks.atomic[ops[name]]))


def _fixed_actions(
    problem: Problem, groups: Sequence[Group], axis: str
) -> Iterator[tuple[Action, list[tuple[int, int, int, int]]]]:
    """Tiles of every group and named value on one axis, and keeping matrices of parameters whole; with their rows."""
    index, size = problem.mesh.axis_names.index(axis), problem.mesh.axes[axis]
    for group in groups:
        ops = [problem.argument_ops[name] for name in group.names]
        weight = _nbytes(problem, ops)
        for dim in group.dims:
            if group.shape[dim] and group.shape[dim] % size == 0:
                tile = Manual({group.pattern: dim}, axis)
                action = Action(f"{group.pattern}: dim {dim} on {axis}", tile, None, weight)
                yield action, [(TILE, op, dim, index) for op in ops]
        if group.role == PARAMETER and group.is_matrix:
            action = Action(f"{group.pattern}: whole on {axis}", Atomic((group.pattern,), axis), None, weight)
            yield action, [(ATOMIC, op, 0, index) for op in ops]
    for name in problem.tag_patterns:
        ops = problem.matching(name).tolist()
        shapes = {problem.shape_of(op) for op in ops}
        rank = min(len(shape) for shape in shapes)
        for dim in (dim for dim in range(rank) if all(s[dim] and s[dim] % size == 0 for s in shapes)):
            tile = Manual({name: dim}, axis)
            action = Action(f"{name}: dim {dim} on {axis}", tile, None, _nbytes(problem, ops))
            yield action, [(TILE, op, dim, index) for op in ops]


def _nbytes(problem: Problem, ops: Sequence[int]) -> float:
    """Bytes of the values that some ops make."""
    values = [problem.graph.ops[op].results[0] for op in ops]
    return float(sum(problem.costs.value_bytes[v] * problem.costs.value_weight[v] for v in values))


def legal_buffer(table: ActionTable) -> Int8Array:
    """Room for ``propagate.legal_actions``."""
    return np.zeros(table.n_fixed, np.int8)
