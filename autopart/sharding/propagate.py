"""PartIR's propagation as numba kernels: forward and backward, per axis, to a fixed point, no heuristics.

An op is tiled when all evidence that its neighbours give on the axis names one factor. Evidence for two
factors is a conflict and leaves the op as it is; a later action may resolve it. Ops are visited in
program order, then in reverse, until nothing changes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from autopart.sharding.flat_program import FlatProgram, Int8Array, Int32Array
from autopart.sharding.kernel import kernel

TILE = 0
ATOMIC = 1

Steps = Int32Array
"""Rows ``(kind, op, factor, axis)`` of one action; all rows of an action share the axis."""


class Marks(NamedTuple):
    """The partition state, and the trail that takes it back.

    Attributes:
        tile: (ops, axes) factor that the op is tiled along, or -1.
        order: (ops, axes) the op's tiled axes in order of arrival, outermost first.
        n_tiled: (ops,) how many entries of ``order`` hold.
        step: (ops, axes) number of the action that brought the tile.
        via: (ops, axes) slot whose layout was the evidence, or -1 for the action itself.
        atomic: (ops,) bit per axis on which the op must not be tiled.
        trail: (2 * ops * axes,) op * 64 + axis * 2 + kind of every mark, in order: an axis tiles an op once at
            most, and is ruled out for it once at most.
        length: (1,) number of entries of the trail.
        lowest: (1,) the least ``length`` since the trail was last looked at (see ``layout.Dirty``).
        key: (1,) hash of the canonical state.
        dirty: (ops,) scratch, all zero between calls.
    """

    tile: Int8Array
    order: Int8Array
    n_tiled: Int8Array
    step: Int32Array
    via: Int32Array
    atomic: npt.NDArray[np.uint8]
    trail: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    lowest: npt.NDArray[np.int64]
    key: npt.NDArray[np.uint64]
    dirty: npt.NDArray[np.uint8]


def empty_marks(n_ops: int, n_axes: int) -> Marks:
    """The state in which nothing is tiled."""
    return Marks(
        tile=np.full((n_ops, n_axes), -1, np.int8),
        order=np.full((n_ops, n_axes), -1, np.int8),
        n_tiled=np.zeros(n_ops, np.int8),
        step=np.full((n_ops, n_axes), -1, np.int32),
        via=np.full((n_ops, n_axes), -1, np.int32),
        atomic=np.zeros(n_ops, np.uint8),
        trail=np.zeros(2 * n_ops * n_axes, np.int64),
        length=np.zeros(1, np.int64),
        lowest=np.zeros(1, np.int64),
        key=np.zeros(1, np.uint64),
        dirty=np.zeros(n_ops, np.uint8),
    )


@kernel
def _mix(op: int, axis: int, what: int) -> np.uint64:
    """A well spread 64-bit number for one mark (splitmix64); ``what``: below 1000 a factor and how it is nested."""
    z = np.uint64((op * 8 + axis) * 1024 + what + 1) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernel
def _nesting(tile: Int8Array, order: Int8Array, n_tiled: Int8Array, op: int, axis: int, factor: int) -> int:
    """How many axes tile ``factor`` of ``op`` outside of ``axis``."""
    depth = 0
    for k in range(n_tiled[op]):
        other = order[op, k]
        if other == axis:
            break
        if tile[op, other] == factor:
            depth += 1
    return depth


@kernel
def divides(
    tile: Int8Array,
    order: Int8Array,
    n_tiled: Int8Array,
    sizes: npt.NDArray[np.int64],
    op: int,
    factor: int,
    size: int,
    fits: int,
    axis: int,
) -> bool:
    """Whether ``axis`` can still tile a factor of ``size``, given the axes that tile it already.

    ``fits`` has a bit for each axis that could tile it alone: most answers need no division.
    """
    if not (fits >> axis) & 1:
        return False
    if n_tiled[op] == 0:
        return True
    parts = sizes[axis]
    for k in range(n_tiled[op]):
        other = order[op, k]
        if tile[op, other] == factor:
            parts *= sizes[other]
    return bool(size % parts == 0)


@kernel
def legal_actions(
    tables: FlatProgram,
    marks: Marks,
    sizes: npt.NDArray[np.int64],
    steps: Steps,
    action_ptr: Int32Array,
    out: Int8Array,
) -> None:
    """Writes to ``out`` for every action whether each of its steps can be taken now."""
    tile, order, n_tiled, atomic = marks.tile, marks.order, marks.n_tiled, marks.atomic
    factor_ptr, factor_size, factor_fits = tables.factor_ptr, tables.factor_size, tables.factor_fits
    for action in range(action_ptr.shape[0] - 1):
        out[action] = 1
        for row in range(action_ptr[action], action_ptr[action + 1]):
            op, factor, axis = steps[row, 1], steps[row, 2], steps[row, 3]
            if tile[op, axis] >= 0 or (atomic[op] >> axis) & 1:
                out[action] = 0
                break
            if steps[row, 0] == TILE:
                at = factor_ptr[op] + factor
                if not divides(tile, order, n_tiled, sizes, op, factor, factor_size[at], factor_fits[at], axis):
                    out[action] = 0
                    break


@kernel
def _set_tile(marks: Marks, op: int, axis: int, factor: int, step: int) -> None:
    """Tiles ``op`` by decision of an action, without evidence."""
    marks.tile[op, axis] = factor
    marks.order[op, marks.n_tiled[op]] = axis
    marks.n_tiled[op] += 1
    marks.step[op, axis] = step
    depth = _nesting(marks.tile, marks.order, marks.n_tiled, op, axis, factor)
    marks.key[0] ^= _mix(op, axis, factor * 8 + depth)
    marks.trail[marks.length[0]] = op * 64 + axis * 2 + TILE
    marks.length[0] += 1


@kernel
def _set_atomic(marks: Marks, op: int, axis: int) -> None:
    marks.atomic[op] |= np.uint8(1 << axis)
    marks.key[0] ^= _mix(op, axis, 1000)
    marks.trail[marks.length[0]] = op * 64 + axis * 2 + ATOMIC
    marks.length[0] += 1


@kernel
def undo(marks: Marks, length: int) -> None:
    """Takes back all marks after the first ``length`` of the trail."""
    tile, order, n_tiled, step, via = marks.tile, marks.order, marks.n_tiled, marks.step, marks.via
    trail, atomic = marks.trail, marks.atomic
    key = marks.key[0]
    for i in range(marks.length[0] - 1, length - 1, -1):
        entry = trail[i]
        op, axis, kind = entry // 64, (entry % 64) // 2, entry % 2
        if kind == TILE:
            factor = tile[op, axis]
            key ^= _mix(op, axis, factor * 8 + _nesting(tile, order, n_tiled, op, axis, factor))
            n_tiled[op] -= 1
            order[op, n_tiled[op]] = -1
            tile[op, axis] = -1
            step[op, axis] = -1
            via[op, axis] = -1
        else:
            atomic[op] &= np.uint8(255 ^ (1 << axis))
            key ^= _mix(op, axis, 1000)
    marks.key[0] = key
    marks.length[0] = length
    marks.lowest[0] = min(marks.lowest[0], length)


@kernel
def _sweep(
    tables: FlatProgram,
    marks: Marks,
    sizes: npt.NDArray[np.int64],
    axis: int,
    step_number: int,
    low: int,
    high: int,
) -> None:
    """Visits dirty ops forward and backward in program order until there are none.

    Fields of the tuples are read once, at the top: the inner loops stay short.
    """
    edge_ptr, edge_op, edge_slot = tables.edge_ptr, tables.edge_op, tables.edge_slot
    take_ptr, take, give_ptr, give = tables.take_ptr, tables.take, tables.give_ptr, tables.give
    factor_ptr, factor_size, factor_fits = tables.factor_ptr, tables.factor_size, tables.factor_fits
    tile, order, n_tiled, step, via = marks.tile, marks.order, marks.n_tiled, marks.step, marks.via
    atomic, trail, dirty = marks.atomic, marks.trail, marks.dirty
    length, key = marks.length[0], marks.key[0]
    n_ops = tile.shape[0]
    forward = True
    while low <= high:
        next_low, next_high = n_ops, -1
        op = low if forward else high
        while low <= op <= high:
            if dirty[op]:
                dirty[op] = 0
                factor, slot, rival = -1, -1, -1
                for e in range(edge_ptr[op], edge_ptr[op + 1]):
                    theirs = tile[edge_op[e], axis]
                    if theirs < 0:
                        continue
                    ours = take[take_ptr[e] + theirs]
                    if ours < 0 or ours == factor:
                        continue
                    at = factor_ptr[op] + ours
                    if not divides(tile, order, n_tiled, sizes, op, ours, factor_size[at], factor_fits[at], axis):
                        continue
                    if factor >= 0:
                        rival = ours
                        break
                    factor, slot = ours, edge_slot[e]
                if factor >= 0 and rival < 0:
                    tile[op, axis] = factor
                    order[op, n_tiled[op]] = axis
                    n_tiled[op] += 1
                    step[op, axis] = step_number
                    via[op, axis] = slot
                    key ^= _mix(op, axis, factor * 8 + _nesting(tile, order, n_tiled, op, axis, factor))
                    trail[length] = op * 64 + axis * 2 + TILE
                    length += 1
                    for e in range(edge_ptr[op], edge_ptr[op + 1]):
                        other = edge_op[e]
                        if give[give_ptr[e] + factor] < 0 or tile[other, axis] >= 0 or (atomic[other] >> axis) & 1:
                            continue
                        dirty[other] = 1
                        if forward and other > op:
                            high = max(high, other)
                        elif not forward and other < op:
                            low = min(low, other)
                        else:
                            next_low, next_high = min(next_low, other), max(next_high, other)
            op += 1 if forward else -1
        low, high = next_low, next_high
        forward = not forward
    marks.length[0] = length
    marks.key[0] = key


@kernel
def apply_steps(
    tables: FlatProgram, marks: Marks, sizes: npt.NDArray[np.int64], steps: Steps, begin: int, end: int, step: int
) -> None:
    """Takes the steps in rows ``begin:end`` (they must be legal), then propagates their axis.

    Of rows that say the same of an op the first counts: the trail has room for one of each kind.
    """
    low, high = tables.linear.shape[0], -1
    axis = -1
    for row in range(begin, end):
        op, factor, axis = steps[row, 1], steps[row, 2], steps[row, 3]
        if steps[row, 0] == ATOMIC:
            if not (marks.atomic[op] >> axis) & 1:
                _set_atomic(marks, op, axis)
        elif marks.tile[op, axis] < 0:
            _set_tile(marks, op, axis, factor, step)
    edge_ptr, edge_op, tile, atomic, dirty = (
        tables.edge_ptr,
        tables.edge_op,
        marks.tile,
        marks.atomic,
        marks.dirty,
    )
    for row in range(begin, end):
        if steps[row, 0] == ATOMIC:
            continue
        for e in range(edge_ptr[steps[row, 1]], edge_ptr[steps[row, 1] + 1]):
            other = edge_op[e]
            if tile[other, axis] < 0 and not (atomic[other] >> axis) & 1:
                dirty[other] = 1
                low, high = min(low, other), max(high, other)
    _sweep(tables, marks, sizes, axis, step, low, high)
