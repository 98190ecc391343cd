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

A state is decided anew only where it differs from the one decided before (``Changes``); what is decided for
an op or a value depends on the state alone, never on the way to it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from autopart.costmodel.collectives import (
    ALL_GATHER,
    ALL_REDUCE,
    ALL_SLICE,
    ALL_TO_ALL,
    COLLECTIVE_PERMUTE,
    REDUCE_SCATTER,
)
from autopart.sharding.flat_program import Bytes, Floats, Indices, Ints, Longs, Tables
from autopart.sharding.kernel import kernel
from autopart.sharding.packed_layout import Packed, nesting, only_cuts, parts_of, tiled_dim, unpack
from autopart.sharding.propagate import Marks

BASE = -1
"""Form number of a value's base form."""

CUT = -2
"""Stands for a form that slices alone derive from the base, where forms are not written out."""

_MAX_FORMS = 16
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

    tile: Bytes
    pending: Ints
    carried: Ints
    made: Packed
    packed: Packed
    dim: Bytes
    scattered: Ints
    use_form: Ints
    out_form: Ints
    moves: Ints
    move_bytes: Floats
    forms: Ints
    form_bytes: Floats
    moving: Bytes
    mover: Ints
    extent: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]


class Changes(NamedTuple):
    """What differs between the state that was measured last and the one decided now.

    Attributes:
        waiting: (ops, padded to whole words) ops to look at, all zero between calls; ``words`` is the same memory.
        seen: the trail of the state decided last.
        value, value_flag: list of values to settle, and whether a value is on it.
        op, op_flag: list of ops whose own cost may have changed, and whether an op is on it.
        counts: number of values, of ops, length of ``seen``.
        rows: (4, wide) scratch of the kernels, as wide as the most axes, the most dimensions of an array and the
            base form beside ``_MAX_FORMS`` others take; ``row_bytes`` as well.
    """

    waiting: npt.NDArray[np.uint8]
    words: npt.NDArray[np.uint64]
    seen: npt.NDArray[np.int64]
    value: Ints
    value_flag: npt.NDArray[np.uint8]
    op: Ints
    op_flag: npt.NDArray[np.uint8]
    counts: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    row_bytes: Floats


def most_moves(tables: Tables, n_axes: int) -> int:
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


def empty_layout(tables: Tables, n_axes: int) -> Layout:
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


