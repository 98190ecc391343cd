"""Seconds and bytes of a partition state: a numba kernel over the program and the layout decided for it.

Step time is compute plus communication. Compute is a roofline over fused groups. Peak memory is a
walk over the program in order: arguments are resident (donated ones until their last use, or until the
output that takes their place is written), values live from their group to the last group that reads
them, gathered weights only while they are read, and sums exist whole until they are scattered. What a loop's body costs
counts once per trip; of the cases of a condition the dearest counts.

The figures are kept per value and per group in a ``Ledger``, and only what changed since the state that was
measured last is counted anew. Bytes are integers, so that adding and taking away is exact; seconds are summed
anew in one order: a state's metrics are bit for bit the same whatever states were measured before it.
"""

from __future__ import annotations

import numpy as np

from autopart.cost.events import streams_of
from autopart.cost.measured_costs import Ledger
from autopart.cost.static_costs import Costs
from autopart.cost.timeline import duration_of
from autopart.costmodel.collectives import ALL_SLICE, REDUCE_SCATTER, collective_time, rearranging_time
from autopart.costmodel.roofline import roofline_time
from autopart.sharding import (
    AXES,
    BASE,
    DIM,
    FORM,
    FORM_FIRST_USE,
    FORM_LAST_USE,
    FORM_MOVED,
    FORM_MOVES_BEGIN,
    FORM_MOVES_END,
    KIND,
    Dirty,
    FlatProgram,
    Float64Array,
    Int8Array,
    Int32Array,
    Int64Array,
    Layout,
    Marks,
    decide_changes,
    tiled_axes,
)
from autopart.sharding.kernel import kernel

METRICS = ("peak_memory_bytes", "step_s", "communication_s", "communication_bytes", "compute_s", "exposed_s", "idle_s")
PEAK, STEP_S, COMMUNICATION_S, COMMUNICATION_BYTES, COMPUTE_S, EXPOSED_S, IDLE_S = range(7)


@kernel
def _enter(change: Int64Array, place: int, nbytes: int | np.int64, weight: int, loose: Int8Array) -> None:
    """Adds bytes at a place; those of a value that stands for several as often as they begin or end there."""
    change[place] += nbytes * weight if loose[place] else nbytes


@kernel
def _move_seconds(moves: Int32Array, full_bytes: Float64Array, row: int, links: Float64Array, per_byte: float) -> float:
    """What one collective takes, with the copying that comes with it."""
    kind, nbytes = moves[row, KIND], full_bytes[row]
    time = collective_time(kind, nbytes, moves[row, AXES], links)
    return float(time + rearranging_time(kind, moves[row, DIM], nbytes, per_byte))


@kernel
def _count_moves(tables: FlatProgram, costs: Costs, layout: Layout, ledger: Ledger) -> None:
    """Enters the collectives of the changed values: seconds, bytes, and sums that wait to be scattered."""
    values, extent = layout.mover, layout.extent
    moves, full_bytes = layout.moves, layout.move_bytes
    born_at, slot_op, n_uses = costs.place, tables.slot_op, tables.n_uses
    move_s, move_bytes, scatter_bytes, change = ledger.move_s, ledger.move_bytes, ledger.scatter_bytes, ledger.change
    travels = ledger.travels
    weight, loose = costs.value_weight, costs.loose
    base_s, base_streams, busy, links, stream = (
        ledger.base_s,
        ledger.base_streams,
        ledger.busy,
        costs.links,
        costs.stream,
    )
    total, per_byte = ledger.total_bytes[0], costs.rearranging_s_per_byte
    row = 0
    for item in range(layout.counts[2]):
        value, end = values[item], extent[item, 0]
        seconds, base, streams, moved, scattered = 0.0, 0.0, 0, 0, 0
        while row < end:
            if moves[row, KIND] != ALL_SLICE:
                time = _move_seconds(moves, full_bytes, row, links, per_byte)
                seconds += time
                if moves[row, FORM] == BASE:
                    base += time
                    streams |= streams_of(moves[row, AXES], stream)
                moved += int(np.rint(full_bytes[row]))
                if moves[row, KIND] == REDUCE_SCATTER:
                    scattered += int(np.rint(full_bytes[row]))
            row += 1
        travels[value] = 1 if moved > 0 else 0
        total += weight[value] * moved - move_bytes[value]
        move_s[value], move_bytes[value] = weight[value] * seconds, weight[value] * moved
        base_s[value], base_streams[value], busy[value] = base, streams, seconds > 0
        if scattered != scatter_bytes[value]:
            place = born_at[slot_op[n_uses + value]]
            _enter(change, place, scattered - scatter_bytes[value], weight[value], loose)
            _enter(change, place + 1, scatter_bytes[value] - scattered, weight[value], loose)
            scatter_bytes[value] = scattered
    ledger.total_bytes[0] = total


