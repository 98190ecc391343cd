"""The one decision of which collective stands where: a kernel from partition state to layouts and moves.

The estimate, the Program, the emitted JAX and the reports all read what is decided here.

A value is made in the layout that its op's tiles give it, possibly as a partial sum (*pending*) over some
axes. A pending sum is carried through the one op that reads it while that op is linear and takes it
alone (or adds it to other partial sums); else it is reduced once, where it is made: scattered if every
reader wants that axis on some dimension, else to all. What results is the value's *base* form. A reader
that wants another layout reads a *form* derived from the base by slices, all_to_alls and gathers. Readers
that want the same layout share a form, except of weights (arguments and their casts), which every reader
gathers for itself and drops. A reader that slides a window over tiled dimensions has a form of its own on top:
its tile with the halo that the neighbours send, dimension after dimension, so that corners come along.

Whole layouts are compared as packed integers (``packed``). Where axes are taken one by one they are codes
per dimension: four bits an axis (index + 1), outermost axis lowest.

A state is decided anew only where it differs from the one decided before (``Dirty``); what is decided for
an op or a value depends on the state alone, never on the way to it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from autopart.sharding.flat_program import FlatProgram, Float64Array, Int8Array, Int32Array, UInt32Array
from autopart.sharding.kernel import kernel
from autopart.sharding.layout import Codes, Dirty, Layout
from autopart.sharding.moves import enlist, settle
from autopart.sharding.propagate import Marks


@kernel
def _look_at_trail(marks: Marks, changes: Dirty) -> None:
    """Sets ``waiting`` for every op that was marked or unmarked since the state decided last."""
    trail, seen, waiting, counts, lowest = marks.trail, changes.seen, changes.waiting, changes.counts, marks.lowest
    length = marks.length[0]
    for i in range(lowest[0], counts[2]):
        waiting[seen[i] // 64] = 1
    for i in range(lowest[0], length):
        waiting[trail[i] // 64] = 1
        seen[i] = trail[i]
    lowest[0] = length
    counts[2] = length


class Sums(NamedTuple):
    """What tells whether an op runs on partial sums: ``Layout.pending`` and fields of ``FlatProgram``."""

    pending: Int32Array
    slot_value: UInt32Array
    slot_op: UInt32Array
    single_use: Int8Array
    slot_linear: Int8Array
    slot_zero: Int8Array
    monoid: Int8Array
    shrinks: Int8Array
    joining: Int8Array
    n_uses: int


@kernel
def _carries(sums: Sums, begin: int, end: int, kind: int, axis: int, tiled: bool) -> bool:
    """Whether a linear op with operand slots ``begin:end`` runs on a sum that is partial over ``axis``."""
    pending, slot_value, slot_linear, single_use = sums.pending, sums.slot_value, sums.slot_linear, sums.single_use
    partial, alone, small, joins = 0, True, True, False
    for slot in range(begin, end):
        value = slot_value[slot]
        if (pending[value] >> axis) & 1:
            partial += 1
            if not (single_use[value] and slot_linear[slot] and sums.monoid[sums.slot_op[sums.n_uses + value]] <= 1):
                alone = False
            small = small and sums.shrinks[slot] == 1
            joins = joins or sums.joining[slot] == 1
        elif kind == 2 and slot_linear[slot] and not sums.slot_zero[slot]:
            alone = False
    if kind == 1:
        return alone and partial == 1 and small and (not tiled or joins)
    return alone and (partial >= 2 or (not tiled and small))


@kernel
def _pack(factor_dim: Int8Array, row: int, factors: Codes, places: Codes, shifts: Codes, count: int) -> int:
    """Packed layout of a slot whose op tiles ``factors``, nested as ``places`` say, on the axes of ``shifts``."""
    here = 0
    for j in range(count):
        d = factor_dim[row + factors[j]]
        here |= (d + places[j] if d >= 0 else 0) << shifts[j]
    return here


@kernel
def _decide_ops(tables: FlatProgram, marks: Marks, layout: Layout, changes: Dirty) -> None:
    """Program-order pass over the waiting ops: how each runs, which sums it carries, what it wants and makes.

    Fields of the tuples are read once, at the top, here and in the other kernels: inner loops stay short.
    """
    asked, order, n_tiled = marks.tile, marks.order, marks.n_tiled
    run, pending, carried, made, packed = layout.tile, layout.pending, layout.carried, layout.made, layout.packed
    waiting, words = changes.waiting, changes.words
    values, value_flag, n_changed = changes.value, changes.value_flag, changes.counts[0]
    ops, op_flag, n_ops = changes.op, changes.op_flag, changes.counts[1]
    use_ptr, slot_value, slot_op = tables.use_ptr, tables.slot_value, tables.slot_op
    result_ptr, results, reader_ptr, reader = tables.result_ptr, tables.results, tables.reader_ptr, tables.reader
    linear, single_use, becomes = tables.linear, tables.single_use, tables.becomes
    factor_ptr, factor_kind, n_uses = tables.factor_ptr, tables.factor_kind, tables.n_uses
    sums = Sums(
        pending, slot_value, slot_op, single_use, tables.slot_linear, tables.slot_zero, tables.monoid, tables.shrinks,
        tables.joining, n_uses,
    )  # fmt: skip
    fdim_ptr, factor_dim = tables.fdim_ptr, tables.factor_dim
    n_axes = run.shape[1]
    factors, places, shifts = changes.rows[0], changes.rows[1], changes.rows[2]
    for word in range(words.shape[0]):
        if words[word] == 0:
            continue
        for op in range(8 * word, 8 * word + 8):
            if waiting[op] == 0:
                continue
            waiting[op] = 0
            begin, end, kind = use_ptr[op], use_ptr[op + 1], linear[op]
            mask, carry, makes, changed = 0, 0, 0, False
            if kind != 0:
                for slot in range(begin, end):
                    mask |= pending[slot_value[slot]]
            for axis in range(n_axes):
                factor = asked[op, axis]
                if (mask >> axis) & 1 and _carries(sums, begin, end, kind, axis, factor >= 0):
                    factor = -1
                    carry |= 1 << axis
                if factor >= 0 and factor_kind[factor_ptr[op] + factor] != 0:
                    makes |= 1 << axis
                changed = changed or run[op, axis] != factor
                run[op, axis] = factor
            makes |= carry
            if changed:
                n_ops = enlist(op, op_flag, ops, n_ops)
            n_run = 0
            for k in range(n_tiled[op]):
                axis = order[op, k]
                if run[op, axis] >= 0:
                    place = 1
                    for j in range(n_run):
                        place += (factors[j] == run[op, axis]) << 4
                    factors[n_run], places[n_run], shifts[n_run] = run[op, axis], place, 8 * axis
                    n_run += 1
            here, row = 0, -1
            for slot in range(begin, end):
                value = slot_value[slot]
                if n_run != 0 and fdim_ptr[slot] != row:
                    row = fdim_ptr[slot]
                    here = _pack(factor_dim, row, factors, places, shifts, n_run)
                if packed[slot] != here:
                    packed[slot] = here
                    n_changed = enlist(value, value_flag, values, n_changed)
                if mask != 0 and single_use[value] and carried[value] != pending[value] & carry:
                    carried[value] = pending[value] & carry
                    n_changed = enlist(value, value_flag, values, n_changed)
            for i in range(result_ptr[op], result_ptr[op + 1]):
                value = results[i]
                if n_run != 0 and fdim_ptr[n_uses + value] != row:
                    row = fdim_ptr[n_uses + value]
                    here = _pack(factor_dim, row, factors, places, shifts, n_run)
                if made[value] != here:
                    made[value] = here
                    n_changed = enlist(value, value_flag, values, n_changed)
                    if becomes[value] >= 0:
                        n_changed = enlist(becomes[value], value_flag, values, n_changed)
                if pending[value] != makes:
                    pending[value] = makes
                    carried[value] = 0
                    n_changed = enlist(value, value_flag, values, n_changed)
                    for r in range(reader_ptr[value], reader_ptr[value + 1]):
                        waiting[slot_op[reader[r]]] |= linear[slot_op[reader[r]]] != 0
    changes.counts[0] = n_changed
    changes.counts[1] = n_ops


@kernel
def decide(
    tables: FlatProgram,
    marks: Marks,
    sizes: npt.NDArray[np.int64],
    value_bytes: Float64Array,
    layout: Layout,
    changes: Dirty,
) -> None:
    """Fills all of ``layout`` for the state ``marks``. ``value_bytes``: bytes of each unpartitioned value."""
    _look_at_trail(marks, changes)
    _decide_ops(tables, marks, layout, changes)
    settle(tables, sizes, value_bytes, layout, changes, True)


@kernel
def decide_changes(
    tables: FlatProgram,
    marks: Marks,
    sizes: npt.NDArray[np.int64],
    value_bytes: Float64Array,
    layout: Layout,
    changes: Dirty,
) -> None:
    """As ``decide``, but of moves and forms only those of the values that changed, in the order of their list."""
    _look_at_trail(marks, changes)
    _decide_ops(tables, marks, layout, changes)
    settle(tables, sizes, value_bytes, layout, changes, False)
