"""What no action can change any more: how an op runs, which sums it makes, and so which collectives stand.

An axis is *decided* for an op if it tiles it, or never will. How the op runs on that axis then follows from the sums
that come in, which follow from how their makers run. A value is *frozen* if all of that is so for its op and for all
that read it: its collectives, and the memory that they take, are those of every state that actions lead to.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from autopart.game.pruning.reachable import Reach
from autopart.sharding import FlatProgram, Int8Array, Marks
from autopart.sharding.kernel import kernel

Bits = npt.NDArray[np.int32]
"""A bit for each mesh axis."""

SUMS = 1
"""The largest kind of a factor (``rules.rule.Kind``) whose partial results are added."""


class Ahead(NamedTuple):
    """What may come of each op and array in the states that actions lead to; bits are axes.

    Attributes:
        op: (ops,) axes that tile the op, or may.
        runs: (ops,) axes on which it is known how the op runs.
        slot: (slots,) axes that tile the array as its op has it, or may; of a value's slot those of its base form.
        sums: (values,) axes over which the value may be made as a partial sum.
        surely: (values,) axes over which it is in any case.
        frozen: (values,) whether nothing about the value changes any more.
    """

    op: Bits
    runs: Bits
    slot: Bits
    sums: Bits
    surely: Bits
    frozen: Int8Array


def empty_ahead(tables: FlatProgram) -> Ahead:
    """Room for what lies ahead of any state."""
    n_ops, n_values = len(tables.linear), len(tables.single_use)
    return Ahead(
        op=np.zeros(n_ops, np.int32),
        runs=np.zeros(n_ops, np.int32),
        slot=np.zeros(tables.n_uses + n_values, np.int32),
        sums=np.zeros(n_values, np.int32),
        surely=np.zeros(n_values, np.int32),
        frozen=np.zeros(n_values, np.int8),
    )


@kernel
def _slot_bits(tables: FlatProgram, tile: Int8Array, reach: Reach, op: int, slot: int, n_factors: int) -> int:
    """The axes that tile a dimension of a slot, or may."""
    bits, row = 0, tables.fdim_ptr[slot]
    for axis in range(tile.shape[1]):
        factor = tile[op, axis]
        if factor >= 0:
            bits |= (tables.factor_dim[row + factor] >= 0) << axis
            continue
        for f in range(n_factors if reach.may[op, axis] else 0):
            if (reach.may[op, axis] >> f) & 1 and tables.factor_dim[row + f] >= 0:
                bits |= 1 << axis
    return bits


@kernel
def _reduced_bits(tables: FlatProgram, tile: Int8Array, reach: Reach, op: int, n_factors: int, surely: bool) -> int:
    """The axes that tile a factor of which the op makes partial results, or may; with ``surely`` only the former."""
    bits, first = 0, tables.factor_ptr[op]
    for axis in range(tile.shape[1]):
        factor = tile[op, axis]
        if factor >= 0:
            bits |= (tables.factor_kind[first + factor] != 0) << axis
            continue
        for f in range(n_factors if reach.may[op, axis] and not surely else 0):
            if (reach.may[op, axis] >> f) & 1 and tables.factor_kind[first + f] != 0:
                bits |= 1 << axis
    return bits


@kernel
def _look_at_ops(tables: FlatProgram, marks: Marks, reach: Reach, ahead: Ahead) -> None:
    """What each op may be tiled on, make and want; in program order, for sums are handed on."""
    tile, n_axes = marks.tile, marks.tile.shape[1]
    every = (1 << n_axes) - 1
    for op in range(tile.shape[0]):
        n_factors = int(tables.factor_ptr[op + 1] - tables.factor_ptr[op])
        tiled, undecided = 0, 0
        for axis in range(n_axes):
            tiled |= (tile[op, axis] >= 0) << axis
            undecided |= (reach.may[op, axis] != 0) << axis
        ahead.op[op] = tiled | undecided
        runs, handed = every & ~undecided, 0
        for slot in range(tables.use_ptr[op], tables.use_ptr[op + 1]):
            ahead.slot[slot] = _slot_bits(tables, tile, reach, op, slot, n_factors) if ahead.op[op] else 0
            if tables.linear[op]:
                value = tables.slot_value[slot]
                handed |= ahead.sums[value]
                runs &= ahead.runs[tables.slot_op[tables.n_uses + value]]
        ahead.runs[op] = runs
        makes = _reduced_bits(tables, tile, reach, op, n_factors, False) if ahead.op[op] else 0
        surely = _reduced_bits(tables, tile, reach, op, n_factors, True) if tiled else 0
        for i in range(tables.result_ptr[op], tables.result_ptr[op + 1]):
            value = tables.results[i]
            slot = tables.n_uses + value
            ahead.slot[slot] = _slot_bits(tables, tile, reach, op, slot, n_factors) if ahead.op[op] else 0
            ahead.sums[value] = makes | handed
            ahead.surely[value] = surely


@kernel
def _scatter_bits(tables: FlatProgram, ahead: Ahead, value: int) -> int:
    """The axes along which a sum may be scattered: those that all its readers may want."""
    bits, argument = ahead.sums[value], tables.carried_arg[value]
    if tables.reader_ptr[value] == tables.reader_ptr[value + 1] and argument < 0:
        return 0
    for i in range(tables.reader_ptr[value], tables.reader_ptr[value + 1]):
        bits &= ahead.slot[tables.reader[i]]
    return int(bits & ahead.slot[tables.n_uses + argument]) if argument >= 0 else int(bits)


@kernel
def _is_frozen(tables: FlatProgram, ahead: Ahead, value: int, every: int) -> bool:
    """Whether it is known how the value's op, all that read it and the argument that it becomes run."""
    runs, argument = ahead.runs[tables.slot_op[tables.n_uses + value]], tables.carried_arg[value]
    for i in range(tables.reader_ptr[value], tables.reader_ptr[value + 1]):
        runs &= ahead.runs[tables.slot_op[tables.reader[i]]]
    if argument >= 0:
        runs &= ahead.runs[tables.slot_op[tables.n_uses + argument]]
    return bool(runs == every)