@kernel
def _count_buffers(tables: FlatProgram, costs: Costs, layout: Layout, changes: Dirty, ledger: Ledger) -> None:
    """Enters the memory of the changed values' base forms."""
    values, packed, out_form, n_uses = changes.value, layout.packed, layout.out_form, tables.n_uses
    born, dies, made, needed, kept = costs.born, costs.dies, costs.made, costs.needed, costs.kept
    buffer_bytes, parts, travels = costs.buffer_bytes, costs.parts, ledger.travels
    held, since, until, change = ledger.held_bytes, ledger.since, ledger.until, ledger.change
    weight, loose = costs.value_weight, costs.loose
    never = change.shape[0] - 1
    for item in range(changes.counts[0]):
        value = values[item]
        start, end = born[value], dies[value]
        if start == never and travels[value]:
            start, end = made[value], needed[value]
        elif kept[value] and out_form[value] == BASE:
            end = never
        now = np.int64(buffer_bytes[value] / parts[tiled_axes(packed[n_uses + value])]) if start != never else 0
        if now != held[value] or start != since[value] or end != until[value]:
            _enter(change, since[value], -held[value], weight[value], loose)
            _enter(change, until[value], held[value], weight[value], loose)
            _enter(change, start, now, weight[value], loose)
            _enter(change, end, -now, weight[value], loose)
            held[value], since[value], until[value] = now, start, end


@kernel
def _count_forms(tables: FlatProgram, costs: Costs, layout: Layout, ledger: Ledger) -> None:
    """Enters the memory of the changed values' gathered forms: those of weights last for one use only."""
    values, extent, place = layout.mover, layout.extent, costs.place
    forms, form_bytes = layout.forms, layout.form_bytes
    form_ptr, slot_op, weight_like, n_uses = tables.form_ptr, tables.slot_op, tables.weight_like, tables.n_uses
    read_from, read_until, prefetch = costs.read_from, costs.read_until, costs.prefetch
    weight, loose = costs.value_weight, costs.loose
    n_forms, held, begins, ends, change = (
        ledger.n_forms, ledger.form_bytes, ledger.form_from, ledger.form_until, ledger.change,
    )  # fmt: skip
    form_s, form_streams, form_issue, form_need = (
        ledger.form_s, ledger.form_streams, ledger.form_issue, ledger.form_need,
    )  # fmt: skip
    moves, full_bytes, links, stream = layout.moves, layout.move_bytes, costs.links, costs.stream
    per_byte = costs.rearranging_s_per_byte
    never = change.shape[0] - 1
    form = 0
    for item in range(layout.counts[2]):
        value, end = values[item], extent[item, 1]
        first_entry, made = form_ptr[value], place[slot_op[n_uses + value]]
        for entry in range(first_entry, first_entry + n_forms[value]):
            _enter(change, begins[entry], -held[entry], weight[value], loose)
            _enter(change, ends[entry], held[entry], weight[value], loose)
        entry = first_entry
        while form < end:
            if forms[form, FORM_MOVED]:
                first, last = forms[form, FORM_FIRST_USE], forms[form, FORM_LAST_USE]
                begin, until, need = made, never, never
                if first < n_uses:
                    begin, need = read_from[first], read_from[first]
                    if weight_like[value]:
                        begin, until = prefetch[first], read_until[first] + 1
                    elif last < n_uses:
                        until = read_until[last] + 1
                seconds, streams = 0.0, 0
                for row in range(forms[form, FORM_MOVES_BEGIN], forms[form, FORM_MOVES_END]):
                    seconds += _move_seconds(moves, full_bytes, row, links, per_byte)
                    streams |= streams_of(moves[row, AXES], stream)
                form_s[entry], form_streams[entry], form_need[entry] = seconds, streams, need
                form_issue[entry] = begin if weight_like[value] and first < n_uses else made
                begins[entry], ends[entry], held[entry] = begin, until, np.int64(form_bytes[form])
                _enter(change, begin, held[entry], weight[value], loose)
                _enter(change, until, -held[entry], weight[value], loose)
                entry += 1
            form += 1
        n_forms[value] = entry - first_entry


