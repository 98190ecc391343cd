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

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from autopart.fusion import Fusion, fuse
from autopart.graph import BOUNDARY, COND, LOOP_CARRY, SCAN_STACK, Graph, Literal, Op
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
from autopart.tables import Bytes, Floats, Ints, Longs, Tables, last_reads, pointers
from costmodel.collectives import ALL_SLICE, REDUCE_SCATTER, collective_time
from costmodel.mesh import Mesh
from costmodel.roofline import roofline_time

METRICS = ("peak_memory_bytes", "step_s", "communication_s", "communication_bytes", "compute_s")
Table: TypeAlias = npt.NDArray[np.float64]
PEAK, STEP_S, COMMUNICATION_S, COMMUNICATION_BYTES, COMPUTE_S = range(5)


class Costs(NamedTuple):
    """What the analysis needs to know of a program on a mesh; static.

    Attributes:
        value_bytes: (values,) bytes of each unpartitioned value.
        position: (ops,) when the op's fused group runs: index of the group's last op.
        materialised, last_position, first_read: see ``fusion.Fusion``.
        argument, donated: (arguments,) values and whether the buffer may be reused.
        replaced_at: (arguments,) position at which the output that takes the argument's buffer is written,
            if the argument is last read there; else -1.
        place: (ops,) number of the op's group, from 1 in program order; place 0 is before the program.
        place_op: (places,) last op of the group; -1 at place 0.
        place_peak: (places,) FLOP/s at which a device does the work of the group's last op.
        member_ptr, member, member_flops: place -> its ops that cost anything, and their unpartitioned work.
        charge_ptr, charge, charge_bytes: place -> slots whose bytes the group moves, and their unpartitioned bytes.
        born, dies: (values,) places between which the value has a buffer; the last place + 1 is never.
        read_from, read_until: (operand slots,) first and last place at which a form made for the slot is needed.
        value_region, place_region: the region in which each value exists and each group runs.
        parent, trips, choice: (regions,) the region around, runs for one of its runs, and, for a case of a
            condition, the first region of the condition (-1 for others).
        kept: (values,) an output that lives on unless it is returned in another form.
        parts: for each set of axes (a bit each) the number of tiles that they cut.
        bandwidth: HBM bytes per second.
        sizes, link_bandwidth, latency, switched: see ``costmodel.links.AxisLinks``.
    """

    value_bytes: Floats
    position: Ints
    materialised: Bytes
    last_position: Ints
    first_read: Bytes
    argument: Ints
    donated: Bytes
    replaced_at: Ints
    place: Ints
    place_op: Ints
    place_peak: Floats
    member_ptr: Ints
    member: Ints
    member_flops: Floats
    charge_ptr: Ints
    charge: Ints
    charge_bytes: Floats
    born: Ints
    dies: Ints
    kept: Bytes
    read_from: Ints
    read_until: Ints
    value_region: Ints
    place_region: Ints
    parent: Ints
    trips: Floats
    choice: Ints
    parts: Floats
    bandwidth: float
    sizes: npt.NDArray[np.int64]
    link_bandwidth: Floats
    latency: Floats
    switched: int


def build(graph: Graph, tables: Tables, mesh: Mesh) -> Costs:
    """The static part of the analysis of ``graph`` on ``mesh``."""
    fusion = fuse(graph, tables.weight_like)
    device, links = mesh.device_profile, mesh.links()
    argument = np.array([a.value for a in graph.arguments], np.int32)
    donated = np.array([a.donated for a in graph.arguments], np.int8)
    replaced = np.full(len(argument), -1, np.int32)
    for output in graph.outputs:
        if output.carried >= 0:
            written = fusion.position[graph.values[output.value].producer]
            if fusion.last_position[argument[output.carried]] == written:
                replaced[output.carried] = written
    elements = [math.prod(value.shape) for value in graph.values]
    flops = np.array([_flops(graph, op, elements) for op in graph.ops])
    rates = {
        dtype: device.flops_for(str(dtype)) * device.matmul_efficiency for dtype in {v.dtype for v in graph.values}
    }
    rate = np.array([rates[_work_dtype(graph, op)] for op in graph.ops])
    value_bytes = np.array([n * v.dtype.itemsize for n, v in zip(elements, graph.values, strict=True)], np.float64)
    is_argument = np.arange(len(graph.values)) < len(argument)
    assert np.array_equal(argument, np.arange(len(argument))), "arguments come first"
    return Costs(
        value_bytes=value_bytes,
        position=fusion.position,
        materialised=fusion.materialised,
        last_position=fusion.last_position,
        first_read=fusion.first_read,
        argument=argument,
        donated=donated,
        replaced_at=replaced,
        **_places(fusion, flops, rate),
        **_charges(tables, fusion, flops, value_bytes),
        **_lifetimes(graph, tables, fusion, donated, replaced),
        **_regions(graph, fusion),
        kept=tables.is_output * ~is_argument,
        parts=np.array(
            [math.prod(int(n) for a, n in enumerate(links.sizes) if m >> a & 1) for m in range(2 ** len(links.sizes))],
            np.float64,
        ),
        bandwidth=device.hbm_bandwidth_bytes_per_s,
        sizes=links.sizes,
        link_bandwidth=links.bandwidth_bytes_per_s,
        latency=links.latency_s,
        switched=links.switched,
    )


