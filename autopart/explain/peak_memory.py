"""What lives at the memory peak: the same walk as ``analysis`` makes, told item by item."""

from __future__ import annotations

from dataclasses import dataclass

from autopart.cost import PEAK
from autopart.costmodel.collectives import ALL_SLICE, REDUCE_SCATTER
from autopart.partitioning import INPUT, MOMENT, PARAMETER, STATE, State, argument_roles
from autopart.program import NAME, short_source_line, starify
from autopart.sharding import layout as lay


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
    place = int(state.problem.costs.place[peak]) if peak >= 0 else 0
    now = state.layout()
    found = [*_arrays(state, now, place), *_buffers(state, now, place)]
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
    return float(costs.buffer_bytes[value]) / parts


def _arrays(state: State, now: lay.Layout, place: int) -> list[Resident]:
    """Arguments and values in their base forms."""
    graph, costs = state.problem.graph, state.problem.costs
    never, roles = int(costs.place.max(initial=0)) + 1, argument_roles(graph)
    moved = {int(row[lay.VALUE]) for row in now.moves[: now.counts[0]] if row[lay.KIND] != ALL_SLICE}
    names = {argument.value: argument.name for argument in graph.arguments}
    out = []
    for value in graph.values:
        kept = costs.kept[value.index] and now.out_form[value.index] == lay.BASE
        born, end = int(costs.born[value.index]), never if kept else int(costs.dies[value.index])
        if born == never and value.index in moved:
            born, end = int(costs.made[value.index]), int(costs.needed[value.index])
        if born <= place < end:
            name = names.get(value.index)
            role = "value" if name is None else roles[name][0]
            out.append(Resident(label_of(state, value.producer), role, _local(state, now, value.index)))
    return out


def _buffers(state: State, now: lay.Layout, place: int) -> list[Resident]:
    """Gathered forms, and sums that are whole until they are scattered."""
    graph, costs = state.problem.graph, state.problem.costs
    out = []
    for row in range(int(now.counts[0])):
        producer = graph.values[int(now.moves[row, lay.VALUE])].producer
        if now.moves[row, lay.KIND] == REDUCE_SCATTER and costs.place[producer] == place:
            out.append(Resident(label_of(state, producer), "value", float(now.move_bytes[row])))
    for form in range(int(now.counts[1])):
        row_of = now.forms[form]
        if row_of[lay.FORM_MOVED]:
            value = int(row_of[lay.FORM_VALUE])
            begin, end = _span(state, value, int(row_of[lay.FORM_FIRST_USE]), int(row_of[lay.FORM_LAST_USE]))
            if begin <= place <= end:
                label = label_of(state, graph.values[value].producer)
                out.append(Resident(label, "gathered", float(now.form_bytes[form])))
    return out


def _span(state: State, value: int, first: int, last: int) -> tuple[int, int]:
    """First and last place at which a form exists."""
    costs, tables = state.problem.costs, state.problem.tables
    never = int(costs.place.max(initial=0)) + 1
    if first >= tables.n_uses:
        return int(costs.place[state.problem.graph.values[value].producer]), never
    if tables.weight_like[value]:
        return int(costs.prefetch[first]), int(costs.read_until[first])
    return int(costs.read_from[first]), int(costs.read_until[last]) if last < tables.n_uses else never


def label_of(state: State, op: int) -> str:
    """An op in words: the argument's path, or the name given inside the program or the primitive, and source line."""
    graph = state.problem.graph
    if op < len(graph.arguments):
        return graph.arguments[op].name
    at = short_source_line(graph.ops[op].source_info)
    what = str(graph.ops[op].params["name"]) if graph.ops[op].primitive == NAME else graph.ops[op].primitive
    return f"{what} at {at}" if at else what
