"""What lives at the memory peak: the same walk as ``analysis`` makes, told item by item."""

from __future__ import annotations

from dataclasses import dataclass

import autopart.layout as lay
from autopart.analysis import PEAK
from autopart.groups import INPUT, MOMENT, PARAMETER, STATE, argument_roles
from autopart.patterns import starify
from autopart.state import State
from costmodel.collectives import REDUCE_SCATTER


@dataclass(frozen=True)
class Resident:
    """Bytes of one device that are alive at the peak.

    Attributes:
        what: argument path, or primitive and source line.
        role: ``parameter``, ``moment``, ``state``, ``input``, ``value`` or ``gathered``.
        nbytes: local bytes.
    """

    what: str
    role: str
    nbytes: float


def residents_at_peak(state: State) -> list[Resident]:
    """Everything alive at the peak, largest first; the sum is the peak of ``state.metrics()``."""
    metrics, peak = state.analyse()
    now = state.layout()
    found = [*_arguments(state, now, peak), *_values(state, now, peak), *_buffers(state, now, peak)]
    assert sum(r.nbytes for r in found) == metrics[PEAK], "two readings of one decision"
    return sorted((r for r in found if r.nbytes), key=lambda r: (-r.nbytes, r.what))


def summary(residents: list[Resident]) -> list[tuple[str, str, float, int]]:
    """Residents joined over layers: (what with ``*`` for numbers, role, bytes, count), largest first."""
    joined: dict[tuple[str, str], tuple[float, int]] = {}
    for resident in residents:
        is_argument = resident.role in (PARAMETER, MOMENT, STATE, INPUT)
        key = (starify(resident.what) if is_argument else resident.what, resident.role)
        nbytes, count = joined.get(key, (0.0, 0))
        joined[key] = (nbytes + resident.nbytes, count + 1)
    rows = [(what, role, nbytes, count) for (what, role), (nbytes, count) in joined.items()]
    return sorted(rows, key=lambda row: (-row[2], row[0]))


def _local(state: State, now: lay.Layout, value: int) -> float:
    costs, dim = state.problem.costs, now.dim[value]
    parts = 1
    for axis, d in enumerate(dim):
        parts *= int(costs.sizes[axis]) if d >= 0 else 1
    return float(costs.value_bytes[value]) / parts


def _arguments(state: State, now: lay.Layout, peak: int) -> list[Resident]:
    graph, costs = state.problem.graph, state.problem.costs
    roles = argument_roles(graph)
    out = []
    for index, argument in enumerate(graph.arguments):
        replaced, last = int(costs.replaced_at[index]), int(costs.last_position[argument.value])
        gone = argument.donated and (0 <= replaced <= peak or (replaced < 0 and 0 <= last < peak))
        if not gone:
            out.append(Resident(argument.name, roles[argument.name][0], _local(state, now, argument.value)))
    return out


def _values(state: State, now: lay.Layout, peak: int) -> list[Resident]:
    graph, costs, tables = state.problem.graph, state.problem.costs, state.problem.tables
    out = []
    for value in graph.values[len(graph.arguments) :]:
        if not costs.materialised[value.index]:
            continue
        begin = int(costs.position[value.producer])
        kept = tables.is_output[value.index] and now.out_form[value.index] == lay.BASE
        end = len(graph.ops) if kept else max(int(costs.last_position[value.index]), begin)
        if begin <= peak <= end:
            out.append(Resident(_label(state, value.producer), "value", _local(state, now, value.index)))
    return out


def _buffers(state: State, now: lay.Layout, peak: int) -> list[Resident]:
    """Gathered forms, and sums that are whole until they are scattered."""
    graph, costs, tables = state.problem.graph, state.problem.costs, state.problem.tables
    out = []
    for row in range(int(now.counts[0])):
        value = int(now.moves[row, lay.VALUE])
        producer = graph.values[value].producer
        if now.moves[row, lay.KIND] == REDUCE_SCATTER and costs.position[producer] == peak:
            out.append(Resident(_label(state, producer), "value", float(now.move_bytes[row])))
    for form in range(int(now.counts[1])):
        row_of = now.forms[form]
        value = int(row_of[lay.FORM_VALUE])
        if not row_of[lay.FORM_MOVED]:
            continue
        first, last = int(row_of[lay.FORM_FIRST_USE]), int(row_of[lay.FORM_LAST_USE])
        begin, end = _span(state, value, first, last, bool(tables.weight_like[value]))
        if begin <= peak <= end:
            out.append(Resident(_label(state, graph.values[value].producer), "gathered", float(now.form_bytes[form])))
    return out


def _span(state: State, value: int, first: int, last: int, weight: bool) -> tuple[int, int]:
    costs, tables, end_of_program = state.problem.costs, state.problem.tables, len(state.problem.graph.ops)
    if weight:
        where = int(costs.position[tables.slot_op[first]])
        return where, where
    if first >= tables.n_uses:
        return int(costs.position[state.problem.graph.values[value].producer]), end_of_program
    begin = int(costs.position[tables.slot_op[first]])
    return begin, int(costs.position[tables.slot_op[last]]) if last < tables.n_uses else end_of_program


def _label(state: State, op: int) -> str:
    graph = state.problem.graph
    if op < len(graph.arguments):
        return graph.arguments[op].name
    return f"{graph.ops[op].primitive} at {graph.source_line(graph.ops[op])}"
