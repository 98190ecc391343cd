"""When each value of a program has a buffer, counted in groups of ops; static."""

from __future__ import annotations

from typing import Any

import numpy as np

from autopart.fusion import Fusion
from autopart.graph import LOOP_CARRY, SCAN_STACK, Graph, Literal
from autopart.tables import Ints, Tables


def clock_of(fusion: Fusion) -> Ints:
    """Op -> number of groups that have run when it has: the place of its group, if it is the group's root."""
    return np.cumsum(fusion.position == np.arange(len(fusion.position)), dtype=np.int32)


IN_PLACE = (
    "dynamic_update_slice", "scatter", "scatter-add", "scatter-max", "scatter-min", "scatter-mul", "scatter-sub",
)  # fmt: skip
"""Ops that write over their first operand where nothing else needs it any more."""


def lifetimes_of(graph: Graph, tables: Tables, fusion: Fusion) -> dict[str, Any]:
    """The places between which each value has a buffer; an argument that a result replaces goes as it is written."""
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
