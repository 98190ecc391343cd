"""What the analysis needs to know of a program on a mesh: work, bytes, lifetimes and regions; static.

Ops run in fused groups (``fusion``); a group has a *place* in program order. All figures are of the unpartitioned
program: what a state leaves of them on one device is counted by ``analysis``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from autopart.cost.fusion import Fusion, fuse
from autopart.cost.liveness import clock_of, lifetimes_of
from autopart.cost.work import product_of, tile_of, work_seconds
from autopart.costmodel.devices import Device
from autopart.costmodel.mesh import Mesh
from autopart.program import COND, Graph
from autopart.sharding import FlatProgram, Float64Array, Int8Array, Int32Array, Int64Array, UInt32Array, pointers
from autopart.sharding.rules import PRODUCTS, Rule


@dataclass(frozen=True)
class Repeats:
    """Which ops of a folded program stand for several (see ``fold``).

    Attributes:
        weight: (ops,) for how many ops each stands, itself one of them.
        inside: (ops,) whether the op is in a layer like the one that stands for others: what lives until such an
            op is of that layer or one beside it, not of all layers.
    """

    weight: Int64Array
    inside: Int8Array


class Costs(NamedTuple):
    """What the analysis needs to know of a program on a mesh; static.

    Attributes:
        value_bytes: (values,) bytes of each unpartitioned value.
        buffer_bytes: (values,) bytes of each unpartitioned value's buffer; of all trips where a loop keeps them.
        place: (ops,) number of the op's group, from 1 in program order; place 0 is before the program.
        place_op: (places,) root of the group; -1 at place 0.
        member_ptr, member, member_s: place -> its ops that cost anything, and seconds of their unpartitioned work.
        product: (members,) number of the product that the op is, or -1.
        size: (products, 3) rows, columns and depth of each; ``tile``: what is taken of each at once.
        role_ptr, role: product -> of each factor 0, or 1 + the column of ``size`` that it is part of.
        charge_ptr, charge, charge_bytes: place -> slots whose bytes the group moves, and their unpartitioned bytes.
        touch_ptr, touch: op -> places of the groups whose cost depends on how it is tiled.
        born, dies: (values,) places between which the value has a buffer; the last place + 1 is never.
        made, needed: (values,) places between which it has one if a collective reads or completes it.
        read_from, read_until: (operand slots,) first and last place at which a form made for the slot is needed.
        prefetch: (operand slots,) place of the last product before ``read_from``, when the gather of a weight begins;
            on a device that does not do both at once ``read_from`` itself.
        first_need: (values,) the first place that reads the value in its base form; the last place + 1 if none does.
        line_ptr, line: region -> in program order its places, and as ``-1 - control`` the loops and conditions in it.
        inner_ptr, inner: control -> the regions that it runs.
        idle_s: (places,) seconds that a group takes before it does anything.
        overlaps: whether collectives run beside compute.
        value_region, place_region: the region in which each value exists and each group runs.
        parent, trips, choice: (regions,) the region around, runs for one of its runs, and, for a case of a
            condition, the first region of the condition (-1 for others).
        value_weight: (values,) for how many values each stands.
        form_value: (forms,) the value that there is room for a form of, see ``FlatProgram.form_ptr``.
        place_weight: (places,) for how many groups each stands.
        loose: (places + 1,) whether what begins or ends there does so for all values that a value stands for.
        heavy: (stretches, 3) first place, last place + 1, and times of what is run over and over.
        stretch: (places,) the row of ``heavy`` that begins there, or -1.
        kept: (values,) an output that lives on unless it is returned in another form.
        parts: for each set of axes (a bit each) the number of tiles that they cut.
        bandwidth: HBM bytes per second.
        rearranging_s_per_byte: see ``costmodel.Device``.
        sizes, stream: see ``costmodel.links.AxisLinks``; ``links`` is its table.
    """

    value_bytes: Float64Array
    buffer_bytes: Float64Array
    place: Int32Array
    place_op: Int32Array
    member_ptr: UInt32Array
    member: Int32Array
    member_s: Float64Array
    product: Int32Array
    size: Float64Array
    tile: Float64Array
    role_ptr: UInt32Array
    role: Int8Array
    charge_ptr: Int32Array
    charge: Int32Array
    charge_bytes: Float64Array
    touch_ptr: Int32Array
    touch: Int32Array
    born: Int32Array
    dies: Int32Array
    made: Int32Array
    needed: Int32Array
    kept: Int8Array
    read_from: Int32Array
    read_until: Int32Array
    prefetch: Int32Array
    first_need: Int32Array
    line_ptr: UInt32Array
    line: Int32Array
    inner_ptr: UInt32Array
    inner: Int32Array
    idle_s: Float64Array
    overlaps: bool
    value_region: Int32Array
    place_region: Int32Array
    parent: Int32Array
    trips: Float64Array
    choice: Int32Array
    value_weight: Int64Array
    form_value: Int32Array
    place_weight: Float64Array
    loose: Int8Array
    heavy: Int64Array
    stretch: Int32Array
    parts: Float64Array
    bandwidth: float
    rearranging_s_per_byte: float
    sizes: npt.NDArray[np.int64]
    links: Float64Array
    stream: npt.NDArray[np.int64]


def costs_of(
    graph: Graph, rules: Sequence[Rule], tables: FlatProgram, mesh: Mesh, repeats: Repeats | None = None
) -> Costs:
    """The static part of the analysis of ``graph`` on ``mesh``."""
    fusion = fuse(graph, tables.weight_like, mesh.device_profile.divides_in_products)
    device, links = mesh.device_profile, mesh.links()
    work_s = np.array([work_seconds(graph, op, device) for op in graph.ops])
    value_bytes = np.array([value.nbytes for value in graph.values], np.float64)
    assert [a.value for a in graph.arguments] == list(range(len(graph.arguments))), "arguments come first"
    is_argument = np.arange(len(graph.values)) < len(graph.arguments)
    places = _places(fusion, work_s)
    lifetimes = lifetimes_of(graph, tables, fusion, device.lanes)
    regions = _regions(graph, fusion)
    return Costs(
        value_bytes=value_bytes,
        **places,
        **_products(graph, rules, places["member"], device),
        **_charges(tables, fusion, work_s, value_bytes),
        **lifetimes,
        **regions,
        **_waits(graph, tables, places["place_op"], regions["place_region"], lifetimes["read_from"], device.overlaps),
        **_lines(graph, fusion),
        **_weights(graph, tables, places["place_op"], repeats),
        kept=tables.is_output * ~is_argument,
        parts=np.array(
            [math.prod(int(n) for a, n in enumerate(links.sizes) if m >> a & 1) for m in range(2 ** len(links.sizes))],
            np.float64,
        ),
        idle_s=device.op_overhead_s * (np.diff(places["member_ptr"]) > 0),
        bandwidth=device.hbm_bandwidth_bytes_per_s,
        rearranging_s_per_byte=device.rearranging_s_per_byte,
        sizes=links.sizes,
        links=links.table,
        stream=links.stream,
    )


def _places(fusion: Fusion, work_s: Float64Array) -> dict[str, Any]:
    """The groups in program order, and which of their ops cost anything."""
    place = clock_of(fusion)[fusion.position]
    root = np.flatnonzero(fusion.position == np.arange(len(place)))
    member = np.flatnonzero((work_s != 0) & (work_s[fusion.position] != 0))
    member = member[np.argsort(place[member], kind="stable")]
    return {
        "place": place,
        "place_op": np.concatenate([[-1], root]).astype(np.int32),
        "member_ptr": pointers(np.bincount(place[member], minlength=len(root) + 1)),
        "member": member.astype(np.int32),
        "member_s": work_s[member],
    }


def _products(graph: Graph, rules: Sequence[Rule], member: Int32Array, device: Device) -> dict[str, Any]:
    """The shapes of the products among the members."""
    found = [op for op in member.tolist() if graph.ops[op].primitive in PRODUCTS]
    shapes = [product_of(graph, graph.ops[op], rules[op]) for op in found]
    number = {op: i for i, op in enumerate(found)}
    return {
        "product": np.array([number.get(op, -1) for op in member.tolist()], np.int32),
        "size": np.array([shape.sizes for shape in shapes], np.float64).reshape(-1, 3),
        "tile": np.array([tile_of(graph, graph.ops[op], device) for op in found], np.float64).reshape(-1, 3),
        "role_ptr": pointers([len(shape.roles) for shape in shapes]),
        "role": np.array([role for shape in shapes for role in shape.roles], np.int8),
    }


def _charges(tables: FlatProgram, fusion: Fusion, work_s: Float64Array, value_bytes: Float64Array) -> dict[str, Any]:
    """The slots whose bytes each group moves: reads of buffers, and results that have one."""
    written = np.flatnonzero(fusion.materialised) + tables.n_uses
    slots = np.concatenate([fusion.slot, written])
    roots = np.concatenate([fusion.group, fusion.position[tables.slot_op[written]]])
    works = work_s[roots] != 0
    clock = clock_of(fusion)
    slots, place = slots[works], clock[roots[works]]
    order = np.argsort(place, kind="stable")
    pairs = np.concatenate(
        [np.stack([tables.slot_op[slots], place], 1), np.stack([np.arange(len(clock)), clock[fusion.position]], 1)]
    )
    touched = np.unique(pairs, axis=0)
    return {
        "touch_ptr": pointers(np.bincount(touched[:, 0], minlength=len(clock))),
        "touch": touched[:, 1].astype(np.int32),
        "charge_ptr": pointers(np.bincount(place, minlength=int(clock.max(initial=0)) + 1)),
        "charge": slots[order].astype(np.int32),
        "charge_bytes": value_bytes[tables.slot_value[slots[order]]],
    }


def _waits(
    graph: Graph,
    tables: FlatProgram,
    place_op: Int32Array,
    place_region: Int32Array,
    read_from: Int32Array,
    overlaps: bool,
) -> dict[str, Any]:
    """When gathers of weights may begin, and which group waits for a value."""
    never = len(place_region)
    first_need = np.full(len(graph.values), never, np.int32)
    np.minimum.at(first_need, tables.slot_value[: tables.n_uses], read_from)
    prefetch = read_from
    if overlaps:
        before = _products_before(graph, place_op, place_region)
        prefetch = np.where(before[read_from] >= 0, before[read_from], read_from).astype(np.int32)
    return {"first_need": first_need, "prefetch": prefetch, "overlaps": overlaps}


def _products_before(graph: Graph, place_op: Int32Array, place_region: Int32Array) -> Int32Array:
    """Place -> place of the last product before it in its region, or -1."""
    latest = np.full(len(graph.regions), -1, np.int32)
    before = np.full(len(place_op), -1, np.int32)
    for place, op in enumerate(place_op.tolist()):
        before[place] = latest[place_region[place]]
        if op >= 0 and graph.ops[op].primitive in PRODUCTS:
            latest[place_region[place]] = place
    return before


def _lines(graph: Graph, fusion: Fusion) -> dict[str, Any]:
    """What each region runs, in order."""
    roots = np.flatnonzero(fusion.position == np.arange(len(graph.ops)))
    items: list[list[tuple[float, int]]] = [[] for _ in graph.regions]
    items[0].append((-1.0, 0))
    for place, root in enumerate(roots.tolist(), start=1):
        items[graph.ops[root].region].append((root, place))
    for control in graph.controls:
        begin = min(graph.regions[r].begin for r in control.regions)
        items[control.region].append((begin - 0.5, -1 - control.index))
    return {
        "line_ptr": pointers([len(region) for region in items]),
        "line": np.array([item for region in items for _, item in sorted(region)], np.int32),
        "inner_ptr": pointers([len(control.regions) for control in graph.controls]),
        "inner": np.array([r for control in graph.controls for r in control.regions], np.int32),
    }


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


def _weights(graph: Graph, tables: FlatProgram, place_op: Int32Array, repeats: Repeats | None) -> dict[str, Any]:
    """How often values and groups count."""
    count = len(graph.ops)
    if repeats is None:
        repeats = Repeats(np.ones(count, np.int64), np.zeros(count, np.int8))
    roots = place_op[1:]
    weight = np.concatenate([[1], repeats.weight[roots]]).astype(np.int64)
    borders = np.flatnonzero(np.diff(np.concatenate([[1], weight, [1]]))).reshape(-1, 2)
    stretch = np.full(len(place_op), -1, np.int32)
    stretch[borders[:, 0]] = np.arange(len(borders))
    return {
        "value_weight": repeats.weight[[value.producer for value in graph.values]],
        "form_value": np.repeat(np.arange(len(graph.values)), np.diff(tables.form_ptr)).astype(np.int32),
        "place_weight": weight.astype(np.float64),
        "loose": np.concatenate([[1], 1 - repeats.inside[roots], [1]]).astype(np.int8),
        "heavy": np.array([(b, e, weight[b]) for b, e in borders.tolist()], np.int64).reshape(-1, 3),
        "stretch": stretch,
    }
