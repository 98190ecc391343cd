"""What can still be tiled: a kernel that follows all actions that are left, and all evidence, at once.

Tiles are only ever added. So what an op may be tiled along in some state that actions lead to is what an action asks
of it, or what a neighbour may ask of it, as far as it divides what the tiles that stand leave. An op that is asked for
two factors already stays as it is, unless actions resolve conflicts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from autopart.sharding import TILE, FlatProgram, Int8Array, Int32Array, Int64Array, Marks, Steps, divides
from autopart.sharding.kernel import kernel

MOST_FACTORS = 62
"""Factors of one op that a set of bits has room for."""


class Reach(NamedTuple):
    """What may still be tiled.

    Attributes:
        may: (ops, axes) a bit for each factor that the axis may yet tile; 0 where the axis tiles one, or never will.
        stack, on_stack: (ops,) scratch.
    """

    may: Int64Array
    stack: Int32Array
    on_stack: npt.NDArray[np.uint8]


def empty_reach(n_ops: int, n_axes: int) -> Reach:
    """Room for the reach of any state."""
    return Reach(np.zeros((n_ops, n_axes), np.int64), np.zeros(n_ops, np.int32), np.zeros(n_ops, np.uint8))


@kernel
def _add(
    tables: FlatProgram, marks: Marks, sizes: Int64Array, reach: Reach, op: int, axis: int, factor: int, count: int
) -> int:  # fmt: skip
    """Notes that an axis may tile a factor of an op, if it can; puts the op on the stack if that is news."""
    if marks.tile[op, axis] >= 0 or (marks.atomic[op] >> axis) & 1 or (reach.may[op, axis] >> factor) & 1:
        return count
    at = tables.factor_ptr[op] + factor
    if not divides(
        marks.tile, marks.order, marks.n_tiled, sizes, op, factor, tables.factor_size[at], tables.factor_fits[at], axis
    ):
        return count
    reach.may[op, axis] |= np.int64(1) << factor
    if reach.on_stack[op] == 0:
        reach.on_stack[op] = 1
        reach.stack[count] = op
        count += 1
    return count


@kernel
def _add_evidence(
    tables: FlatProgram, marks: Marks, sizes: Int64Array, reach: Reach, op: int, axis: int, count: int
) -> int:
    """What the tiles that stand ask of an op, which it may get when a rival no longer divides, or by an action."""
    for e in range(tables.edge_ptr[op], tables.edge_ptr[op + 1]):
        theirs = marks.tile[tables.edge_op[e], axis]
        ours = tables.take[tables.take_ptr[e] + theirs] if theirs >= 0 else -1
        if ours >= 0:
            count = _add(tables, marks, sizes, reach, op, axis, ours, count)
    return count


@kernel
def _is_torn(tables: FlatProgram, marks: Marks, sizes: Int64Array, op: int, axis: int) -> bool:
    """Whether the tiles that stand ask an op for two factors, and always will: all axes together divide both."""
    parts, first = 1, -1
    for other in range(sizes.shape[0]):
        parts *= sizes[other]
    for e in range(tables.edge_ptr[op], tables.edge_ptr[op + 1]):
        theirs = marks.tile[tables.edge_op[e], axis]
        ours = tables.take[tables.take_ptr[e] + theirs] if theirs >= 0 else -1
        if ours < 0 or ours == first:
            continue
        size = tables.factor_size[tables.factor_ptr[op] + ours]
        if size > 0 and size % parts == 0:
            if first >= 0:
                return True
            first = ours
    return False


@kernel
def _ask(
    tables: FlatProgram, marks: Marks, sizes: Int64Array, reach: Reach, op: int, axis: int, factor: int, resolved: bool,
    count: int,
) -> int:  # fmt: skip
    """Asks an op for a factor on behalf of a neighbour that may be tiled."""
    if marks.tile[op, axis] >= 0 or (marks.atomic[op] >> axis) & 1 or (reach.may[op, axis] >> factor) & 1:
        return count
    if not resolved and _is_torn(tables, marks, sizes, op, axis):
        return count
    count = _add(tables, marks, sizes, reach, op, axis, factor, count)
    return _add_evidence(tables, marks, sizes, reach, op, axis, count)


@kernel
def _spread(
    tables: FlatProgram, marks: Marks, sizes: Int64Array, reach: Reach, axis: int, resolved: bool, count: int
) -> None:
    """Lets every op on the stack ask its neighbours for what it may have."""
    while count > 0:
        count -= 1
        op = reach.stack[count]
        reach.on_stack[op] = 0
        n_factors = tables.factor_ptr[op + 1] - tables.factor_ptr[op]
        for e in range(tables.edge_ptr[op], tables.edge_ptr[op + 1]):
            for factor in range(n_factors):
                theirs = tables.give[tables.give_ptr[e] + factor] if (reach.may[op, axis] >> factor) & 1 else -1
                if theirs >= 0:
                    count = _ask(tables, marks, sizes, reach, tables.edge_op[e], axis, theirs, resolved, count)


@kernel
def find_reach(
    tables: FlatProgram, marks: Marks, sizes: Int64Array, steps: Steps, action_ptr: Int32Array, legal: Int8Array,
    asked: Int64Array, opened: int,
    resolved: int, reach: Reach,
) -> None:  # fmt: skip
    """Writes what may still be tiled when of the actions (``steps``, ``action_ptr``) those ``legal`` are left.

    ``asked`` are rows (op, axis) of which recipes may tile any factor. On axes whose bit is set in ``opened`` they may
    tile any op; on those of ``resolved`` actions may tile ops that are asked for two factors.
    """
    for axis in range(reach.may.shape[1]):
        for op in range(reach.may.shape[0]):
            reach.may[op, axis] = 0
        count, torn = 0, (resolved >> axis) & 1 != 0
        for op in range(reach.may.shape[0] if torn else 0):
            count = _add_evidence(tables, marks, sizes, reach, op, axis, count)
        if (opened >> axis) & 1:
            for op in range(reach.may.shape[0]):
                for factor in range(tables.factor_ptr[op + 1] - tables.factor_ptr[op]):
                    count = _add(tables, marks, sizes, reach, op, axis, factor, count)
        for row in range(asked.shape[0]):
            op = asked[row, 0]
            for factor in range(tables.factor_ptr[op + 1] - tables.factor_ptr[op] if asked[row, 1] == axis else 0):
                count = _add(tables, marks, sizes, reach, op, axis, factor, count)
        for action in range(legal.shape[0]):
            for row in range(action_ptr[action], action_ptr[action + 1] if legal[action] else action_ptr[action]):
                if steps[row, 0] == TILE and steps[row, 3] == axis:
                    count = _add(tables, marks, sizes, reach, steps[row, 1], axis, steps[row, 2], count)
        _spread(tables, marks, sizes, reach, axis, torn, count)