def op_flops(graph: Graph, op: Op) -> float:
    """Floating point operations of the unpartitioned op: two a multiply-add, one an element otherwise.

    The zeros between the elements of a dilated operand of a convolution are not multiplied.
    """
    touched = {*op.results, *(o for o in op.operands if not isinstance(o, Literal))}
    return _flops(graph, op, {value: math.prod(graph.values[value].shape) for value in touched})


def _flops(graph: Graph, op: Op, elements: Sequence[int] | Mapping[int, int]) -> float:
    """``op_flops``, given the number of elements of each value."""
    out = sum(elements[r] for r in op.results)
    if op.primitive in BOUNDARY:
        return 0.0
    if op.primitive == "dot_general":
        (contracting, _), _ = op.params["dimension_numbers"]
        lhs = op.operands[0]
        shape = () if isinstance(lhs, Literal) else graph.values[lhs].shape
        return float(2 * out * math.prod(shape[d] for d in contracting))
    if op.primitive == "conv_general_dilated":
        rhs = op.operands[1]
        shape = () if isinstance(rhs, Literal) else graph.values[rhs].shape
        taps = math.prod(shape[d] for d in op.params["dimension_numbers"].rhs_spec[1:])
        return float(2 * out * taps / math.prod(op.params["lhs_dilation"]))
    if not op.operands:
        return 0.0
    return float(max(out, *(1 if isinstance(o, Literal) else elements[o] for o in op.operands)))


def _work_dtype(graph: Graph, op: Op) -> np.dtype[Any]:
    arrays = [o for o in op.operands if not isinstance(o, Literal)]
    return graph.values[arrays[0] if arrays else op.results[0]].dtype


def _group_places(fusion: Fusion) -> Ints:
    """Op -> place of its group."""
    is_last = fusion.position == np.arange(len(fusion.position))
    return np.cumsum(is_last, dtype=np.int32)[fusion.position]


def _places(fusion: Fusion, flops: Floats, rate: Floats) -> dict[str, Any]:
    """The groups in program order, and which of their ops cost anything."""
    place = _group_places(fusion)
    last = np.flatnonzero(fusion.position == np.arange(len(place)))
    member = np.flatnonzero((flops != 0) & (flops[fusion.position] != 0))
    member = member[np.argsort(place[member], kind="stable")]
    return {
        "place": place,
        "place_op": np.concatenate([[-1], last]).astype(np.int32),
        "place_peak": np.concatenate([[1.0], rate[last]]),
        "member_ptr": pointers(np.bincount(place[member], minlength=len(last) + 1)),
        "member": member.astype(np.int32),
        "member_flops": flops[member],
    }


def _charges(tables: Tables, fusion: Fusion, flops: Floats, value_bytes: Floats) -> dict[str, Any]:
    """The slots whose bytes each group moves: first reads, and results that leave it."""
    charged = np.concatenate([fusion.first_read, fusion.materialised]) != 0
    slots = np.flatnonzero(charged & (flops[tables.slot_op] != 0))
    place = _group_places(fusion)[tables.slot_op]
    slots = slots[np.argsort(place[slots], kind="stable")]
    return {
        "charge_ptr": pointers(np.bincount(place[slots], minlength=int(place.max(initial=0)) + 1)),
        "charge": slots.astype(np.int32),
        "charge_bytes": value_bytes[tables.slot_value[slots]],
    }


