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

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from autopart.costs import Costs
from autopart.kernel import kernel
from autopart.layout import (
    AXES,
    BASE,
    FORM_FIRST_USE,
    FORM_LAST_USE,
    FORM_MOVED,
    KIND,
    Changes,
    Layout,
    decide_changes,
)
from autopart.packed import tiled_axes
from autopart.propagate import Marks
from autopart.tables import Bytes, Floats, Ints, Longs, Tables
from costmodel.collectives import ALL_REDUCE, ALL_SLICE, REDUCE_SCATTER, collective_time
from costmodel.roofline import roofline_time

METRICS = ("peak_memory_bytes", "step_s", "communication_s", "communication_bytes", "compute_s")
Table: TypeAlias = npt.NDArray[np.float64]
PEAK, STEP_S, COMMUNICATION_S, COMMUNICATION_BYTES, COMPUTE_S = range(5)


class Ledger(NamedTuple):
    """What the state measured last costs, entry by entry.

    Attributes:
        group_s: (places,) roofline seconds of each group.
        move_s, move_bytes: (values,) seconds and bytes of the collectives on each value.
        held_bytes, since, until: (values,) local bytes of the base form, and the places between which they are there.
        completed: (values,) 1 if a collective completes the value's sum: then it has a buffer in any case.
        scatter_bytes: (values,) bytes of the sum that exists until it is scattered.
        n_forms: (values,) number of gathered forms; those of value ``v`` stand from ``form_ptr[v]`` on in
            form_bytes, form_from, form_until: local bytes, and the places between which they exist.
        change: (places + 1,) bytes by which memory grows at each place.
        stale, stale_flag: list of groups to count anew, and whether a group is on it.
        total_bytes: (1,) sum of ``move_bytes``.
        region_sums: (regions, 3) scratch: seconds of compute, of communication, and bytes of each region.
        dearest: (regions, 3) scratch: the same of the dearest case of a condition, in the row of its first.
    """

    group_s: Floats
    move_s: Floats
    move_bytes: Longs
    held_bytes: Longs
    since: Ints
    until: Ints
    completed: Bytes
    scatter_bytes: Longs
    n_forms: Ints
    form_bytes: Longs
    form_from: Ints
    form_until: Ints
    change: Longs
    stale: Ints
    stale_flag: Bytes
    total_bytes: Longs
    region_sums: Table
    dearest: Table


def empty_ledger(tables: Tables, costs: Costs) -> Ledger:
    """A ledger without an entry; goes with ``layout.all_changed``."""
    n_values, n_places, n_forms = len(costs.born), len(costs.place_op), int(tables.form_ptr[-1])
    return Ledger(
        group_s=np.zeros(n_places),
        move_s=np.zeros(n_values),
        move_bytes=np.zeros(n_values, np.int64),
        held_bytes=np.zeros(n_values, np.int64),
        since=np.zeros(n_values, np.int32),
        until=np.zeros(n_values, np.int32),
        completed=np.zeros(n_values, np.int8),
        scatter_bytes=np.zeros(n_values, np.int64),
        n_forms=np.zeros(n_values, np.int32),
        form_bytes=np.zeros(n_forms, np.int64),
        form_from=np.zeros(n_forms, np.int32),
        form_until=np.zeros(n_forms, np.int32),
        change=np.zeros(n_places + 1, np.int64),
        stale=np.zeros(n_places, np.int32),
        stale_flag=np.zeros(n_places, np.int8),
        total_bytes=np.zeros(1, np.int64),
        region_sums=np.zeros((len(costs.parent), 3)),
        dearest=np.zeros((len(costs.parent), 3)),
    )


@kernel
def _enter(change: Longs, place: int, nbytes: int, weight: int, loose: Bytes) -> None:
    """Adds bytes at a place; those of a value that stands for several as often as they begin or end there."""
    change[place] += nbytes * weight if loose[place] else nbytes


