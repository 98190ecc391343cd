"""What the search may do next: tile a group of arguments, keep one whole, or apply a known recipe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopart.groups import PARAMETER
from autopart.problem import Problem
from autopart.propagate import ATOMIC, TILE
from autopart.recipes import Recipe, atoms
from autopart.tables import Bytes, Ints
from autopart.tactics import Atomic, Manual, Tactic


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
    """

    actions: tuple[Action, ...]
    row_ptr: Ints
    rows: Ints

    @property
    def n_fixed(self) -> int:
        """Number of actions that have rows."""
        return len(self.row_ptr) - 1

    def fixed_rows(self, action: int) -> Ints:
        """The steps of a tile or atomic action."""
        rows: Ints = self.rows[self.row_ptr[action] : self.row_ptr[action + 1]]
        return rows


def action_table(problem: Problem, axes: tuple[str, ...]) -> ActionTable:
    """All actions on the given mesh axes. Dimensions that the axis never divides give none."""
    actions: list[Action] = []
    rows: list[list[tuple[int, int, int, int]]] = []
    for axis in (a for a in axes if problem.mesh.axes[a] > 1):
        index, size = problem.mesh.axis_names.index(axis), problem.mesh.axes[axis]
        for group in problem.groups:
            ops = [problem.argument_ops[name] for name in group.names]
            weight = float(sum(problem.costs.value_bytes[problem.graph.ops[op].results[0]] for op in ops))
            for dim, length in enumerate(group.shape):
                if length and length % size == 0:
                    tile = Manual({group.pattern: dim}, axis)
                    actions.append(Action(f"{group.pattern}: dim {dim} on {axis}", tile, None, weight))
                    rows.append([(TILE, op, dim, index) for op in ops])
            if group.role == PARAMETER and len(group.shape) >= 2:
                whole = Atomic((group.pattern,), axis)
                actions.append(Action(f"{group.pattern}: whole on {axis}", whole, None, weight))
                rows.append([(ATOMIC, op, 0, index) for op in ops])
    recipes = [recipe for recipe in atoms(problem) if recipe.name[3:-1] in axes]
    total = float(np.sum(problem.costs.value_bytes[problem.costs.argument]))
    actions.extend(Action(recipe.name, None, recipe, total) for recipe in recipes)
    flat = [row for part in rows for row in part]
    pointers = np.concatenate([[0], np.cumsum([len(part) for part in rows], dtype=np.int64)]).astype(np.int32)
    return ActionTable(tuple(actions), pointers, np.array(flat, np.int32).reshape(len(flat), 4))


def legal_buffer(table: ActionTable) -> Bytes:
    """Room for ``propagate.legal_actions``."""
    return np.zeros(table.n_fixed, np.int8)


