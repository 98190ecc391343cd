"""Moves and forms of values: how a value gets from the layout it is made in to those that its readers want.

A reduction completes a partial sum; slices, all_to_alls and gathers derive one layout from another; halos are exchanged
on top. ``decide`` says which value needs what.
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
from autopart.sharding.flat_program import FlatProgram, Float64Array, Int8Array, Int32Array, Int64Array, UInt32Array
from autopart.sharding.kernel import kernel
from autopart.sharding.layout import (
    AXES,
    BASE,
    CUT,
    DIM,
    FORM,
    FORM_FIRST_USE,
    FORM_LAST_USE,
    FORM_MOVED,
    FORM_MOVES_BEGIN,
    FORM_MOVES_END,
    FORM_SOURCE,
    FORM_VALUE,
    KIND,
    MAX_FORMS,
    TO_DIM,
    VALUE,
    Codes,
    Dirty,
    Layout,
)
from autopart.sharding.packed_layout import Packed, nesting, only_cuts, parts_of, tiled_dim, unpack


class Written(NamedTuple):
    """Where moves and forms are written: fields of ``Layout``, and the sizes of the mesh axes."""

    moves: Int32Array
    move_bytes: Float64Array
    counts: Codes
    forms: Int32Array
    form_bytes: Float64Array
    sizes: Codes


class Known(NamedTuple):
    """Scratch: the forms of one value that later readers may share; the first is its base form.

    Attributes:
        layout: packed.
        form: their number at 0, then the number of each.
        nbytes: local bytes of each.
        now, want: codes per dimension of a layout that is taken apart, and of the one to come to.
    """

    layout: Packed
    form: Codes
    nbytes: Float64Array
    now: Codes
    want: Codes


class Reads(NamedTuple):
    """Who reads a value, and in which layout.

    Attributes:
        packed: ``Layout.packed``.
        reader: slots by value.
    """

    packed: Packed
    reader: UInt32Array


class Halos(NamedTuple):
    """Rows of what slots see of their neighbours: fields of ``FlatProgram``."""

    dim: Int8Array
    low: Int64Array
    high: Int64Array
    size: Int64Array


@kernel
def enlist(item: int, flag: npt.NDArray[np.uint8], items: Int32Array, count: int) -> int:
    """Puts ``item`` on a list unless it is there; returns the list's length. Written without a branch."""
    items[count] = item
    count += flag[item] == 0
    flag[item] = 1
    return count


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
def _scatter_dim(reads: Reads, begin: int, end: int, to: int, axis: int) -> int:
    """Where to scatter a sum: the dimension the first reader wants, if all want one (``to``: carried, -2 none)."""
    if to == -1:
        return -1
    found = -1
    for i in range(begin, end):
        wanted = tiled_dim(reads.packed[reads.reader[i]], axis)
        if wanted < 0:
            return -1
        if found < 0:
            found = wanted
    return found if found >= 0 else max(to, -1)


@kernel
def _move(out: Written, kind: int, value: int, form: int, axes: int, dim: int, to_dim: int, full_bytes: float) -> None:
    """Writes one row of ``moves``."""
    moves, counts = out.moves, out.counts
    row = counts[0]
    moves[row, KIND] = kind
    moves[row, VALUE] = value
    moves[row, FORM] = form
    moves[row, AXES] = axes
    moves[row, DIM] = dim
    moves[row, TO_DIM] = to_dim
    out.move_bytes[row] = full_bytes
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
    out: Written, reads: Reads, scattered: Int32Array, value: int, begin: int, end: int, need: int, made: int,
    carried_to: int, additive: bool, local: float,
) -> int:  # fmt: skip
    """Writes the reductions of ``value`` over the axes ``need``; returns its packed base form.

    ``carried_to`` is the packed layout of the argument that the value becomes, -1 if it becomes none.
    """
    base, left, sizes = made, need, out.sizes
    target = reads.packed[reads.reader[begin]] if begin < end else max(carried_to, 0)
    for depth in range(sizes.shape[0]):  # As the first reader nests the axes, outermost first.
        for axis in range(sizes.shape[0]):
            place = (target >> (8 * axis)) & 255
            if not (need >> axis) & 1 or place >> 4 != depth or not additive:
                continue
            to = -2 if carried_to < 0 else tiled_dim(carried_to, axis)
            d = _scatter_dim(reads, begin, end, to, axis)
            if d < 0 or place != d + 1 + (nesting(base, d) << 4) or not _agree(base, target, d):
                continue
            _move(out, REDUCE_SCATTER, value, BASE, axis + 1, d, d, local)
            local /= sizes[axis]
            base |= place << (8 * axis)
            scattered[value] |= (axis + 1) << (4 * code_length(scattered[value]))
            left &= ~(1 << axis)
    whole = 0
    for axis in range(sizes.shape[0]):
        if (left >> axis) & 1:
            whole |= (axis + 1) << (4 * code_length(whole))
    if whole != 0:
        _move(out, ALL_REDUCE, value, BASE, whole, -1, -1, local)
    return base