@kernel
def _count_moves(tables: Tables, costs: Costs, layout: Layout, ledger: Ledger) -> None:
    """Enters the collectives of the changed values: seconds, bytes, and sums that wait to be scattered."""
    values, extent = layout.mover, layout.extent
    moves, full_bytes = layout.moves, layout.move_bytes
    sizes, bandwidth, latency, switched = costs.sizes, costs.link_bandwidth, costs.latency, costs.switched
    born_at, slot_op, n_uses = costs.place, tables.slot_op, tables.n_uses
    move_s, move_bytes, scatter_bytes, change = ledger.move_s, ledger.move_bytes, ledger.scatter_bytes, ledger.change
    completed, weight, loose = ledger.completed, costs.value_weight, costs.loose
    total = ledger.total_bytes[0]
    row = 0
    for item in range(layout.counts[2]):
        value, end = values[item], extent[item, 0]
        seconds, moved, scattered, sums = 0.0, 0, 0, 0
        while row < end:
            if moves[row, KIND] != ALL_SLICE:
                seconds += collective_time(
                    moves[row, KIND], full_bytes[row], moves[row, AXES], sizes, bandwidth, latency, switched
                )
                moved += int(np.rint(full_bytes[row]))
                if moves[row, KIND] == REDUCE_SCATTER:
                    scattered += int(np.rint(full_bytes[row]))
                if moves[row, KIND] == REDUCE_SCATTER or moves[row, KIND] == ALL_REDUCE:
                    sums = 1
            row += 1
        completed[value] = sums
        total += weight[value] * moved - move_bytes[value]
        move_s[value], move_bytes[value] = weight[value] * seconds, weight[value] * moved
        if scattered != scatter_bytes[value]:
            place = born_at[slot_op[n_uses + value]]
            _enter(change, place, scattered - scatter_bytes[value], weight[value], loose)
            _enter(change, place + 1, scatter_bytes[value] - scattered, weight[value], loose)
            scatter_bytes[value] = scattered
    ledger.total_bytes[0] = total


@kernel
def _count_buffers(tables: Tables, costs: Costs, layout: Layout, changes: Changes, ledger: Ledger) -> None:
    """Enters the memory of the changed values' base forms."""
    values, packed, out_form, n_uses = changes.value, layout.packed, layout.out_form, tables.n_uses
    born, dies, made, needed, kept = costs.born, costs.dies, costs.made, costs.needed, costs.kept
    value_bytes, parts, completed = costs.value_bytes, costs.parts, ledger.completed
    held, since, until, change = ledger.held_bytes, ledger.since, ledger.until, ledger.change
    weight, loose = costs.value_weight, costs.loose
    never = change.shape[0] - 1
    for item in range(changes.counts[0]):
        value = values[item]
        start, end = born[value], dies[value]
        if start == never and completed[value]:
            start, end = made[value], needed[value]
        elif kept[value] and out_form[value] == BASE:
            end = never
        now = np.int64(value_bytes[value] / parts[tiled_axes(packed[n_uses + value])]) if start != never else 0
        if now != held[value] or start != since[value] or end != until[value]:
            _enter(change, since[value], -held[value], weight[value], loose)
            _enter(change, until[value], held[value], weight[value], loose)
            _enter(change, start, now, weight[value], loose)
            _enter(change, end, -now, weight[value], loose)
            held[value], since[value], until[value] = now, start, end


@kernel
def _count_forms(tables: Tables, costs: Costs, layout: Layout, ledger: Ledger) -> None:
    """Enters the memory of the changed values' gathered forms: those of weights last for one use only."""
    values, extent, place = layout.mover, layout.extent, costs.place
    forms, form_bytes = layout.forms, layout.form_bytes
    form_ptr, slot_op, weight_like, n_uses = tables.form_ptr, tables.slot_op, tables.weight_like, tables.n_uses
    read_from, read_until, weight, loose = costs.read_from, costs.read_until, costs.value_weight, costs.loose
    n_forms, held, begins, ends, change = (
        ledger.n_forms, ledger.form_bytes, ledger.form_from, ledger.form_until, ledger.change,
    )  # fmt: skip
    never = change.shape[0] - 1
    form = 0
    for item in range(layout.counts[2]):
        value, end = values[item], extent[item, 1]
        first_entry = form_ptr[value]
        for entry in range(first_entry, first_entry + n_forms[value]):
            _enter(change, begins[entry], -held[entry], weight[value], loose)
            _enter(change, ends[entry], held[entry], weight[value], loose)
        entry = first_entry
        while form < end:
            if forms[form, FORM_MOVED]:
                first, last = forms[form, FORM_FIRST_USE], forms[form, FORM_LAST_USE]
                ends[entry] = never
                if first >= n_uses:
                    begins[entry] = place[slot_op[n_uses + value]]
                else:
                    begins[entry] = read_from[first]
                    if weight_like[value]:
                        ends[entry] = read_until[first] + 1
                    elif last < n_uses:
                        ends[entry] = read_until[last] + 1
                held[entry] = np.int64(form_bytes[form])
                _enter(change, begins[entry], held[entry], weight[value], loose)
                _enter(change, ends[entry], -held[entry], weight[value], loose)
                entry += 1
            form += 1
        n_forms[value] = entry - first_entry


