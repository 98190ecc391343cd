"""What is decided of a state, as arrays: layouts, partial sums, forms and moves; and what changed since the last one.

``decide`` fills them, and says what they mean.

Whole layouts are compared as packed integers (``packed_layout``). Where axes are taken one by one they are codes
per dimension: four bits an axis (index + 1), outermost axis lowest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from autopart.sharding.flat_program import FlatProgram, Float64Array, Int8Array, Int32Array
from autopart.sharding.packed_layout import Packed

BASE = -1
"""Form number of a value's base form."""

CUT = -2
"""Stands for a form that slices alone derive from the base, where forms are not written out."""

MAX_FORMS = 16
"""Forms of a value, its base form among them, that later readers may share; further ones are made, but not shared."""

# Columns of ``Layout.moves``.
KIND, VALUE, FORM, AXES, DIM, TO_DIM = range(6)
# Columns of ``Layout.forms``.
FORM_VALUE, FORM_SOURCE, FORM_FIRST_USE, FORM_LAST_USE, FORM_MOVED, FORM_MOVES_BEGIN, FORM_MOVES_END = range(7)

Codes = npt.NDArray[np.int64]


class Layout(NamedTuple):
    """What the kernels decided.

    Attributes:
        tile: (ops, axes) the factor along which each op really runs (-1 where a sum is carried).
        pending: (values,) bit per axis over which the value is made as a partial sum.
        carried: (values,) bits of ``pending`` that its one reader takes as they are.
        made: (values,) packed layout in which the value is made.
        packed: (slots,) packed layout in which each operand is wanted, and base form of each value.
        dim: (values, axes) dimension of the base form that the axis tiles, or -1.
        scattered: (values,) code of the axes that a reduce_scatter added to the base form, in order.
        use_form: (operand slots,) form that the operand is read in.
        out_form: (values,) form in which an output is returned.
        moves: rows (kind, value, form, axes code, dimension, to dimension), in program order by value. Of a
            collective_permute the last is the number of elements that every tile gets: from the tile before it,
            or, if negative, from the tile after it.
        move_bytes: full bytes of each move, as ``autopart.costmodel.collectives`` counts them.
        forms: rows (value, source form, first and last slot that reads it, bytes moved, moves begin, end).
        form_bytes: local bytes of each form.
        moving: (values,) 1 if the value had moves when it was settled last.
        mover, extent: row ``i``: the ``i``-th value settled that has moves or had some, end of its moves and forms.
        counts: number of moves, of forms, of movers.
    """

    tile: Int8Array
    pending: Int32Array
    carried: Int32Array
    made: Packed
    packed: Packed
    dim: Int8Array
    scattered: Int32Array
    use_form: Int32Array
    out_form: Int32Array
    moves: Int32Array
    move_bytes: Float64Array
    forms: Int32Array
    form_bytes: Float64Array
    moving: Int8Array
    mover: Int32Array
    extent: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]


class Dirty(NamedTuple):
    """What differs between the state that was measured last and the one decided now.

    Attributes:
        waiting: (ops, padded to whole words) ops to look at, all zero between calls; ``words`` is the same memory.
        seen: the trail of the state decided last.
        value, value_flag: list of values to settle, and whether a value is on it.
        op, op_flag: list of ops whose own cost may have changed, and whether an op is on it.
        counts: number of values, of ops, length of ``seen``.
        rows: (4, wide) scratch of the kernels, as wide as the most axes, the most dimensions of an array and the
            base form beside ``MAX_FORMS`` others take; ``row_bytes`` as well.
    """

    waiting: npt.NDArray[np.uint8]
    words: npt.NDArray[np.uint64]
    seen: npt.NDArray[np.int64]
    value: Int32Array
    value_flag: npt.NDArray[np.uint8]
    op: Int32Array
    op_flag: npt.NDArray[np.uint8]
    counts: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    row_bytes: Float64Array


def most_moves(tables: FlatProgram, n_axes: int) -> int:
    """The most moves that any state of the program has on a mesh of ``n_axes``.

    * A value's base form: each axis of a sum is scattered, or reduced together with the others that are not.
    * A form, of which there is one at most for each operand slot and for each output that is carried: an axis that is
      sliced or exchanged is put where it belongs, on top of what belongs below it, and stays. So there is one such
      move at most for each axis. A gather leaves of a dimension's axes those that belong there, so each dimension is
      gathered once at most, of one axis at the least that had not been put there: no more gathers than axes.
    * Halos: two exchanges at most for each row, for a row is of one operand slot.

    Rows that are not written take no memory: the system hands it out page by page.
    """
    n_carried = int(np.count_nonzero(tables.carried_arg >= 0))
    n_forms = tables.n_uses + n_carried
    return n_axes * (len(tables.single_use) + 2 * n_forms) + 2 * len(tables.halo_dim)


def empty_layout(tables: FlatProgram, n_axes: int) -> Layout:
    """Room for the layout of any state of the program; holds that of the state in which nothing is tiled."""
    n_ops, n_values, n_uses = len(tables.linear), len(tables.single_use), tables.n_uses
    n_forms = int(tables.form_ptr[-1])
    capacity = most_moves(tables, n_axes)
    return Layout(
        tile=np.full((n_ops, n_axes), -1, np.int8),
        pending=np.zeros(n_values, np.int32),
        carried=np.zeros(n_values, np.int32),
        made=np.zeros(n_values, np.int64),
        packed=np.zeros(n_uses + n_values, np.int64),
        dim=np.full((n_values, n_axes), -1, np.int8),
        scattered=np.zeros(n_values, np.int32),
        use_form=np.full(n_uses, BASE, np.int32),
        out_form=np.full(n_values, BASE, np.int32),
        moves=np.zeros((capacity, 6), np.int32),
        move_bytes=np.zeros(capacity),
        forms=np.zeros((n_forms, 7), np.int32),
        form_bytes=np.zeros(n_forms),
        moving=np.zeros(n_values, np.int8),
        mover=np.zeros(n_values, np.int32),
        extent=np.zeros((n_values, 2), np.int64),
        counts=np.zeros(3, np.int64),
    )


def all_changed(tables: FlatProgram, n_axes: int) -> Dirty:
    """The changes since a state that nobody measured: everything."""
    n_ops, n_values = len(tables.linear), len(tables.single_use)
    wide = max(n_axes, int(tables.rank.max(initial=0)), MAX_FORMS + 1)
    waiting = np.zeros((n_ops + 7) // 8 * 8, np.uint8)
    return Dirty(
        waiting=waiting,
        words=waiting.view(np.uint64),
        seen=np.zeros(2 * n_ops * n_axes, np.int64),
        value=np.arange(n_values + 1, dtype=np.int32),
        value_flag=np.ones(n_values, np.uint8),
        op=np.arange(n_ops + 1, dtype=np.int32),
        op_flag=np.ones(n_ops, np.uint8),
        counts=np.array([n_values, n_ops, 0], np.int64),
        rows=np.zeros((4, wide), np.int64),
        row_bytes=np.zeros(wide),
    )