@kernel
def _derive(out: Written, value: int, form: int, rank: int, now: Codes, want: Codes, local: float) -> float:
    """Writes the moves from codes ``now`` (changed to ``want``); returns the local bytes at the end.

    Slices first, for they are free and make what follows smaller; then all_to_alls; then gathers.
    """
    sizes = out.sizes
    while True:
        changed = True
        while changed:
            changed = False
            for d in range(rank):
                nxt = _next_axis(now[d], want[d])
                if nxt != 0 and _is_prefix(now[d], want[d]) and not _has_axis(now, rank, nxt):
                    _move(out, ALL_SLICE, value, form, nxt, d, d, local)
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
            _move(out, ALL_TO_ALL, value, form, top, source, target, full)
            continue
        while keep > 0 and not _is_prefix(now[source] & ((1 << (4 * keep)) - 1), want[source]):
            keep -= 1
        gathered = now[source] >> (4 * keep)
        now[source] &= (1 << (4 * keep)) - 1
        code = gathered
        while code != 0:
            local *= sizes[(code & 15) - 1]
            code >>= 4
        _move(out, ALL_GATHER, value, form, gathered, source, source, local)


@kernel
def _form_of(
    out: Written, known: Known, until: Int32Array, shared: bool, value: int, slot: int, rank: int, wanted: int
) -> int:
    """The form of ``value`` in layout ``wanted``: one already there, or a new one.

    A layout that only cuts a known one further is cut from it; any other is derived from the base.
    """
    moves, counts, forms = out.moves, out.counts, out.forms
    layouts, numbers = known.layout, known.form
    n_known = numbers[0]
    source = 0
    for i in range(n_known if shared else 1):
        if layouts[i] == wanted:
            form = int(numbers[i + 1])
            last = forms[form, FORM_LAST_USE] if form >= 0 else slot
            if form >= 0 and (slot >= until.shape[0] or (last < until.shape[0] and until[slot] >= until[last])):
                forms[form, FORM_LAST_USE] = slot
            return form
        if only_cuts(layouts[i], wanted):
            if i == 0:
                break
            if source == 0:
                source = i
    form = int(counts[1])
    counts[1] = form + 1
    forms[form, FORM_VALUE] = value
    forms[form, FORM_SOURCE] = numbers[source + 1]
    forms[form, FORM_FIRST_USE] = slot
    forms[form, FORM_LAST_USE] = slot
    forms[form, FORM_MOVES_BEGIN] = counts[0]
    unpack(layouts[source], rank, known.now)
    unpack(wanted, rank, known.want)
    local = _derive(out, value, form, rank, known.now, known.want, known.nbytes[source])
    forms[form, FORM_MOVES_END] = counts[0]
    forms[form, FORM_MOVED] = 0
    for row in range(forms[form, FORM_MOVES_BEGIN], counts[0]):
        if moves[row, KIND] != ALL_SLICE:
            forms[form, FORM_MOVED] = 1
    out.form_bytes[form] = local
    if n_known < MAX_FORMS:
        layouts[n_known] = wanted
        numbers[n_known + 1] = form
        known.nbytes[n_known] = local
        numbers[0] += 1
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
    out: Written, halos: Halos, begin: int, end: int, value: int, slot: int, source: int, wanted: int, local: float
) -> int:
    """The form that ``slot`` reads: ``source``, in layout ``wanted``, with the halos of rows ``begin:end``.

    ``local``: bytes of the tile without halos. Each exchange sends what the earlier ones have added.
    """
    counts, forms = out.counts, out.forms
    first, form = counts[0], int(counts[1])
    for row in range(begin, end):
        axes = _axes_of_dim(wanted, halos.dim[row])
        tiles = _tiles_of(axes, out.sizes)
        if tiles == 1:
            continue
        slab, low, high = local * tiles / halos.size[row], halos.low[row], halos.high[row]
        if low > 0:
            full = slab * low * tiles
            _move(out, COLLECTIVE_PERMUTE, value, form, axes, halos.dim[row], low, full)
        if high > 0:
            full = slab * high * tiles
            _move(out, COLLECTIVE_PERMUTE, value, form, axes, halos.dim[row], -high, full)
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
    out.form_bytes[form] = local
    return form


