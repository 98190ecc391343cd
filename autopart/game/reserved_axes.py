"""Mesh axes that are kept for some arrays: the game without the moves that would tile others on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from autopart.folding.fold import Folded
from autopart.game.actions import Action, ActionTable
from autopart.goals.measures import folded_ops, ops_of
from autopart.goals.named_goals import ReserveAxis
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.sharding.propagate import TILE, Steps
from autopart.tactics.compositions import Recipe
from autopart.tactics.manual import Tactic


@dataclass(frozen=True, eq=False)
class Reserved:
    """What may be tiled on an axis.

    Attributes:
        axis: its index.
        ops: (ops,) whether the results of an op may.
    """

    axis: int
    ops: npt.NDArray[np.bool_]

    def allows(self, rows: Steps) -> bool:
        """Whether steps tile nothing else there."""
        tiles = rows[(rows[:, 0] == TILE) & (rows[:, 3] == self.axis), 1]
        return bool(self.ops[tiles].all())


def reserved_of(problem: Problem, rules: Sequence[ReserveAxis]) -> tuple[Reserved, ...]:
    """The rules on a program; of several on one axis all must be kept.

    Raises:
        GoalError: a pattern selects nothing.
    """
    found = []
    for rule in rules:
        ops = np.zeros(len(problem.graph.ops), np.bool_)
        for pattern in rule.patterns:
            ops |= ops_of(problem, pattern)
        found.append(Reserved(problem.mesh.axis_names.index(rule.axis), ops))
    return tuple(found)


def folded_reserved(reserved: Sequence[Reserved], folded: Folded) -> tuple[Reserved, ...] | None:
    """The same on a folded program; ``None`` if they tell its layers apart."""
    kept = [folded_ops(one.ops, folded) for one in reserved]
    if any(ops is None for ops in kept):
        return None
    return tuple(replace(one, ops=ops) for one, ops in zip(reserved, kept, strict=True) if ops is not None)


@dataclass(frozen=True)
class _KeptRecipe(Recipe):
    """A recipe that does nothing where it would tile what may not be."""

    reserved: tuple[Reserved, ...]

    def tactics(self, state: State) -> list[Tactic]:
        """As of the recipe, or none."""
        found = super().tactics(state)
        return found if all(one.allows(tactic.steps(state)) for tactic in found for one in self.reserved) else []


def reserved_table(table: ActionTable, reserved: tuple[Reserved, ...], root: State) -> ActionTable:
    """The actions that keep the rules; ``root`` is the state that is played from.

    A recipe that has nothing to do at the root may have later, and is looked at again whenever it is played.
    """
    if not reserved:
        return table
    actions, rows = list[Action](), list[Steps]()
    for number, action in enumerate(table.actions):
        if action.recipe is None:
            if all(one.allows(table.fixed_rows(number)) for one in reserved):
                actions.append(action)
                rows.append(table.fixed_rows(number))
        else:
            recipe = _KeptRecipe(action.recipe.kind, action.recipe.strategy, reserved)
            if recipe.tactics(root) or not action.recipe.tactics(root):
                actions.append(replace(action, recipe=recipe))
    pointers = np.cumsum([0, *(len(some) for some in rows)], dtype=np.int32)
    flat = np.concatenate(rows) if rows else table.rows[:0]
    kept = {one.axis for one in reserved}
    axes = tuple(axis for axis in table.axes if axis not in kept)  # Ops inside are not what patterns select.
    return replace(table, actions=tuple(actions), row_ptr=pointers, rows=flat, axes=axes)
