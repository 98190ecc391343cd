"""The one decision of which collective stands where: a kernel from partition state to layouts and moves.

The estimate, the Program, the emitted JAX and the reports all read what is decided here.

A value is made in the layout that its op's tiles give it, possibly as a partial sum (*pending*) over some
axes. A pending sum is carried through the one op that reads it while that op is linear and takes it
alone (or adds it to other partial sums); else it is reduced once, where it is made: scattered if every
reader wants that axis on some dimension, else to all. What results is the value's *base* form. A reader
that wants another layout reads a *form* derived from the base by slices, all_to_alls and gathers. Readers
that want the same layout share a form, except of weights (arguments and their casts), which every reader
gathers for itself and drops.

Layouts are codes per dimension: four bits an axis (index + 1), outermost axis lowest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from autopart.propagate import Marks
from autopart.tables import MAX_RANK, Bytes, Floats, Ints, Tables
from costmodel.collectives import ALL_GATHER, ALL_REDUCE, ALL_SLICE, ALL_TO_ALL, REDUCE_SCATTER
from costmodel.kernel import kernel

BASE = -1
"""Form number of a value's base form."""

_MAX_FORMS = 16

# Columns of ``Layout.moves``.
KIND, VALUE, FORM, AXES, DIM, TO_DIM = range(6)
# Columns of ``Layout.forms``.
FORM_VALUE, FORM_SOURCE, FORM_FIRST_USE, FORM_LAST_USE, FORM_MOVED, FORM_MOVES_BEGIN, FORM_MOVES_END = range(7)

Codes = npt.NDArray[np.int64]


class Layout(NamedTuple):
    """What the kernel decided.

    Attributes:
        tile: (ops, axes) the factor along which each op really runs (-1 where a sum is carried).
        pending: (values,) bit per axis over which the value is made as a partial sum.
        carried: (values,) bits of ``pending`` that its one reader takes as they are.
        dim: (values, axes) dimension of the base form that the axis tiles, or -1.
        scattered: (values,) code of the axes that a reduce_scatter added to the base form, in order.
        use_form: (operand slots,) form that the operand is read in.
        out_form: (values,) form in which an output is returned.
        moves: rows (kind, value, form, axes code, dimension, to dimension), in program order by value.
        move_bytes: full bytes of each move, as ``costmodel.collectives`` counts them.
        forms: rows (value, source form, first and last slot that reads it, bytes moved, moves begin, end).
        form_bytes: local bytes of each form.
        counts: number of moves, number of forms.
    """

    tile: Bytes
    pending: Ints
    carried: Ints
    dim: Bytes
    scattered: Ints
    use_form: Ints
    out_form: Ints
    moves: Ints
    move_bytes: Floats
    forms: Ints
    form_bytes: Floats
    counts: npt.NDArray[np.int64]


def empty_layout(tables: Tables, n_axes: int) -> Layout:
    """Room for the layout of any state of the program."""
    n_ops, n_values, n_uses = len(tables.linear), len(tables.single_use), tables.n_uses
    capacity = 4 * (n_uses + n_values) + 64
    return Layout(
        tile=np.full((n_ops, n_axes), -1, np.int8),
        pending=np.zeros(n_values, np.int32),
        carried=np.zeros(n_values, np.int32),
        dim=np.full((n_values, n_axes), -1, np.int8),
        scattered=np.zeros(n_values, np.int32),
        use_form=np.full(n_uses, BASE, np.int32),
        out_form=np.full(n_values, BASE, np.int32),
        moves=np.zeros((capacity, 6), np.int32),
        move_bytes=np.zeros(capacity),
        forms=np.zeros((n_uses + n_values, 7), np.int32),
        form_bytes=np.zeros(n_uses + n_values),
        counts=np.zeros(2, np.int64),
    )


@kernel
def code_length(code: int) -> int:
    """Number of axes in a code."""
    n = 0
    while code != 0:
        n += 1
        code >>= 4
    return n


@kernel
def _is_prefix(short: int, long: int) -> bool:
    """Whether the layout ``long`` of a dimension is ``short`` cut further."""
    return (long & ((1 << (4 * code_length(short))) - 1)) == short


@kernel
def _next_axis(short: int, long: int) -> int:
    """The axis code after the prefix ``short`` of ``long`` (0: none)."""
    return (long >> (4 * code_length(short))) & 15


@kernel
def _has_axis(codes: Codes, rank: int, axis_code: int) -> bool:
    for d in range(rank):
        code = codes[d]
        while code != 0:
            if code & 15 == axis_code:
                return True
            code >>= 4
    return False