@kernel
def filled_part(
    size: Float64Array, tile: Float64Array, role: Int8Array, begin: int, run: Int8Array, op: int, sizes: Int64Array,
    product: int
) -> float:  # fmt: skip
    """The part of the matrix unit that a device's part of a product fills, the better way around.

    The unit takes ``tile`` rows, columns and terms at once; a size that is no multiple of them is padded. Rows and
    columns may change places, for a product may be computed transposed.
    """
    rows, columns, depth = size[product, 0], size[product, 1], size[product, 2]
    for axis in range(sizes.shape[0]):
        factor = run[op, axis]
        if factor >= 0:
            rows /= sizes[axis] if role[begin + factor] == 1 else 1
            columns /= sizes[axis] if role[begin + factor] == 2 else 1
            depth /= sizes[axis] if role[begin + factor] == 3 else 1
    high, wide, deep = tile[product, 0], tile[product, 1], tile[product, 2]
    straight = _padding(rows, high) * _padding(columns, wide)
    turned = _padding(rows, wide) * _padding(columns, high)
    return float(max(straight, turned) * _padding(depth, deep))


@kernel
def _padding(size: float, tile: float) -> float:
    """The part of the next multiple of ``tile`` that ``size`` is."""
    return float(size / (np.ceil(size / tile) * tile))


@kernel
def _count_groups(tables: FlatProgram, costs: Costs, layout: Layout, changes: Dirty, ledger: Ledger) -> None:
    """Enters the roofline seconds of every group with a changed op."""
    ops, stale, flag, touch_ptr, touch = changes.op, ledger.stale, ledger.stale_flag, costs.touch_ptr, costs.touch
    count = 0
    for item in range(changes.counts[1]):
        for i in range(touch_ptr[ops[item]], touch_ptr[ops[item] + 1]):
            if flag[touch[i]] == 0:
                flag[touch[i]] = 1
                stale[count] = touch[i]
                count += 1
    run, packed, n_axes = layout.tile, layout.packed, layout.tile.shape[1]
    member_ptr, member, member_s, product = costs.member_ptr, costs.member, costs.member_s, costs.product
    size, tile, role_ptr, role, sizes = costs.size, costs.tile, costs.role_ptr, costs.role, costs.sizes
    charge_ptr, charge, charge_bytes = costs.charge_ptr, costs.charge, costs.charge_bytes
    parts, bandwidth, group_s = costs.parts, costs.bandwidth, ledger.group_s
    for item in range(count):
        group = stale[item]
        flag[group] = 0
        if member_ptr[group] == member_ptr[group + 1]:
            continue
        work, moved = 0.0, 0.0
        for i in range(member_ptr[group], member_ptr[group + 1]):
            axes = 0
            for axis in range(n_axes):
                axes |= (run[member[i], axis] >= 0) << axis
            seconds = member_s[i] / parts[axes]
            if product[i] >= 0:
                seconds /= filled_part(size, tile, role, role_ptr[product[i]], run, member[i], sizes, product[i])
            work += seconds
        for i in range(charge_ptr[group], charge_ptr[group + 1]):
            moved += charge_bytes[i] / parts[tiled_axes(packed[charge[i]])]
        group_s[group] = roofline_time(work, moved, bandwidth)


@kernel
def _peak(change: Int64Array, heavy: Int64Array) -> tuple[int, int]:
    """The most bytes ever held, and the first place at which they are (the last entry is never reached).

    A stretch of ``heavy`` is run over and over: each time adds as many bytes as the time before, so the most are
    held the first or the last time.
    """
    live, peak, place, i = 0, 0, 0, 0
    for stretch in range(heavy.shape[0] + 1):
        begin, end, times = change.shape[0] - 1, change.shape[0] - 1, 1
        if stretch < heavy.shape[0]:
            begin, end, times = heavy[stretch, 0], heavy[stretch, 1], heavy[stretch, 2]
        while i < begin:
            live += change[i]
            if live > peak:
                peak, place = live, i
            i += 1
        added, most, where = 0, -(1 << 62), begin
        while i < end:
            added += change[i]
            if added > most:
                most, where = added, i
            i += 1
        if begin < end and live + max(0, (times - 1) * added) + most > peak:
            peak, place = live + max(0, (times - 1) * added) + most, where
        live += times * added
    return peak, place