IN_PLACE = (
    "dynamic_update_slice", "scatter", "scatter-add", "scatter-max", "scatter-min", "scatter-mul", "scatter-sub",
)  # fmt: skip
"""Ops that write over their first operand where nothing else needs it any more."""


def _lifetimes(graph: Graph, tables: Tables, fusion: Fusion, donated: Bytes, replaced: Ints) -> dict[str, Any]:
    """The places between which each value has a buffer; an argument that a result replaces goes as it is written."""
    place = _group_places(fusion)
    never = int(place.max(initial=0)) + 1
    producer = tables.slot_op[tables.n_uses :]
    materialised = fusion.materialised != 0
    born = np.where(materialised, place[producer], never)
    dies = np.where(materialised, place[np.maximum(fusion.last_position, producer)] + 1, never)
    for value, (may_go, written) in enumerate(zip(donated, replaced, strict=True)):
        last = fusion.last_position[value]
        born[value], dies[value] = 0, never
        if may_go and written >= 0:
            dies[value] = place[written]
        elif may_go and last >= 0:
            dies[value] = place[last] + 1
    for op in graph.ops:
        if op.primitive in IN_PLACE and isinstance(op.operands[0], int):
            target = op.operands[0]
            mine = target >= len(donated) or bool(donated[target])
            if mine and fusion.last_position[target] == fusion.position[op.index]:
                dies[target] = min(dies[target], place[op.index])
    _loop_lifetimes(graph, place, born, dies, never)
    last_read = fusion.position[last_reads(graph)]
    from_op = np.where(last_read > tables.slot_op[: tables.n_uses], tables.slot_op[: tables.n_uses], last_read)
    for op in graph.ops:
        if op.primitive == LOOP_CARRY and isinstance(op.operands[1], int):  # The next value is read at the end.
            slot = int(tables.use_ptr[op.index + 1]) - 1
            from_op[slot] = last_read[slot]
    return {
        "born": born.astype(np.int32),
        "dies": dies.astype(np.int32),
        "read_from": place[from_op],
        "read_until": place[last_read],
    }


def _loop_lifetimes(graph: Graph, place: Ints, born: Ints, dies: Ints, never: int) -> None:
    """Corrects ``born`` and ``dies`` of what loops carry and stack.

    A carry takes its first value's buffer over and hands it to what is left after the loop; a stack is there from
    the beginning, and what is written to it needs no buffer of its own.
    """
    carried = {op.operands[1] for op in graph.ops if op.primitive == LOOP_CARRY}
    for op in graph.ops:
        if op.primitive == LOOP_CARRY:
            end = graph.regions[graph.values[op.results[-2]].region].end
            for inside in op.results[:-1]:
                born[inside] = min(born[inside] + 1, never)
            left = op.results[-1]
            born[left] = min(place[max(end - 1, op.index)] + 1, never) if born[left] != never else never
            dies[left] = max(dies[left], born[left])
        elif op.primitive == SCAN_STACK:
            born[op.results[0]] = min(born[op.results[0]], place[graph.controls[op.control].begin])
            source = op.operands[0]
            if isinstance(source, Literal) or source in carried:
                continue
            if graph.ops[graph.values[source].producer].control < 0:
                born[source] = dies[source] = never


def _regions(graph: Graph, fusion: Fusion) -> dict[str, Any]:
    """The tree of regions, and what stands in each."""
    last = np.flatnonzero(fusion.position == np.arange(len(graph.ops)))
    first_case = [
        graph.controls[r.control].regions[0] if r.control >= 0 and graph.controls[r.control].kind == COND else -1
        for r in graph.regions
    ]
    return {
        "value_region": np.array([value.region for value in graph.values], np.int32),
        "place_region": np.array([0, *(graph.ops[op].region for op in last)], np.int32),
        "parent": np.array([r.parent for r in graph.regions], np.int32),
        "trips": np.array([r.trips for r in graph.regions], np.float64),
        "choice": np.array(first_case, np.int32),
    }