@kernel
def _append(codes: Codes, d: int, axis_code: int) -> None:
    codes[d] |= axis_code << (4 * code_length(codes[d]))


@kernel
def _decide_pending(tables: Tables, marks: Marks, layout: Layout) -> None:
    """Program-order pass: which ops run on carried sums, and what each value is made as."""
    tile, pending, carried, dim = layout.tile, layout.pending, layout.carried, layout.dim
    asked = marks.tile
    use_ptr, slot_value, result_ptr, results = (
        tables.use_ptr,
        tables.slot_value,
        tables.result_ptr,
        tables.results,
    )
    linear, slot_linear, slot_zero, shrinks = (
        tables.linear,
        tables.slot_linear,
        tables.slot_zero,
        tables.shrinks,
    )
    single_use, monoid, joining = tables.single_use, tables.monoid, tables.joining
    factor_ptr, factor_kind, slot_op = tables.factor_ptr, tables.factor_kind, tables.slot_op
    fdim_ptr, factor_dim, n_uses = tables.fdim_ptr, tables.factor_dim, tables.n_uses
    n_ops, n_axes = asked.shape
    for op in range(n_ops):
        begin, end = use_ptr[op], use_ptr[op + 1]
        mask = 0
        for slot in range(begin, end):
            mask |= pending[slot_value[slot]]
        made = 0
        for axis in range(n_axes):
            factor = asked[op, axis]
            if (mask >> axis) & 1 and linear[op] != 0:
                partial, alone, small, joins = 0, True, True, False
                for slot in range(begin, end):
                    value = slot_value[slot]
                    if (pending[value] >> axis) & 1:
                        partial += 1
                        producer = slot_op[n_uses + value]
                        if not (single_use[value] and slot_linear[slot] and monoid[producer] <= 1):
                            alone = False
                        small = small and shrinks[slot] == 1
                        joins = joins or joining[slot] == 1
                    elif linear[op] == 2 and slot_linear[slot] and not slot_zero[slot]:
                        alone = False
                if linear[op] == 1:
                    carry = alone and partial == 1 and small and (factor < 0 or joins)
                else:
                    carry = alone and (partial >= 2 or (factor < 0 and small))
                if carry:
                    factor = -1
                    made |= 1 << axis
                    for slot in range(begin, end):
                        if (pending[slot_value[slot]] >> axis) & 1:
                            carried[slot_value[slot]] |= 1 << axis
            tile[op, axis] = factor
            if factor >= 0 and factor_kind[factor_ptr[op] + factor] != 0:
                made |= 1 << axis
        for i in range(result_ptr[op], result_ptr[op + 1]):
            value = results[i]
            pending[value] = made
            carried[value] = 0
            for axis in range(n_axes):
                factor = tile[op, axis]
                dim[value, axis] = factor_dim[fdim_ptr[n_uses + value] + factor] if factor >= 0 else -1


@kernel
def _wanted_dim(run: Bytes, slot_op: Ints, fdim_ptr: Ints, factor_dim: Bytes, slot: int, axis: int) -> int:
    """Dimension that ``slot`` has tiled on ``axis``, or -1."""
    factor = run[slot_op[slot], axis]
    return factor_dim[fdim_ptr[slot] + factor] if factor >= 0 else -1


@kernel
def _scatter_dim(
    run: Bytes,
    slot_op: Ints,
    fdim_ptr: Ints,
    factor_dim: Bytes,
    reader: Ints,
    begin: int,
    end: int,
    to: int,
    axis: int,
) -> int:
    """Where to scatter a sum: the dimension the first reader wants, if all want one (``to``: carried, -2 none)."""
    if to == -1:
        return -1
    found = -1
    for i in range(begin, end):
        wanted = _wanted_dim(run, slot_op, fdim_ptr, factor_dim, reader[i], axis)
        if wanted < 0:
            return -1
        if found < 0:
            found = wanted
    return found if found >= 0 else max(to, -1)


@kernel
def _slot_codes(
    order: Bytes, n_tiled: Bytes, run: Bytes, fdim_ptr: Ints, factor_dim: Bytes,
    slot: int, op: int, rank: int, codes: Codes,
) -> None:  # fmt: skip
    """The layout in which ``slot`` of ``op`` has or wants its array."""
    for d in range(rank):
        codes[d] = 0
    for k in range(n_tiled[op]):
        axis = order[op, k]
        factor = run[op, axis]
        if factor >= 0:
            d = factor_dim[fdim_ptr[slot] + factor]
            if d >= 0:
                _append(codes, d, axis + 1)