@kernel
def _moves_nothing(reads: Reads, begin: int, end: int, base: int, carried_to: int) -> bool:
    """Whether every use of a value has its base form or only cuts it."""
    for i in range(begin, end):
        if not only_cuts(base, reads.packed[reads.reader[i]]):
            return False
    return carried_to < 0 or only_cuts(base, carried_to)


@kernel
def settle(
    tables: FlatProgram,
    sizes: npt.NDArray[np.int64],
    value_bytes: Float64Array,
    layout: Layout,
    changes: Dirty,
    whole: bool,
) -> None:
    """Writes base forms, moves and forms of all values (``whole``), or of those on the list of changes.

    In the latter case forms that move nothing need not be written, and ``use_form`` is not.
    """
    pending, carried, made, packed = layout.pending, layout.carried, layout.made, layout.packed
    scattered, use_form, out_form = layout.scattered, layout.use_form, layout.out_form
    moving, mover, extent, n_movers = layout.moving, layout.mover, layout.extent, 0
    counts, dim = layout.counts, layout.dim
    out = Written(layout.moves, layout.move_bytes, counts, layout.forms, layout.form_bytes, sizes)
    reader_ptr, reader, slot_op, monoid = tables.reader_ptr, tables.reader, tables.slot_op, tables.monoid
    rank, n_uses, carried_arg, weight_like = tables.rank, tables.n_uses, tables.carried_arg, tables.weight_like
    reads, haloed, until = Reads(packed, reader), tables.haloed, tables.until
    halo_ptr, halos = tables.halo_ptr, Halos(tables.halo_dim, tables.halo_low, tables.halo_high, tables.halo_size)
    values, ops, op_flag, n_ops = changes.value, changes.op, changes.op_flag, changes.counts[1]
    known_layout, known_form, known_bytes = changes.rows[0], changes.rows[1], changes.row_bytes
    known = Known(known_layout, known_form, known_bytes, changes.rows[3], changes.rows[2])
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
                out, reads, scattered, value, begin, end, need, base, carried_to, monoid[producer] <= 1,
                value_bytes[value] / parts_of(base, sizes),
            )  # fmt: skip
        if packed[n_uses + value] != base:
            packed[n_uses + value] = base
            n_ops = enlist(slot_op[n_uses + value], op_flag, ops, n_ops)
        if whole:
            for axis in range(sizes.shape[0]):
                dim[value, axis] = tiled_dim(base, axis)
        out_form[value] = BASE if carried_to < 0 or carried_to == base else CUT
        if whole or haloed[value] or not _moves_nothing(reads, begin, end, base, carried_to):
            known_layout[0], known_bytes[0] = base, value_bytes[value] / parts_of(base, sizes)
            known_form[0], known_form[1] = 1, BASE
            for i in range(begin, end if carried_to < 0 else end + 1):
                slot = reader[i] if i < end else n_uses + argument
                wanted = packed[slot] if i < end else carried_to
                form = BASE
                if wanted != base:
                    form = _form_of(out, known, until, not weight_like[value], value, slot, rank[value], wanted)
                if i < end and haloed[value]:
                    form = _extend(
                        out, halos, halo_ptr[slot], halo_ptr[slot + 1], value, slot, form, wanted,
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