@kernel
def _count_groups(tables: Tables, costs: Costs, layout: Layout, changes: Changes, ledger: Ledger) -> None:
    """Enters the roofline seconds of every group with a changed op."""
    ops, stale, flag, place = changes.op, ledger.stale, ledger.stale_flag, costs.place
    count = 0
    for item in range(changes.counts[1]):
        group = place[ops[item]]
        if flag[group] == 0:
            flag[group] = 1
            stale[count] = group
            count += 1
    run, packed, n_axes = layout.tile, layout.packed, layout.tile.shape[1]
    member_ptr, member, member_flops = costs.member_ptr, costs.member, costs.member_flops
    charge_ptr, charge, charge_bytes = costs.charge_ptr, costs.charge, costs.charge_bytes
    parts, place_peak, bandwidth, group_s = costs.parts, costs.place_peak, costs.bandwidth, ledger.group_s
    place_weight = costs.place_weight
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
            work += member_flops[i] / parts[axes]
        for i in range(charge_ptr[group], charge_ptr[group + 1]):
            moved += charge_bytes[i] / parts[tiled_axes(packed[charge[i]])]
        group_s[group] = place_weight[group] * roofline_time(work, moved, place_peak[group], bandwidth)


@kernel
def _peak(change: Longs, heavy: Longs) -> tuple[int, int]:
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
def _sum(terms: Floats) -> float:
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
def _add_regions(costs: Costs, ledger: Ledger) -> None:
    """Sums up seconds and bytes by region, and adds each region's to those of the region around, innermost first."""
    sums, dearest, parent, trips, choice = ledger.region_sums, ledger.dearest, costs.parent, costs.trips, costs.choice
    place_region, value_region = costs.place_region, costs.value_region
    group_s, move_s, move_bytes = ledger.group_s, ledger.move_s, ledger.move_bytes
    for r in range(parent.shape[0]):
        for k in range(3):
            sums[r, k] = 0.0
            dearest[r, k] = 0.0
    for i in range(group_s.shape[0]):
        sums[place_region[i], 0] += group_s[i]
    for i in range(move_s.shape[0]):
        sums[value_region[i], 1] += move_s[i]
        sums[value_region[i], 2] += move_bytes[i]
    for r in range(parent.shape[0] - 1, 0, -1):
        first = choice[r]
        if first < 0:
            for k in range(3):
                sums[parent[r], k] += trips[r] * sums[r, k]
            continue
        if sums[r, 0] + sums[r, 1] >= dearest[first, 0] + dearest[first, 1]:
            for k in range(3):
                dearest[first, k] = sums[r, k]
        if r == first:
            for k in range(3):
                sums[parent[r], k] += dearest[r, k]


@kernel
def _clear(changes: Changes) -> None:
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
    tables: Tables, costs: Costs, marks: Marks, layout: Layout, changes: Changes, ledger: Ledger, out: Floats
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
        compute, seconds, moved = _sum(ledger.group_s), _sum(ledger.move_s), float(ledger.total_bytes[0])
    else:
        _add_regions(costs, ledger)
        compute, seconds, moved = ledger.region_sums[0, 0], ledger.region_sums[0, 1], ledger.region_sums[0, 2]
    out[PEAK] = peak
    out[STEP_S] = compute + seconds
    out[COMMUNICATION_S] = seconds
    out[COMMUNICATION_BYTES] = moved
    out[COMPUTE_S] = compute
    return int(costs.place_op[place])