@kernel
def _move(
    moves: Ints, move_bytes: Floats, counts: Codes,
    kind: int, value: int, form: int, axes: int, dim: int, to_dim: int, full_bytes: float,
) -> None:  # fmt: skip
    """Writes one row of ``moves``."""
    row = counts[0]
    moves[row, KIND] = kind
    moves[row, VALUE] = value
    moves[row, FORM] = form
    moves[row, AXES] = axes
    moves[row, DIM] = dim
    moves[row, TO_DIM] = to_dim
    move_bytes[row] = full_bytes
    counts[0] = row + 1


@kernel
def _derive(
    moves: Ints, move_bytes: Floats, counts: Codes, sizes: npt.NDArray[np.int64],
    value: int, form: int, rank: int, now: Codes, want: Codes, local: float,
) -> float:  # fmt: skip
    """Writes the moves from codes ``now`` (changed to ``want``); returns the local bytes at the end.

    Slices first, for they are free and make what follows smaller; then all_to_alls; then gathers.
    """
    while True:
        changed = True
        while changed:
            changed = False
            for d in range(rank):
                nxt = _next_axis(now[d], want[d])
                if nxt != 0 and _is_prefix(now[d], want[d]) and not _has_axis(now, rank, nxt):
                    _move(moves, move_bytes, counts, ALL_SLICE, value, form, nxt, d, d, local)
                    local /= sizes[nxt - 1]
                    _append(now, d, nxt)
                    changed = True
        source = -1
        for d in range(rank):
            if not _is_prefix(now[d], want[d]):
                source = d
                break
        if source < 0:
            return local
        keep = code_length(now[source]) - 1
        top = now[source] >> (4 * keep)
        target = -1
        for d in range(rank):
            if d != source and _is_prefix(now[d], want[d]) and _next_axis(now[d], want[d]) == top:
                target = d
        if target >= 0:
            now[source] &= (1 << (4 * keep)) - 1
            _append(now, target, top)
            full = local * sizes[top - 1]
            _move(moves, move_bytes, counts, ALL_TO_ALL, value, form, top, source, target, full)
            continue
        while keep > 0 and not _is_prefix(now[source] & ((1 << (4 * keep)) - 1), want[source]):
            keep -= 1
        gathered = now[source] >> (4 * keep)
        now[source] &= (1 << (4 * keep)) - 1
        code = gathered
        while code != 0:
            local *= sizes[(code & 15) - 1]
            code >>= 4
        _move(moves, move_bytes, counts, ALL_GATHER, value, form, gathered, source, source, local)


@kernel
def _form_of(
    moves: Ints, move_bytes: Floats, counts: Codes, forms: Ints, form_bytes: Floats, sizes: npt.NDArray[np.int64],
    shared: bool, value: int, slot: int, rank: int,
    known: Codes, known_forms: Codes, known_bytes: Floats, want: Codes, now: Codes,
) -> int:  # fmt: skip
    """The form of ``value`` in layout ``want``: one already there, or a new one. Row 0 of ``known`` is the base.

    A layout that only cuts a known one further is cut from it; any other is derived from the base.
    """
    n_known = known_forms[0]
    source = 0
    for i in range(n_known if shared else 1):
        equal, prefix = True, True
        for d in range(rank):
            equal = equal and known[i, d] == want[d]
            prefix = prefix and _is_prefix(known[i, d], want[d])
        if equal:
            form = known_forms[i + 1]
            if form >= 0:
                forms[form, FORM_LAST_USE] = slot
            return form
        if prefix:
            if i == 0:
                break
            if source == 0:
                source = i
    form = counts[1]
    counts[1] = form + 1
    forms[form, FORM_VALUE] = value
    forms[form, FORM_SOURCE] = known_forms[source + 1]
    forms[form, FORM_FIRST_USE] = slot
    forms[form, FORM_LAST_USE] = slot
    forms[form, FORM_MOVES_BEGIN] = counts[0]
    for d in range(rank):
        now[d] = known[source, d]
    local = _derive(moves, move_bytes, counts, sizes, value, form, rank, now, want, known_bytes[source])
    forms[form, FORM_MOVES_END] = counts[0]
    forms[form, FORM_MOVED] = 0
    for row in range(forms[form, FORM_MOVES_BEGIN], counts[0]):
        if moves[row, KIND] != ALL_SLICE:
            forms[form, FORM_MOVED] = 1
    form_bytes[form] = local
    if n_known < _MAX_FORMS:
        for d in range(rank):
            known[n_known, d] = want[d]
        known_forms[n_known + 1] = form
        known_bytes[n_known] = local
        known_forms[0] += 1
    return form


