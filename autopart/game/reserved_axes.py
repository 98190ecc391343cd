"""The game without the moves that would tile other arrays on a reserved axis."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from autopart.game.actions import Action, ActionTable
from autopart.goals import Reserved
from autopart.partitioning import State
from autopart.sharding import Steps
from autopart.tactics import Recipe, Tactic


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
