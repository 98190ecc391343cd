"""What the analysis needs to know of a program on a mesh: work, bytes, lifetimes and regions; static.

Ops run in fused groups (``fusion``); a group has a *place* in program order. All figures are of the unpartitioned
program: what a state leaves of them on one device is counted by ``analysis``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from autopart.fusion import Fusion, fuse
from autopart.graph import BOUNDARY, COND, LOOP_CARRY, SCAN_STACK, Graph, Literal, Op
from autopart.tables import Bytes, Floats, Ints, Longs, Tables, pointers
from costmodel.mesh import Mesh


@dataclass(frozen=True)
class Repeats:
    """Which ops of a folded program stand for several (see ``fold``).

    Attributes:
        weight: (ops,) for how many ops each stands, itself one of them.
        inside: (ops,) whether the op is in a layer like the one that stands for others: what lives until such an
            op is of that layer or one beside it, not of all layers.
    """

    weight: Longs
    inside: Bytes


def _no_repeats(graph: Graph) -> Repeats:
    return Repeats(np.ones(len(graph.ops), np.int64), np.zeros(len(graph.ops), np.int8))


class Costs(NamedTuple):
    """What the analysis needs to know of a program on a mesh; static.

    Attributes:
        value_bytes: (values,) bytes of each unpartitioned value.
        argument, donated: (arguments,) values and whether the buffer may be reused.
        replaced_at: (arguments,) position at which the output that takes the argument's buffer is written,
            if the argument is last read there; else -1.
        place: (ops,) number of the op's group, from 1 in program order; place 0 is before the program.
        place_op: (places,) root of the group; -1 at place 0.
        place_peak: (places,) FLOP/s at which a device does the work of the group's root.
        member_ptr, member, member_flops: place -> its ops that cost anything, and their unpartitioned work.
        charge_ptr, charge, charge_bytes: place -> slots whose bytes the group moves, and their unpartitioned bytes.
        born, dies: (values,) places between which the value has a buffer; the last place + 1 is never.
        made, needed: (values,) places between which it has one if its sum is completed by a collective.
        read_from, read_until: (operand slots,) first and last place at which a form made for the slot is needed.
        value_region, place_region: the region in which each value exists and each group runs.
        parent, trips, choice: (regions,) the region around, runs for one of its runs, and, for a case of a
            condition, the first region of the condition (-1 for others).
        value_weight: (values,) for how many values each stands.
        place_weight: (places,) for how many groups each stands.
        loose: (places,) whether what begins or ends there does so for all values that a value stands for.
        heavy: (stretches, 3) first place, last place + 1, and times of what is run over and over (see ``_peak``).
        kept: (values,) an output that lives on unless it is returned in another form.
        parts: for each set of axes (a bit each) the number of tiles that they cut.
        bandwidth: HBM bytes per second.
        sizes, link_bandwidth, latency, switched: see ``costmodel.links.AxisLinks``.
    """

    value_bytes: Floats
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
    made: Ints
    needed: Ints
    kept: Bytes
    read_from: Ints
    read_until: Ints
    value_region: Ints
    place_region: Ints
    parent: Ints
    trips: Floats
    choice: Ints
    value_weight: Longs
    place_weight: Longs
    loose: Bytes
    heavy: Longs
    parts: Floats
    bandwidth: float
    sizes: npt.NDArray[np.int64]
    link_bandwidth: Floats
    latency: Floats
    switched: int


def costs_of(graph: Graph, tables: Tables, mesh: Mesh, repeats: Repeats | None = None) -> Costs:
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
        argument=argument,
        donated=donated,
        replaced_at=replaced,
        **_places(fusion, flops, rate),
        **_charges(tables, fusion, flops, value_bytes),
        **_lifetimes(graph, tables, fusion, donated, replaced),
        **_regions(graph, fusion),
        **_weights(graph, fusion, _no_repeats(graph) if repeats is None else repeats),
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


def _clock(fusion: Fusion) -> Ints:
    """Op -> number of groups that have run when it has: the place of its group, if it is the group's root."""
    return np.cumsum(fusion.position == np.arange(len(fusion.position)), dtype=np.int32)


def _places(fusion: Fusion, flops: Floats, rate: Floats) -> dict[str, Any]:
    """The groups in program order, and which of their ops cost anything."""
    place = _clock(fusion)[fusion.position]
    root = np.flatnonzero(fusion.position == np.arange(len(place)))
    member = np.flatnonzero((flops != 0) & (flops[fusion.position] != 0))
    member = member[np.argsort(place[member], kind="stable")]
    return {
        "place": place,
        "place_op": np.concatenate([[-1], root]).astype(np.int32),
        "place_peak": np.concatenate([[1.0], rate[root]]),
        "member_ptr": pointers(np.bincount(place[member], minlength=len(root) + 1)),
        "member": member.astype(np.int32),
        "member_flops": flops[member],
    }