@kernel
def look_ahead(tables: FlatProgram, marks: Marks, reach: Reach, ahead: Ahead) -> None:
    """Fills ``ahead`` for a state of which ``reach`` says what may still be tiled."""
    _look_at_ops(tables, marks, reach, ahead)
    every = (1 << marks.tile.shape[1]) - 1
    for value in range(ahead.sums.shape[0]):
        ahead.frozen[value] = _is_frozen(tables, ahead, value, every)
        if ahead.sums[value]:
            slot = tables.n_uses + value
            # Whatever is read of a value is another slot: those of readers are not looked at after this.
            ahead.slot[slot] |= _scatter_bits(tables, ahead, value)


@kernel
def must_reduce(tables: FlatProgram, marks: Marks, ahead: Ahead, value: int, axis: int) -> bool:
    """Whether a sum that is partial over an axis in any case is reduced where it is made, and not carried on."""
    if not (ahead.surely[value] >> axis) & 1:
        return False
    producer = tables.slot_op[tables.n_uses + value]
    if not tables.single_use[value] or tables.monoid[producer] > SUMS:
        return True
    slot = tables.reader[tables.reader_ptr[value]]
    reader = tables.slot_op[slot]
    if tables.linear[reader] == 0 or not tables.slot_linear[slot]:
        return True
    if tables.linear[reader] == 1:
        return bool(not tables.shrinks[slot] or (marks.tile[reader, axis] >= 0 and not tables.joining[slot]))
    for other in range(tables.use_ptr[reader], tables.use_ptr[reader + 1]):
        sums = ahead.sums[tables.slot_value[other]]
        if tables.slot_linear[other] and not tables.slot_zero[other] and not (sums >> axis) & 1:
            return True
    return False