class Ledger(NamedTuple):
    """What the state measured last costs, entry by entry.

    Attributes:
        group_s: (places,) roofline seconds of each group.
        move_s, move_bytes: (values,) seconds and bytes of the collectives on each value.
        held_bytes, until: (values,) local bytes of the base form, and the place at which they go.
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
    until: Ints
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
        until=np.zeros(n_values, np.int32),
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
def _count_moves(tables: Tables, costs: Costs, layout: Layout, ledger: Ledger) -> None:
    """Enters the collectives of the changed values: seconds, bytes, and sums that wait to be scattered."""
    values, extent = layout.mover, layout.extent
    moves, full_bytes = layout.moves, layout.move_bytes
    sizes, bandwidth, latency, switched = costs.sizes, costs.link_bandwidth, costs.latency, costs.switched
    born_at, slot_op, n_uses = costs.place, tables.slot_op, tables.n_uses
    move_s, move_bytes, scatter_bytes, change = ledger.move_s, ledger.move_bytes, ledger.scatter_bytes, ledger.change
    total = ledger.total_bytes[0]
    row = 0
    for item in range(layout.counts[2]):
        value, end = values[item], extent[item, 0]
        seconds, moved, scattered = 0.0, 0, 0
        while row < end:
            if moves[row, KIND] != ALL_SLICE:
                seconds += collective_time(
                    moves[row, KIND], full_bytes[row], moves[row, AXES], sizes, bandwidth, latency, switched
                )
                moved += int(np.rint(full_bytes[row]))
                if moves[row, KIND] == REDUCE_SCATTER:
                    scattered += int(np.rint(full_bytes[row]))
            row += 1
        total += moved - move_bytes[value]
        move_s[value], move_bytes[value] = seconds, moved
        if scattered != scatter_bytes[value]:
            place = born_at[slot_op[n_uses + value]]
            change[place] += scattered - scatter_bytes[value]
            change[place + 1] -= scattered - scatter_bytes[value]
            scatter_bytes[value] = scattered
    ledger.total_bytes[0] = total


@kernel
def _count_buffers(tables: Tables, costs: Costs, layout: Layout, changes: Changes, ledger: Ledger) -> None:
    """Enters the memory of the changed values' base forms."""
    values, packed, out_form, n_uses = changes.value, layout.packed, layout.out_form, tables.n_uses
    born, dies, kept, value_bytes, parts = costs.born, costs.dies, costs.kept, costs.value_bytes, costs.parts
    held, until, change = ledger.held_bytes, ledger.until, ledger.change
    never = change.shape[0] - 1
    for item in range(changes.counts[0]):
        value = values[item]
        start = born[value]
        if start == never:
            continue
        now = np.int64(value_bytes[value] / parts[tiled_axes(packed[n_uses + value])])
        end = never if kept[value] and out_form[value] == BASE else dies[value]
        if now != held[value] or end != until[value]:
            change[start] += now - held[value]
            change[until[value]] += held[value]
            change[end] -= now
            held[value], until[value] = now, end


@kernel
def _count_forms(tables: Tables, costs: Costs, layout: Layout, ledger: Ledger) -> None:
    """Enters the memory of the changed values' gathered forms: those of weights last for one use only."""
    values, extent, place = layout.mover, layout.extent, costs.place
    forms, form_bytes = layout.forms, layout.form_bytes
    form_ptr, slot_op, weight_like, n_uses = tables.form_ptr, tables.slot_op, tables.weight_like, tables.n_uses
    read_from, read_until = costs.read_from, costs.read_until
    n_forms, held, begins, ends, change = (
        ledger.n_forms, ledger.form_bytes, ledger.form_from, ledger.form_until, ledger.change,
    )  # fmt: skip
    never = change.shape[0] - 1
    form = 0
    for item in range(layout.counts[2]):
        value, end = values[item], extent[item, 1]
        first_entry = form_ptr[value]
        for entry in range(first_entry, first_entry + n_forms[value]):
            change[begins[entry]] -= held[entry]
            change[ends[entry]] += held[entry]
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
                change[begins[entry]] += held[entry]
                change[ends[entry]] -= held[entry]
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
        group_s[group] = roofline_time(work, moved, place_peak[group], bandwidth)


@kernel
def _peak(change: Longs) -> tuple[int, int]:
    """The most bytes ever held, and the first place at which they are (the last entry is never reached)."""
    live, peak, place = 0, 0, 0
    for i in range(change.shape[0] - 1):
        live += change[i]
        if live > peak:
            peak, place = live, i
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
    peak, place = _peak(ledger.change)
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
