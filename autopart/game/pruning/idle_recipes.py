"""Recipes that have nothing to add to a state: all that they look for is decided."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autopart.partitioning import Problem, State
from autopart.sharding import FlatProgram, Int8Array, Int32Array, Int64Array, Marks, UInt32Array, divides, pointers
from autopart.sharding.kernel import kernel
from autopart.tactics import FIRST_DIVISIBLE_DIM, REPLICATED, Recipe, number_of
from autopart.tactics.strategies import ArgumentStrategy

_FIRST, _WHOLE = number_of(FIRST_DIVISIBLE_DIM), number_of(REPLICATED)


@kernel
def _has_something(tables: FlatProgram, marks: Marks, sizes: Int64Array, op: int, asked: int, axis: int) -> bool:
    """Whether an argument can still be given what is asked, or some dimension where it is the first that divides."""
    if marks.tile[op, axis] >= 0 or (marks.atomic[op] >> axis) & 1:
        return False
    if asked == _WHOLE:
        return True
    first, last = tables.factor_ptr[op], tables.factor_ptr[op + 1]
    for at in range(first, last):
        if asked == _FIRST or at - first == asked:
            size, fits = tables.factor_size[at], tables.factor_fits[at]
            if divides(marks.tile, marks.order, marks.n_tiled, sizes, op, at - first, size, fits, axis):
                return True
    return False


@kernel
def _drop(
    tables: FlatProgram, marks: Marks, sizes: Int64Array, row_ptr: UInt32Array, rows: Int32Array, begin: int,
    offered: Int8Array
) -> None:  # fmt: skip
    for recipe in range(row_ptr.shape[0] - 1):
        if offered[begin + recipe] == 0 or row_ptr[recipe] == row_ptr[recipe + 1]:
            continue
        offered[begin + recipe] = 0
        for row in range(row_ptr[recipe], row_ptr[recipe + 1]):
            if _has_something(tables, marks, sizes, rows[row, 0], rows[row, 1], rows[row, 2]):
                offered[begin + recipe] = 1
                break


class NothingToDo:
    """What each recipe looks for; of those with steps of their own nothing is known.

    Args:
        problem: the program.
        recipes: the recipes.
        begin: the number of the first of them among the actions.
    """

    def __init__(self, problem: Problem, recipes: Sequence[Recipe], begin: int) -> None:
        rows = [_targets(problem, recipe) for recipe in recipes]
        self._row_ptr = pointers([len(some) for some in rows])
        self._rows = np.concatenate([np.zeros((0, 3), np.int32), *rows]).astype(np.int32)
        self._begin = begin

    def drop(self, state: State, offered: Int8Array) -> None:
        """Sets to 0 in ``offered`` (actions,) the recipes that have nothing to add."""
        problem = state.problem
        _drop(problem.tables, state.marks, problem.sizes, self._row_ptr, self._rows, self._begin, offered)


def _targets(problem: Problem, recipe: Recipe) -> Int32Array:
    """Rows (op, dimension that is asked, axis)."""
    strategy = recipe.strategy
    if not isinstance(strategy, ArgumentStrategy) or type(strategy).steps is not ArgumentStrategy.steps:
        return np.zeros((0, 3), np.int32)
    targets, axis = strategy.targets(problem), problem.mesh.axis_names.index(recipe.axis)
    return np.stack([targets.ops, targets.asked, np.full_like(targets.ops, axis)], axis=1)