def _charges(tables: Tables, fusion: Fusion, flops: Floats, value_bytes: Floats) -> dict[str, Any]:
    """The slots whose bytes each group moves: reads of buffers, and results that have one."""
    written = np.flatnonzero(fusion.materialised) + tables.n_uses
    slots = np.concatenate([fusion.slot, written])
    roots = np.concatenate([fusion.group, fusion.position[tables.slot_op[written]]])
    works = flops[roots] != 0
    clock = _clock(fusion)
    slots, place = slots[works], clock[roots[works]]
    order = np.argsort(place, kind="stable")
    return {
        "charge_ptr": pointers(np.bincount(place, minlength=int(clock.max(initial=0)) + 1)),
        "charge": slots[order].astype(np.int32),
        "charge_bytes": value_bytes[tables.slot_value[slots[order]]],
    }


IN_PLACE = (
    "dynamic_update_slice", "scatter", "scatter-add", "scatter-max", "scatter-min", "scatter-mul", "scatter-sub",
)  # fmt: skip
"""Ops that write over their first operand where nothing else needs it any more."""


def _lifetimes(graph: Graph, tables: Tables, fusion: Fusion, donated: Bytes, replaced: Ints) -> dict[str, Any]:
    """The places between which each value has a buffer; an argument that a result replaces goes as it is written."""
    clock = _clock(fusion)
    place, never = clock[fusion.position], int(clock.max(initial=0)) + 1
    producer = tables.slot_op[tables.n_uses :]
    materialised = fusion.materialised != 0
    needed = clock[np.maximum(fusion.last_position, fusion.position[producer])] + 1
    born = np.where(materialised, place[producer], never)
    dies = np.where(materialised, needed, never)
    for value, (may_go, written) in enumerate(zip(donated, replaced, strict=True)):
        last = fusion.last_position[value]
        born[value], dies[value] = 0, never
        if may_go and written >= 0:
            dies[value] = place[written]
        elif may_go and last >= 0:
            dies[value] = clock[last] + 1
    for op in graph.ops:
        if op.primitive in IN_PLACE and isinstance(op.operands[0], int):
            target = op.operands[0]
            mine = target >= len(donated) or bool(donated[target])
            if mine and fusion.last_position[target] == fusion.position[op.index]:
                dies[target] = min(dies[target], place[op.index])
    _loop_lifetimes(graph, clock, born, dies, never)
    read_from, read_until = place[tables.slot_op[: tables.n_uses]], clock[fusion.read_until]
    for op in graph.ops:
        if op.primitive == LOOP_CARRY and isinstance(op.operands[1], int):  # The next value is read at the end.
            slot = int(tables.use_ptr[op.index + 1]) - 1
            read_from[slot] = read_until[slot]
    return {
        "born": born.astype(np.int32),
        "dies": dies.astype(np.int32),
        "made": place[producer],
        "needed": needed,
        "read_from": np.minimum(read_from, read_until),
        "read_until": read_until,
    }


def _loop_lifetimes(graph: Graph, clock: Ints, born: Ints, dies: Ints, never: int) -> None:
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
            born[left] = min(clock[max(end - 1, op.index)] + 1, never) if born[left] != never else never
            dies[left] = max(dies[left], born[left])
        elif op.primitive == SCAN_STACK:
            born[op.results[0]] = min(born[op.results[0]], clock[graph.controls[op.control].begin])
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


def _weights(graph: Graph, fusion: Fusion, repeats: Repeats) -> dict[str, Any]:
    """How often values and groups count."""
    last = np.flatnonzero(fusion.position == np.arange(len(graph.ops)))
    weight = np.concatenate([[1], repeats.weight[last]]).astype(np.int64)
    borders = np.flatnonzero(np.diff(np.concatenate([[1], weight, [1]])))
    return {
        "value_weight": repeats.weight[[value.producer for value in graph.values]],
        "place_weight": weight,
        "loose": np.concatenate([[1], 1 - repeats.inside[last], [1]]).astype(np.int8),
        "heavy": np.array([(b, e, weight[b]) for b, e in borders.reshape(-1, 2)], np.int64).reshape(-1, 3),
    }
