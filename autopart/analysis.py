"""Seconds and bytes of a partition state: a numba kernel over the program and the layout decided for it.

Step time is compute plus communication. Compute is a roofline over fused groups. Peak memory is a
walk over the program in order: arguments are resident (donated ones until their last use, or until the
output that takes their place is written), values live from their group to the last group that reads
them, gathered weights only while they are read, and sums exist whole until they are scattered.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from autopart.fusion import fuse
from autopart.graph import Graph, Literal, Op
from autopart.layout import (
    AXES,
    BASE,
    FORM_FIRST_USE,
    FORM_LAST_USE,
    FORM_MOVED,
    FORM_SOURCE,
    FORM_VALUE,
    KIND,
    VALUE,
    Layout,
)
from autopart.tables import Bytes, Floats, Ints, Tables
from costmodel.collectives import ALL_SLICE, REDUCE_SCATTER, collective_time
from costmodel.kernel import kernel
from costmodel.memory import peak_bytes
from costmodel.mesh import Mesh
from costmodel.roofline import roofline_time

METRICS = ("peak_memory_bytes", "step_s", "communication_s", "communication_bytes", "compute_s")
PEAK, STEP_S, COMMUNICATION_S, COMMUNICATION_BYTES, COMPUTE_S = range(5)


class Costs(NamedTuple):
    """What the analysis needs to know of a program on a mesh; static.

    Attributes:
        value_bytes: (values,) bytes of each unpartitioned value.
        flops, peak_flops: (ops,) work of each op, and the rate at which its device does such work.
        position: (ops,) when the op's fused group runs; ``is_group`` marks the last op of each group.
        materialised, last_position, first_read: see ``fusion.Fusion``.
        argument, donated: (arguments,) values and whether the buffer may be reused.
        replaced_at: (arguments,) position at which the output that takes the argument's buffer is written,
            if the argument is last read there; else -1.
        bandwidth: HBM bytes per second.
        sizes, link_bandwidth, latency, switched: see ``costmodel.links.AxisLinks``.
    """

    value_bytes: Floats
    flops: Floats
    peak_flops: Floats
    position: Ints
    materialised: Bytes
    last_position: Ints
    first_read: Bytes
    argument: Ints
    donated: Bytes
    replaced_at: Ints
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
    replaced = np.full(len(argument), -1, np.int32)
    for output in graph.outputs:
        if output.carried >= 0:
            written = fusion.position[graph.values[output.value].producer]
            if fusion.last_position[argument[output.carried]] == written:
                replaced[output.carried] = written
    return Costs(
        value_bytes=np.array([v.nbytes for v in graph.values], np.float64),
        flops=np.array([op_flops(graph, op) for op in graph.ops]),
        peak_flops=np.array([device.flops_for(_work_dtype(graph, op)) * device.matmul_efficiency for op in graph.ops]),
        position=fusion.position,
        materialised=fusion.materialised,
        last_position=fusion.last_position,
        first_read=fusion.first_read,
        argument=argument,
        donated=np.array([a.donated for a in graph.arguments], np.int8),
        replaced_at=replaced,
        bandwidth=device.hbm_bandwidth_bytes_per_s,
        sizes=links.sizes,
        link_bandwidth=links.bandwidth_bytes_per_s,
        latency=links.latency_s,
        switched=links.switched,
    )


def op_flops(graph: Graph, op: Op) -> float:
    """Floating point operations of the unpartitioned op: two a multiply-add, one an element otherwise."""
    out = sum(math.prod(graph.values[r].shape) for r in op.results)
    if op.primitive == "dot_general":
        (contracting, _), _ = op.params["dimension_numbers"]
        lhs = _shape(graph, op, 0)
        return 2.0 * out * math.prod(lhs[d] for d in contracting)
    if not op.operands:
        return 0.0
    return float(max(out, *(math.prod(_shape(graph, op, i)) for i in range(len(op.operands)))))


def _shape(graph: Graph, op: Op, position: int) -> tuple[int, ...]:
    operand = op.operands[position]
    return () if isinstance(operand, Literal) else graph.values[operand].shape


def _work_dtype(graph: Graph, op: Op) -> str:
    arrays = [o for o in op.operands if not isinstance(o, Literal)]
    return str(graph.values[arrays[0] if arrays else op.results[0]].dtype)


@kernel
def _compute_time(tables: Tables, costs: Costs, layout: Layout, group_flops: Floats, group_bytes: Floats) -> float:
    """Roofline seconds of all fused groups on one device."""
    run, dim = layout.tile, layout.dim
    use_ptr, slot_value, result_ptr, results = (
        tables.use_ptr,
        tables.slot_value,
        tables.result_ptr,
        tables.results,
    )
    fdim_ptr, factor_dim = tables.fdim_ptr, tables.factor_dim
    flops, position, sizes, value_bytes = costs.flops, costs.position, costs.sizes, costs.value_bytes
    materialised, first_read, peak_flops = costs.materialised, costs.first_read, costs.peak_flops
    n_ops, n_axes = run.shape
    total = 0.0
    group_flops[:] = 0.0
    group_bytes[:] = 0.0
    for op in range(n_ops):
        if flops[op] == 0.0:
            continue
        group = position[op]
        parts = 1.0
        for axis in range(n_axes):
            if run[op, axis] >= 0:
                parts *= sizes[axis]
        group_flops[group] += flops[op] / parts
        moved = 0.0
        for slot in range(use_ptr[op], use_ptr[op + 1]):
            if first_read[slot]:
                part = value_bytes[slot_value[slot]]
                for axis in range(n_axes):
                    factor = run[op, axis]
                    if factor >= 0 and factor_dim[fdim_ptr[slot] + factor] >= 0:
                        part /= sizes[axis]
                moved += part
        for i in range(result_ptr[op], result_ptr[op + 1]):
            if materialised[results[i]]:
                part = value_bytes[results[i]]
                for axis in range(n_axes):
                    if dim[results[i], axis] >= 0:
                        part /= sizes[axis]
                moved += part
        group_bytes[group] += moved
        if group == op:
            total += roofline_time(group_flops[op], group_bytes[op], peak_flops[op], costs.bandwidth)
    return total


@kernel
def _memory(
    tables: Tables, costs: Costs, layout: Layout, alloc: Floats, free: Floats, transient: Floats
) -> tuple[float, int]:
    """Peak bytes of one device, and the position at which they are reached."""
    dim, pending, carried, out_form = layout.dim, layout.pending, layout.carried, layout.out_form
    forms, form_bytes, moves, move_bytes = layout.forms, layout.form_bytes, layout.moves, layout.move_bytes
    value_bytes, sizes, position = costs.value_bytes, costs.sizes, costs.position
    materialised, last_position = costs.materialised, costs.last_position
    slot_op, slot_value, n_uses = tables.slot_op, tables.slot_value, tables.n_uses
    weight_like, is_output, carried_arg = tables.weight_like, tables.is_output, tables.carried_arg
    n_axes = sizes.shape[0]
    alloc[:] = 0.0
    free[:] = 0.0
    transient[:] = 0.0
    resident = 0.0
    n_arguments = costs.argument.shape[0]
    for i in range(n_arguments):
        value = costs.argument[i]
        part = value_bytes[value]
        for axis in range(n_axes):
            if dim[value, axis] >= 0:
                part /= sizes[axis]
        resident += part
        if costs.donated[i]:
            if costs.replaced_at[i] >= 0:
                alloc[costs.replaced_at[i]] -= part
            elif last_position[value] >= 0:
                free[last_position[value]] += part
    for value in range(dim.shape[0]):
        op = slot_op[n_uses + value]
        if op < n_arguments or not materialised[value]:
            continue
        part = value_bytes[value]
        for axis in range(n_axes):
            if dim[value, axis] >= 0:
                part /= sizes[axis]
        alloc[position[op]] += part
        if not is_output[value] or out_form[value] != BASE:
            free[max(last_position[value], position[op])] += part
    for row in range(layout.counts[0]):
        if moves[row, KIND] == REDUCE_SCATTER:
            transient[position[slot_op[n_uses + moves[row, VALUE]]]] += move_bytes[row]
    for form in range(layout.counts[1]):
        value = forms[form, FORM_VALUE]
        if not forms[form, FORM_MOVED]:
            continue
        first, last = forms[form, FORM_FIRST_USE], forms[form, FORM_LAST_USE]
        part = form_bytes[form]
        if weight_like[value]:
            transient[position[slot_op[first]]] += part
        elif first >= n_uses:
            alloc[position[slot_op[n_uses + value]]] += part
        else:
            alloc[position[slot_op[first]]] += part
            if last < n_uses:
                free[position[slot_op[last]]] += part
    return peak_bytes(resident, alloc, free, transient)


@kernel
def measure(tables: Tables, costs: Costs, layout: Layout, scratch: npt.NDArray[np.float64], out: Floats) -> int:
    """Writes the metrics (in the order of ``METRICS``) of ``layout`` to ``out``; returns the peak's position.

    ``scratch`` is (3, ops) float64.
    """
    seconds = 0.0
    total_bytes = 0.0
    moves, move_bytes = layout.moves, layout.move_bytes
    sizes, bandwidth, latency, switched = costs.sizes, costs.link_bandwidth, costs.latency, costs.switched
    for row in range(layout.counts[0]):
        if moves[row, KIND] != ALL_SLICE:
            seconds += collective_time(
                moves[row, KIND], move_bytes[row], moves[row, AXES], sizes, bandwidth, latency, switched
            )
            total_bytes += move_bytes[row]
    compute = _compute_time(tables, costs, layout, scratch[0], scratch[1])
    peak, position = _memory(tables, costs, layout, scratch[0], scratch[1], scratch[2])
    out[0] = peak
    out[1] = compute + seconds
    out[2] = seconds
    out[3] = total_bytes
    out[4] = compute
    return position