@kernel
def _sum(terms: Float64Array) -> float:
    """The sum in an order of its own, four terms side by side, the same for every state."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = terms.shape[0] // 4 * 4
    for i in range(0, whole, 4):
        a += terms[i]
        b += terms[i + 1]
        c += terms[i + 2]
        d += terms[i + 3]
    for i in range(whole, terms.shape[0]):
        a += terms[i]
    return (a + b) + (c + d)


@kernel
def _weighted_sum(terms: Float64Array, weight: Float64Array) -> float:
    """As ``_sum``, of each term as often as ``weight`` says."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = terms.shape[0] // 4 * 4
    for i in range(0, whole, 4):
        a += terms[i] * weight[i]
        b += terms[i + 1] * weight[i + 1]
        c += terms[i + 2] * weight[i + 2]
        d += terms[i + 3] * weight[i + 3]
    for i in range(whole, terms.shape[0]):
        a += terms[i] * weight[i]
    return (a + b) + (c + d)


@kernel
def _add_regions(costs: Costs, ledger: Ledger) -> None:
    """Sums up seconds and bytes by region, and adds each region's to those of the region around, innermost first."""
    sums, dearest, parent, trips, choice = ledger.region_sums, ledger.dearest, costs.parent, costs.trips, costs.choice
    place_region, value_region, place_weight = costs.place_region, costs.value_region, costs.place_weight
    group_s, idle_s, move_s, move_bytes = ledger.group_s, costs.idle_s, ledger.move_s, ledger.move_bytes
    for r in range(parent.shape[0]):
        for k in range(4):
            sums[r, k] = 0.0
            dearest[r, k] = 0.0
    for i in range(group_s.shape[0]):
        sums[place_region[i], 0] += place_weight[i] * group_s[i]
        sums[place_region[i], 3] += place_weight[i] * idle_s[i]
    for i in range(move_s.shape[0]):
        sums[value_region[i], 1] += move_s[i]
        sums[value_region[i], 2] += move_bytes[i]
    for r in range(parent.shape[0] - 1, 0, -1):
        first = choice[r]
        if first < 0:
            for k in range(4):
                sums[parent[r], k] += trips[r] * sums[r, k]
            continue
        if sums[r, 0] + sums[r, 1] >= dearest[first, 0] + dearest[first, 1]:
            for k in range(4):
                dearest[first, k] = sums[r, k]
        if r == first:
            for k in range(4):
                sums[parent[r], k] += dearest[r, k]


@kernel
def _clear(changes: Dirty) -> None:
    values, value_flag, ops, op_flag, counts = (
        changes.value, changes.value_flag, changes.op, changes.op_flag, changes.counts,
    )  # fmt: skip
    for item in range(counts[0]):
        value_flag[values[item]] = 0
    for item in range(counts[1]):
        op_flag[ops[item]] = 0
    counts[0] = 0
    counts[1] = 0


@kernel
def measure(
    tables: FlatProgram, costs: Costs, marks: Marks, layout: Layout, changes: Dirty, ledger: Ledger, out: Float64Array
) -> int:
    """Decides ``marks``, writes its metrics (in the order of ``METRICS``) to ``out``; returns the peak's position."""
    decide_changes(tables, marks, costs.sizes, costs.value_bytes, layout, changes)
    _count_moves(tables, costs, layout, ledger)
    _count_buffers(tables, costs, layout, changes, ledger)
    _count_forms(tables, costs, layout, ledger)
    _count_groups(tables, costs, layout, changes, ledger)
    _clear(changes)
    peak, place = _peak(ledger.change, costs.heavy)
    if costs.parent.shape[0] == 1:
        compute, idle = (
            _weighted_sum(ledger.group_s, costs.place_weight),
            _weighted_sum(costs.idle_s, costs.place_weight),
        )
        seconds, moved = _sum(ledger.move_s), float(ledger.total_bytes[0])
    else:
        _add_regions(costs, ledger)
        sums = ledger.region_sums
        compute, seconds, moved, idle = sums[0, 0], sums[0, 1], sums[0, 2], sums[0, 3]
    step = duration_of(tables.form_ptr, tables.weight_like, costs, ledger)
    out[PEAK] = peak
    out[STEP_S] = step
    out[COMMUNICATION_S] = seconds
    out[COMMUNICATION_BYTES] = moved
    out[COMPUTE_S] = compute
    out[EXPOSED_S] = max(0.0, step - compute - idle)
    out[IDLE_S] = idle
    return int(costs.place_op[place])
