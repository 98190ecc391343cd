"""When each value of a program has a buffer, counted in groups of ops; static."""

from __future__ import annotations

from typing import Any

import numpy as np

from autopart.cost.fusion import Fusion
from autopart.program import LOOP_CARRY, SCAN_SLICE, SCAN_STACK, Graph, Literal, Op
from autopart.sharding import FlatProgram, Float64Array, Int32Array
from autopart.sharding.rules import IN_PLACE


def clock_of(fusion: Fusion) -> Int32Array:
    """Op -> number of groups that have run when it has: the place of its group, if it is the group's root."""
    return np.cumsum(fusion.position == np.arange(len(fusion.position)), dtype=np.int32)


def lifetimes_of(graph: Graph, tables: FlatProgram, fusion: Fusion, lanes: int) -> dict[str, Any]:
    """The places between which each value has a buffer; an argument that a result replaces goes as it is written.

    ``lanes``: see ``Device``.
    """
    clock = clock_of(fusion)
    place, never = clock[fusion.position], int(clock.max(initial=0)) + 1
    producer = tables.slot_op[tables.n_uses :]
    materialised = fusion.materialised != 0
    needed = clock[np.maximum(fusion.last_position, fusion.position[producer])] + 1
    born = np.where(materialised, clock[fusion.begun], never)
    dies = np.where(materialised, needed, never)
    replaced = _replaced(graph, fusion)
    for argument in graph.arguments:
        value, last = argument.value, fusion.last_position[argument.value]
        born[value], dies[value] = 0, never
        if argument.donated and value in replaced:
            dies[value] = place[replaced[value]]
        elif argument.donated and last >= 0:
            dies[value] = clock[last] + 1
    for op in graph.ops:
        if op.primitive in IN_PLACE and isinstance(op.operands[0], int):
            target = op.operands[0]
            mine = target >= len(graph.arguments) or graph.arguments[target].donated
            if mine and fusion.last_position[target] == fusion.position[op.index]:
                dies[target] = min(dies[target], place[op.index])
    buffer_bytes = np.array([value.nbytes for value in graph.values], np.float64)
    _loop_lifetimes(graph, clock, born, dies, never, buffer_bytes, lanes)
    for casts in _hoisted_casts(graph, tables).values():
        first, last = (graph.regions[graph.values[cast].region] for cast in (casts[0], casts[-1]))
        born[casts[0]], dies[casts[0]] = clock[first.begin - 1], clock[last.end - 1] + 1
        buffer_bytes[casts[0]] *= first.trips
    read_from, read_until = place[tables.slot_op[: tables.n_uses]], clock[fusion.read_until]
    for op in graph.ops:
        if op.primitive == LOOP_CARRY and isinstance(op.operands[1], int):  # The next value is read at the end.
            slot = int(tables.use_ptr[op.index + 1]) - 1
            read_from[slot] = read_until[slot]
    return {
        "buffer_bytes": buffer_bytes,
        "born": born.astype(np.int32),
        "dies": dies.astype(np.int32),
        "made": place[producer],
        "needed": needed,
        "read_from": np.minimum(read_from, read_until),
        "read_until": read_until,
    }


def _replaced(graph: Graph, fusion: Fusion) -> dict[int, int]:
    """Carried arguments that are read last where the output that takes their buffer is written -> that position."""
    found = {}
    for output in graph.outputs:
        if output.carried >= 0:
            argument = graph.arguments[output.carried].value
            written = int(fusion.position[graph.values[output.value].producer])
            if fusion.last_position[argument] == written:
                found[argument] = written
    return found


def _hoisted_casts(graph: Graph, tables: FlatProgram) -> dict[tuple[int, str], list[int]]:
    """Casts of slices of scanned weights: (stack, dtype) -> the casts, in the order of their loops.

    XLA casts the whole stack before the first of the loops and keeps it until the last of them has run.
    """
    found: dict[tuple[int, str], list[int]] = {}
    for op in graph.ops:
        source = op.operands[0] if op.primitive == "convert_element_type" else None
        if isinstance(source, int) and tables.weight_like[op.results[0]]:
            maker = graph.ops[graph.values[source].producer]
            while maker.primitive == "optimization_barrier" and isinstance(maker.operands[0], int):
                maker = graph.ops[graph.values[maker.operands[0]].producer]
            if maker.primitive == SCAN_SLICE and isinstance(maker.operands[0], int):
                found.setdefault((maker.operands[0], str(graph.values[op.results[0]].dtype)), []).append(op.results[0])
    return found


def _laid_out_anew(graph: Graph, carry: Op, lanes: int) -> set[int]:
    """The values in a loop that hold a carried array in another order of dimensions than the argument; none if none do.

    A slice is written where it lies only along a dimension outside the chip's tiles (``_tiled``): else the compiler has
    the loop carry the array in an order in which it is.
    """
    inside, anew = set(carry.results[:-1]), False
    regions = [graph.regions[graph.values[value].region] for value in inside]
    shape = graph.values[carry.results[0]].shape
    for op in graph.ops[min(r.begin for r in regions) : max(r.end for r in regions)]:
        if op.primitive == "dynamic_update_slice" and op.operands[0] in inside:
            inside.add(op.results[0])
            part = graph.values[op.operands[1]].shape if isinstance(op.operands[1], int) else shape
            anew = anew or any(part[d] < shape[d] for d in _tiled(shape, lanes))
    return inside if anew else set()


def _tiled(shape: tuple[int, ...], lanes: int) -> tuple[int, ...]:
    """The dimensions of an argument that its tiles cut and another order of dimensions need not.

    Arguments lie in rows, so that tiles cut the two minor dimensions, of which a matrix has no more. Where the rows do
    not fill the lanes and another dimension does, that one is the minor one.
    """
    last = len(shape) - 1
    if lanes == 1:
        return ()
    filling = [d for d in range(last) if shape[d] % lanes == 0]
    if shape[last] % lanes and filling:
        return (filling[-1],)
    return (last - 1, last) if last > 1 else (last,)


def _loop_lifetimes(
    graph: Graph,
    clock: Int32Array,
    born: Int32Array,
    dies: Int32Array,
    never: int,
    buffer_bytes: Float64Array,
    lanes: int,
) -> None:
    """Corrects ``born``, ``dies`` and bytes of what loops carry and stack.

    A carry takes its first value's buffer over and hands it to what is left after the loop; an argument that is laid
    out anew for the loop waits for what is left, its rows in the loop padded. A stack is there from the beginning, and
    what is written to it needs no buffer of its own.
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
            first = op.operands[0]
            if not isinstance(first, int) or first >= len(graph.arguments):
                continue
            if anew := _laid_out_anew(graph, op, lanes):
                row = graph.values[left].shape[-1]
                dies[first] = max(dies[first], born[left])
                buffer_bytes[list(anew)] *= -(-row // lanes) * lanes / row
        elif op.primitive == SCAN_STACK:
            born[op.results[0]] = min(born[op.results[0]], clock[graph.controls[op.control].begin])
            source = op.operands[0]
            if isinstance(source, Literal) or source in carried:
                continue
            if graph.ops[graph.values[source].producer].control < 0:
                born[source] = dies[source] = never