def all_changed(tables: Tables, n_axes: int) -> Changes:
    """The changes since a state that nobody measured: everything."""
    n_ops, n_values = len(tables.linear), len(tables.single_use)
    wide = max(n_axes, int(tables.rank.max(initial=0)), _MAX_FORMS + 1)
    waiting = np.zeros((n_ops + 7) // 8 * 8, np.uint8)
    return Changes(
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


@kernel
def _look_at_trail(marks: Marks, changes: Changes) -> None:
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


@kernel
def _enlist(item: int, flag: npt.NDArray[np.uint8], items: Ints, count: int) -> int:
    """Puts ``item`` on a list unless it is there; returns the list's length. Written without a branch."""
    items[count] = item
    count += flag[item] == 0
    flag[item] = 1
    return count


@kernel
def _carries(
    pending: Ints, slot_value: Indices, slot_op: Indices, single_use: Bytes, slot_linear: Bytes, slot_zero: Bytes,
    monoid: Bytes, shrinks: Bytes, joining: Bytes,
    begin: int, end: int, n_uses: int, kind: int, axis: int, tiled: bool,
) -> bool:  # fmt: skip
    """Whether a linear op with operand slots ``begin:end`` runs on a sum that is partial over ``axis``."""
    partial, alone, small, joins = 0, True, True, False
    for slot in range(begin, end):
        value = slot_value[slot]
        if (pending[value] >> axis) & 1:
            partial += 1
            if not (single_use[value] and slot_linear[slot] and monoid[slot_op[n_uses + value]] <= 1):
                alone = False
            small = small and shrinks[slot] == 1
            joins = joins or joining[slot] == 1
        elif kind == 2 and slot_linear[slot] and not slot_zero[slot]:
            alone = False
    if kind == 1:
        return alone and partial == 1 and small and (not tiled or joins)
    return alone and (partial >= 2 or (not tiled and small))


@kernel
def _pack(factor_dim: Bytes, row: int, factors: Codes, places: Codes, shifts: Codes, count: int) -> int:
    """Packed layout of a slot whose op tiles ``factors``, nested as ``places`` say, on the axes of ``shifts``."""
    here = 0
    for j in range(count):
        d = factor_dim[row + factors[j]]
        here |= (d + places[j] if d >= 0 else 0) << shifts[j]
    return here


@kernel
def _decide_ops(tables: Tables, marks: Marks, layout: Layout, changes: Changes) -> None:
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
    linear, slot_linear, slot_zero, shrinks = tables.linear, tables.slot_linear, tables.slot_zero, tables.shrinks
    single_use, monoid, joining, becomes = tables.single_use, tables.monoid, tables.joining, tables.becomes
    factor_ptr, factor_kind, n_uses = tables.factor_ptr, tables.factor_kind, tables.n_uses
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
                if (mask >> axis) & 1 and _carries(
                    pending, slot_value, slot_op, single_use, slot_linear, slot_zero, monoid, shrinks, joining,
                    begin, end, n_uses, kind, axis, factor >= 0,
                ):  # fmt: skip
                    factor = -1
                    carry |= 1 << axis
                if factor >= 0 and factor_kind[factor_ptr[op] + factor] != 0:
                    makes |= 1 << axis
                changed = changed or run[op, axis] != factor
                run[op, axis] = factor
            makes |= carry
            if changed:
                n_ops = _enlist(op, op_flag, ops, n_ops)
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
                    n_changed = _enlist(value, value_flag, values, n_changed)
                if mask != 0 and single_use[value] and carried[value] != pending[value] & carry:
                    carried[value] = pending[value] & carry
                    n_changed = _enlist(value, value_flag, values, n_changed)
            for i in range(result_ptr[op], result_ptr[op + 1]):
                value = results[i]
                if n_run != 0 and fdim_ptr[n_uses + value] != row:
                    row = fdim_ptr[n_uses + value]
                    here = _pack(factor_dim, row, factors, places, shifts, n_run)
                if made[value] != here:
                    made[value] = here
                    n_changed = _enlist(value, value_flag, values, n_changed)
                    if becomes[value] >= 0:
                        n_changed = _enlist(becomes[value], value_flag, values, n_changed)
                if pending[value] != makes:
                    pending[value] = makes
                    carried[value] = 0
                    n_changed = _enlist(value, value_flag, values, n_changed)
                    for r in range(reader_ptr[value], reader_ptr[value + 1]):
                        waiting[slot_op[reader[r]]] |= linear[slot_op[reader[r]]] != 0
    changes.counts[0] = n_changed
    changes.counts[1] = n_ops


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
def _scatter_dim(packed: Packed, reader: Indices, begin: int, end: int, to: int, axis: int) -> int:
    """Where to scatter a sum: the dimension the first reader wants, if all want one (``to``: carried, -2 none)."""
    if to == -1:
        return -1
    found = -1
    for i in range(begin, end):
        wanted = tiled_dim(packed[reader[i]], axis)
        if wanted < 0:
            return -1
        if found < 0:
            found = wanted
    return found if found >= 0 else max(to, -1)


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
def _agree(base: int, target: int, dim: int) -> bool:
    """Whether every axis that tiles ``dim`` in ``base`` tiles it so in ``target``: a further cut then divides it."""
    while base != 0:
        if base & 15 == dim + 1 and base & 255 != target & 255:
            return False
        base >>= 8
        target >>= 8
    return True


@kernel
def _reduce(
    moves: Ints, move_bytes: Floats, counts: Codes, sizes: Codes, packed: Packed, reader: Indices, scattered: Ints,
    value: int, begin: int, end: int, need: int, made: int, carried_to: int, additive: bool, local: float,
) -> int:  # fmt: skip
    """Writes the reductions of ``value`` over the axes ``need``; returns its packed base form.

    ``carried_to`` is the packed layout of the argument that the value becomes, -1 if it becomes none.
    """
    base, left = made, need
    target = packed[reader[begin]] if begin < end else max(carried_to, 0)
    for depth in range(sizes.shape[0]):  # As the first reader nests the axes, outermost first.
        for axis in range(sizes.shape[0]):
            place = (target >> (8 * axis)) & 255
            if not (need >> axis) & 1 or place >> 4 != depth or not additive:
                continue
            to = -2 if carried_to < 0 else tiled_dim(carried_to, axis)
            d = _scatter_dim(packed, reader, begin, end, to, axis)
            if d < 0 or place != d + 1 + (nesting(base, d) << 4) or not _agree(base, target, d):
                continue
            _move(moves, move_bytes, counts, REDUCE_SCATTER, value, BASE, axis + 1, d, d, local)
            local /= sizes[axis]
            base |= place << (8 * axis)
            scattered[value] |= (axis + 1) << (4 * code_length(scattered[value]))
            left &= ~(1 << axis)
    whole = 0
    for axis in range(sizes.shape[0]):
        if (left >> axis) & 1:
            whole |= (axis + 1) << (4 * code_length(whole))
    if whole != 0:
        _move(moves, move_bytes, counts, ALL_REDUCE, value, BASE, whole, -1, -1, local)
    return base


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
    shared: bool, value: int, slot: int, rank: int, until: Ints,
    known: Packed, known_forms: Codes, known_bytes: Floats, wanted: int, want: Codes, now: Codes,
) -> int:  # fmt: skip
    """The form of ``value`` in layout ``wanted``: one already there, or a new one. ``known[0]`` is the base.

    A layout that only cuts a known one further is cut from it; any other is derived from the base.
    """
    n_known = known_forms[0]
    source = 0
    for i in range(n_known if shared else 1):
        if known[i] == wanted:
            form = int(known_forms[i + 1])
            last = forms[form, FORM_LAST_USE] if form >= 0 else slot
            if form >= 0 and (slot >= until.shape[0] or (last < until.shape[0] and until[slot] >= until[last])):
                forms[form, FORM_LAST_USE] = slot
            return form
        if only_cuts(known[i], wanted):
            if i == 0:
                break
            if source == 0:
                source = i
    form = int(counts[1])
    counts[1] = form + 1
    forms[form, FORM_VALUE] = value
    forms[form, FORM_SOURCE] = known_forms[source + 1]
    forms[form, FORM_FIRST_USE] = slot
    forms[form, FORM_LAST_USE] = slot
    forms[form, FORM_MOVES_BEGIN] = counts[0]
    unpack(known[source], rank, now)
    unpack(wanted, rank, want)
    local = _derive(moves, move_bytes, counts, sizes, value, form, rank, now, want, known_bytes[source])
    forms[form, FORM_MOVES_END] = counts[0]
    forms[form, FORM_MOVED] = 0
    for row in range(forms[form, FORM_MOVES_BEGIN], counts[0]):
        if moves[row, KIND] != ALL_SLICE:
            forms[form, FORM_MOVED] = 1
    form_bytes[form] = local
    if n_known < _MAX_FORMS:
        known[n_known] = wanted
        known_forms[n_known + 1] = form
        known_bytes[n_known] = local
        known_forms[0] += 1
    return form


@kernel
def _axes_of_dim(packed: int, dim: int) -> int:
    """The axes that tile ``dim`` as a code."""
    code, axis = 0, 1
    while packed != 0:
        if packed & 15 == dim + 1:
            code |= axis << (4 * ((packed & 255) >> 4))
        packed >>= 8
        axis += 1
    return code


@kernel
def _tiles_of(code: int, sizes: Codes) -> int:
    """Into how many tiles the axes of a code cut."""
    tiles = 1
    while code != 0:
        tiles *= sizes[(code & 15) - 1]
        code >>= 4
    return tiles


@kernel
def _extend(
    moves: Ints, move_bytes: Floats, counts: Codes, forms: Ints, form_bytes: Floats, sizes: Codes,
    halo_dim: Bytes, halo_low: Longs, halo_high: Longs, halo_size: Longs,
    begin: int, end: int, value: int, slot: int, source: int, wanted: int, local: float,
) -> int:  # fmt: skip
    """The form that ``slot`` reads: ``source``, in layout ``wanted``, with the halos of rows ``begin:end``.

    ``local``: bytes of the tile without halos. Each exchange sends what the earlier ones have added.
    """
    first, form = counts[0], int(counts[1])
    for row in range(begin, end):
        axes = _axes_of_dim(wanted, halo_dim[row])
        tiles = _tiles_of(axes, sizes)
        if tiles == 1:
            continue
        slab, low, high = local * tiles / halo_size[row], halo_low[row], halo_high[row]
        if low > 0:
            full = slab * low * tiles
            _move(moves, move_bytes, counts, COLLECTIVE_PERMUTE, value, form, axes, halo_dim[row], low, full)
        if high > 0:
            full = slab * high * tiles
            _move(moves, move_bytes, counts, COLLECTIVE_PERMUTE, value, form, axes, halo_dim[row], -high, full)
        local += slab * (low + high)
    if counts[0] == first:
        return source
    counts[1] = form + 1
    forms[form, FORM_VALUE] = value
    forms[form, FORM_SOURCE] = source
    forms[form, FORM_FIRST_USE] = slot
    forms[form, FORM_LAST_USE] = slot
    forms[form, FORM_MOVED] = 1
    forms[form, FORM_MOVES_BEGIN] = first
    forms[form, FORM_MOVES_END] = counts[0]
    form_bytes[form] = local
    return form


@kernel
def _moves_nothing(packed: Packed, reader: Indices, begin: int, end: int, base: int, carried_to: int) -> bool:
    """Whether every use of a value has its base form or only cuts it."""
    for i in range(begin, end):
        if not only_cuts(base, packed[reader[i]]):
            return False
    return carried_to < 0 or only_cuts(base, carried_to)


@kernel
def _settle(
    tables: Tables, sizes: npt.NDArray[np.int64], value_bytes: Floats, layout: Layout, changes: Changes, whole: bool
) -> None:
    """Writes base forms, moves and forms of all values (``whole``), or of those on the list of changes.

    In the latter case forms that move nothing need not be written, and ``use_form`` is not.
    """
    pending, carried, made, packed = layout.pending, layout.carried, layout.made, layout.packed
    scattered, use_form, out_form = layout.scattered, layout.use_form, layout.out_form
    moving, mover, extent, n_movers = layout.moving, layout.mover, layout.extent, 0
    moves, move_bytes, counts = layout.moves, layout.move_bytes, layout.counts
    forms, form_bytes, dim = layout.forms, layout.form_bytes, layout.dim
    reader_ptr, reader, slot_op, monoid = tables.reader_ptr, tables.reader, tables.slot_op, tables.monoid
    rank, n_uses, carried_arg, weight_like = tables.rank, tables.n_uses, tables.carried_arg, tables.weight_like
    halo_ptr, halo_dim, halo_low, halo_high = tables.halo_ptr, tables.halo_dim, tables.halo_low, tables.halo_high
    halo_size, haloed, until = tables.halo_size, tables.haloed, tables.until
    values, ops, op_flag, n_ops = changes.value, changes.op, changes.op_flag, changes.counts[1]
    known, known_forms, known_bytes = changes.rows[0], changes.rows[1], changes.row_bytes
    want, now = changes.rows[2], changes.rows[3]
    counts[0], counts[1] = 0, 0
    for item in range(made.shape[0] if whole else changes.counts[0]):
        value = item if whole else values[item]
        first_move = counts[0]
        begin, end, argument = reader_ptr[value], reader_ptr[value + 1], carried_arg[value]
        carried_to = made[argument] if argument >= 0 else -1
        base, need = made[value], pending[value] & ~carried[value]
        scattered[value] = 0
        if need != 0:
            producer = slot_op[n_uses + value]
            base = _reduce(
                moves, move_bytes, counts, sizes, packed, reader, scattered, value, begin, end, need, base,
                carried_to, monoid[producer] <= 1, value_bytes[value] / parts_of(base, sizes),
            )  # fmt: skip
        if packed[n_uses + value] != base:
            packed[n_uses + value] = base
            n_ops = _enlist(slot_op[n_uses + value], op_flag, ops, n_ops)
        if whole:
            for axis in range(sizes.shape[0]):
                dim[value, axis] = tiled_dim(base, axis)
        out_form[value] = BASE if carried_to < 0 or carried_to == base else CUT
        if whole or haloed[value] or not _moves_nothing(packed, reader, begin, end, base, carried_to):
            known[0], known_bytes[0] = base, value_bytes[value] / parts_of(base, sizes)
            known_forms[0], known_forms[1] = 1, BASE
            for i in range(begin, end if carried_to < 0 else end + 1):
                slot = reader[i] if i < end else n_uses + argument
                wanted = packed[slot] if i < end else carried_to
                form = BASE
                if wanted != base:
                    form = _form_of(
                        moves, move_bytes, counts, forms, form_bytes, sizes, not weight_like[value],
                        value, slot, rank[value], until, known, known_forms, known_bytes, wanted, want, now,
                    )  # fmt: skip
                if i < end and haloed[value]:
                    form = _extend(
                        moves, move_bytes, counts, forms, form_bytes, sizes, halo_dim, halo_low, halo_high, halo_size,
                        halo_ptr[slot], halo_ptr[slot + 1], value, slot, form, wanted,
                        value_bytes[value] / parts_of(wanted, sizes),
                    )  # fmt: skip
                if i < end:
                    use_form[slot] = form
                else:
                    out_form[value] = form
        if not whole and (moving[value] != 0 or counts[0] != first_move):
            moving[value] = counts[0] != first_move
            mover[n_movers], extent[n_movers, 0], extent[n_movers, 1] = value, counts[0], counts[1]
            n_movers += 1
    counts[2] = n_movers
    changes.counts[1] = n_ops


@kernel
def decide(
    tables: Tables, marks: Marks, sizes: npt.NDArray[np.int64], value_bytes: Floats, layout: Layout, changes: Changes
) -> None:
    """Fills all of ``layout`` for the state ``marks``. ``value_bytes``: bytes of each unpartitioned value."""
    _look_at_trail(marks, changes)
    _decide_ops(tables, marks, layout, changes)
    _settle(tables, sizes, value_bytes, layout, changes, True)


@kernel
def decide_changes(
    tables: Tables, marks: Marks, sizes: npt.NDArray[np.int64], value_bytes: Floats, layout: Layout, changes: Changes
) -> None:
    """As ``decide``, but of moves and forms only those of the values that changed, in the order of their list."""
    _look_at_trail(marks, changes)
    _decide_ops(tables, marks, layout, changes)
    _settle(tables, sizes, value_bytes, layout, changes, False)