@kernel
def decide(tables: Tables, marks: Marks, sizes: npt.NDArray[np.int64], value_bytes: Floats, layout: Layout) -> None:
    """Fills ``layout`` for the state ``marks``. ``value_bytes``: bytes of each unpartitioned value.

    Attribute reads of the tuples are hoisted: numba counts references at each of them.
    """
    _decide_pending(tables, marks, layout)
    run, dim, pending, carried = layout.tile, layout.dim, layout.pending, layout.carried
    scattered, use_form, out_form = layout.scattered, layout.use_form, layout.out_form
    moves, move_bytes, forms, form_bytes, counts = (
        layout.moves, layout.move_bytes, layout.forms, layout.form_bytes, layout.counts,
    )  # fmt: skip
    reader_ptr, reader, slot_op, monoid = tables.reader_ptr, tables.reader, tables.slot_op, tables.monoid
    fdim_ptr, factor_dim, dim_ptr, n_uses = tables.fdim_ptr, tables.factor_dim, tables.dim_ptr, tables.n_uses
    carried_arg, weight_like = tables.carried_arg, tables.weight_like
    order, n_tiled = marks.order, marks.n_tiled
    n_axes = sizes.shape[0]
    counts[0], counts[1] = 0, 0
    known = np.zeros((_MAX_FORMS, MAX_RANK), np.int64)
    known_forms = np.empty(_MAX_FORMS + 1, np.int64)
    known_bytes = np.empty(_MAX_FORMS)
    want, now = np.empty(MAX_RANK, np.int64), np.empty(MAX_RANK, np.int64)
    known_value = -1
    for value in range(dim.shape[0]):
        begin, end = reader_ptr[value], reader_ptr[value + 1]
        argument = carried_arg[value]
        producer = slot_op[n_uses + value]
        scattered[value] = 0
        need = pending[value] & ~carried[value]
        if need != 0:
            local = _local_bytes(dim, sizes, value_bytes, value)
            whole = 0
            for axis in range(n_axes):
                if not (need >> axis) & 1:
                    continue
                d = -1
                if monoid[producer] <= 1:
                    to = -2 if argument < 0 else run[slot_op[n_uses + argument], axis]
                    d = _scatter_dim(run, slot_op, fdim_ptr, factor_dim, reader, begin, end, to, axis)
                if d < 0:
                    whole |= (axis + 1) << (4 * code_length(whole))
                    continue
                _move(moves, move_bytes, counts, REDUCE_SCATTER, value, BASE, axis + 1, d, d, local)
                local /= sizes[axis]
                dim[value, axis] = d
                scattered[value] |= (axis + 1) << (4 * code_length(scattered[value]))
            if whole != 0:
                _move(moves, move_bytes, counts, ALL_REDUCE, value, BASE, whole, -1, -1, local)
        nested = False
        for a in range(n_axes):
            for b in range(a):
                nested = nested or (dim[value, a] >= 0 and dim[value, a] == dim[value, b])
        out_form[value] = BASE
        for i in range(begin, end + (1 if argument >= 0 else 0)):
            slot = reader[i] if i < end else n_uses + argument
            op = slot_op[slot]
            same = not nested
            for axis in range(n_axes):
                factor = run[op, axis]
                wanted = factor_dim[fdim_ptr[slot] + factor] if factor >= 0 else -1
                same = same and wanted == dim[value, axis]
            form = BASE
            if not same:
                rank = dim_ptr[n_uses + value + 1] - dim_ptr[n_uses + value]
                if known_value != value:
                    local = _local_bytes(dim, sizes, value_bytes, value)
                    _slot_codes(
                        order, n_tiled, run, fdim_ptr, factor_dim, n_uses + value, producer, rank, known[0]
                    )  # fmt: skip
                    code = scattered[value]
                    while code != 0:
                        _append(known[0], dim[value, (code & 15) - 1], code & 15)
                        code >>= 4
                    known_forms[0], known_forms[1], known_bytes[0] = 1, BASE, local
                    known_value = value
                _slot_codes(order, n_tiled, run, fdim_ptr, factor_dim, slot, op, rank, want)
                form = _form_of(
                    moves, move_bytes, counts, forms, form_bytes, sizes, not weight_like[value],
                    value, slot, rank, known, known_forms, known_bytes, want, now,
                )  # fmt: skip
            if i < end:
                use_form[slot] = form
            else:
                out_form[value] = form


@kernel
def _local_bytes(dim: Bytes, sizes: npt.NDArray[np.int64], value_bytes: Floats, value: int) -> float:
    local = value_bytes[value]
    for axis in range(sizes.shape[0]):
        if dim[value, axis] >= 0:
            local /= sizes[axis]
    return local
