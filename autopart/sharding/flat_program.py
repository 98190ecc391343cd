"""The program as flat arrays: what the kernels of propagation, layout and analysis walk over.

Every array use is a *slot*: operand slots come first, in program order, then one result slot per value
(value ``v`` has slot ``n_uses + v``). A slot knows its op and, per dimension, its factor. Ops are joined by
*edges* wherever a slot of one reads what a slot of the other makes, and where an output is carried into
the next step, between its op and the argument that it becomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from autopart.program import BOUNDARY, COND, LOOP_CARRY, Graph, Literal, Op
from autopart.sharding.rules.families import REARRANGING
from autopart.sharding.rules.rule import MOST_DIMS, Kind, Linear, Rule

Int32Array = npt.NDArray[np.int32]
UInt32Array = npt.NDArray[np.uint32]
"""Offsets and numbers of things: unsigned, so that kernels need not ask whether an index counts from the end."""
Int8Array = npt.NDArray[np.int8]
Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]
Dims = tuple[int, ...]
"""Factor of each dimension of an array, -1 where it must stay whole."""


class FlatProgram(NamedTuple):
    """Flat arrays of one program. ``*_ptr`` arrays are CSR offsets.

    Attributes:
        n_uses: number of operand slots, so that value ``v`` has slot ``n_uses + v``.
        use_ptr: op -> its operand slots.
        result_ptr, results: op -> its values.
        slot_op: slot -> op.
        slot_value: slot -> value.
        rank: value -> number of dimensions.
        fdim_ptr, factor_dim: slot -> dimension of each factor of its op (-1: has none); equal rows stand once.
        edge_ptr, edge_op, edge_slot: op -> neighbours, and the slot of theirs that speaks.
        take_ptr, take: edge -> for each factor of the neighbour the factor of this op that it asks for, or -1;
            equal rows stand once.
        give_ptr, give: edge -> for each factor of this op the factor that it asks of the neighbour, or -1.
        reader_ptr, reader: value -> operand slots that read it, in the order in which they do.
        factor_ptr, factor_size, factor_kind: op -> its factors (kind: ``rules.rule.Kind``).
        factor_fits: factor -> bit for each mesh axis that divides it.
        linear: op -> ``rules.rule.Linear``; slot_linear: operand slot -> partial sums may enter here.
        slot_zero: operand slot -> the value is known to be zero (whole = partial).
        shrinks: operand slot -> the op's result has no more bytes than this operand.
        joining: operand slot -> a partial sum that enters here meets an addition further on, on a way of
            single uses on which it does not grow.
        monoid: op -> kind of its reduction factors (0 if it has none).
        single_use: value -> read once and no output.
        weight_like: value -> an argument, or a cast or rearrangement of one: gathers are not shared.
        carried_arg: value -> value of the argument that this output becomes, or -1.
        becomes: value of an argument -> value of the output that is carried into it, or -1.
        is_output: value -> is a result of the program.
        halo_ptr, halo_dim, halo_low, halo_high, halo_size: operand slot -> the dimensions of which its op must see
            a halo, the elements before and after, and the size of the whole dimension.
        haloed: value -> some operand slot that reads it has halos.
        until: operand slot -> a number that grows with the time until which what is read there is needed.
        form_ptr: value -> room for its forms: one a reader, one more for a reader with halos, one for the output.
    """

    n_uses: int
    use_ptr: UInt32Array
    result_ptr: UInt32Array
    results: UInt32Array
    slot_op: UInt32Array
    slot_value: UInt32Array
    rank: Int32Array
    fdim_ptr: UInt32Array
    factor_dim: Int8Array
    edge_ptr: UInt32Array
    edge_op: UInt32Array
    edge_slot: UInt32Array
    take_ptr: UInt32Array
    take: Int8Array
    give_ptr: UInt32Array
    give: Int8Array
    reader_ptr: UInt32Array
    reader: UInt32Array
    factor_ptr: UInt32Array
    factor_size: npt.NDArray[np.int64]
    factor_fits: npt.NDArray[np.uint8]
    factor_kind: Int8Array
    linear: Int8Array
    slot_linear: Int8Array
    slot_zero: Int8Array
    shrinks: Int8Array
    joining: Int8Array
    monoid: Int8Array
    single_use: Int8Array
    weight_like: Int8Array
    carried_arg: Int32Array
    becomes: Int32Array
    is_output: Int8Array
    halo_ptr: UInt32Array
    halo_dim: Int8Array
    halo_low: Int64Array
    halo_high: Int64Array
    halo_size: Int64Array
    haloed: Int8Array
    until: Int32Array
    form_ptr: UInt32Array


def build(graph: Graph, rules: tuple[Rule, ...], axis_sizes: Sequence[int]) -> FlatProgram:
    """The tables of ``graph`` under ``rules`` (one per op)."""
    uses = [(op.index, o) for op in graph.ops for o in op.operands if not isinstance(o, Literal)]
    n_uses = len(uses)
    slot_op = [op for op, _ in uses] + [v.producer for v in graph.values]
    slot_value = [v for _, v in uses] + [v.index for v in graph.values]
    dims = _slot_dims(graph, rules)
    carried = np.full(len(graph.values), -1, np.int32)
    becomes = np.full(len(graph.values), -1, np.int32)
    is_output = np.zeros(len(graph.values), np.int8)
    for output in graph.outputs:
        is_output[output.value] = 1
        if output.carried >= 0:
            argument = graph.arguments[output.carried].value
            carried[output.value], becomes[argument] = argument, output.value
    read_at = last_reads(graph)
    in_time = sorted(range(n_uses), key=lambda slot: (read_at[slot], slot))
    readers = _group(len(graph.values), [(uses[slot][1], slot) for slot in in_time])
    tests = [control.test for control in graph.controls if isinstance(control.test, int)]
    factors = [rule.factors for rule in rules]
    factor_size = _flat([[x.size for x in f] for f in factors], np.int64)
    single = np.array([len(readers[v]) == 1 and not is_output[v] for v in range(len(graph.values))], np.int8)
    single[tests] = 0  # Read by their loop or condition as well.
    per_use = [
        _use_facts(graph, rule, op, position)
        for op, rule in zip(graph.ops, rules, strict=True)
        for position, operand in enumerate(op.operands)
        if not isinstance(operand, Literal)
    ]
    return FlatProgram(
        n_uses=n_uses,
        use_ptr=pointers([sum(not isinstance(o, Literal) for o in op.operands) for op in graph.ops]),
        result_ptr=pointers([len(op.results) for op in graph.ops]),
        results=np.array([r for op in graph.ops for r in op.results], np.uint32),
        slot_op=np.array(slot_op, np.uint32),
        slot_value=np.array(slot_value, np.uint32),
        rank=np.array([len(value.shape) for value in graph.values], np.int32),
        **_maps(dims, _links(n_uses, uses, readers, carried), slot_op, len(graph.ops)),
        reader_ptr=pointers([len(r) for r in readers]),
        reader=_flat(readers, np.uint32),
        factor_ptr=pointers([len(f) for f in factors]),
        factor_size=factor_size,
        factor_fits=_fits(factor_size, axis_sizes),
        factor_kind=_flat([[int(x.kind) for x in f] for f in factors], np.int8),
        linear=np.array([int(rule.linear) for rule in rules], np.int8),
        slot_linear=np.array([fact[0] for fact in per_use], np.int8),
        slot_zero=np.array([fact[1] for fact in per_use], np.int8),
        shrinks=np.array([fact[2] for fact in per_use], np.int8),
        joining=_joining(graph, rules, single),
        monoid=np.array([max((int(x.kind) for x in f), default=int(Kind.PASS)) for f in factors], np.int8),
        single_use=single,
        weight_like=_weight_like(graph),
        carried_arg=carried,
        becomes=becomes,
        is_output=is_output,
        **_halos(graph, rules, readers),
        until=read_at,
    )


def last_reads(graph: Graph) -> Int32Array:
    """(operand slots,) the last op at whose time the operand is still read.

    That is the reader itself, but what enters a loop is read until its last iteration ends, and what leaves a
    body is read at the end of it.
    """
    out = []
    for op in graph.ops:
        for position, operand in enumerate(op.operands):
            if isinstance(operand, int):
                out.append(_last_read(graph, op, position) if op.primitive in BOUNDARY else op.index)
    return np.array(out, np.int32)


def _last_read(graph: Graph, op: Op, position: int) -> int:
    operand = op.operands[position]
    assert isinstance(operand, int)
    home = graph.regions[graph.values[operand].region]
    if home.index != op.region:  # It leaves its region.
        return max(home.end - 1, op.index if op.primitive == LOOP_CARRY else home.begin - 1)
    if op.primitive == LOOP_CARRY:
        return op.index
    inner = graph.regions[graph.values[op.results[0]].region]
    control = graph.controls[op.control]
    last = inner if control.kind == COND else graph.regions[control.regions[-1]]
    return max(last.end - 1, op.index)


def _halos(graph: Graph, rules: tuple[Rule, ...], readers: list[list[int]]) -> dict[str, Any]:
    """What the halos of all operand slots are, and where forms that have them find room."""
    rows = [
        [(h.dim, h.low, h.high, graph.values[operand].shape[h.dim]) for h in rule.halos if h.operand == position]
        for op, rule in zip(graph.ops, rules, strict=True)
        for position, operand in enumerate(op.operands)
        if not isinstance(operand, Literal)
    ]
    flat = np.array([row for slot in rows for row in slot], np.int64).reshape(-1, 4)
    flat[:, 0] = np.minimum(flat[:, 0], MOST_DIMS)  # Those from there on are never tiled.
    extended = [sum(bool(rows[slot]) for slot in slots) for slots in readers]
    return {
        "halo_ptr": pointers([len(slot) for slot in rows]),
        "halo_dim": flat[:, 0].astype(np.int8),
        "halo_low": flat[:, 1].copy(),
        "halo_high": flat[:, 2].copy(),
        "halo_size": flat[:, 3].copy(),
        "haloed": np.array([count > 0 for count in extended], np.int8),
        "form_ptr": pointers([len(slots) + n + 1 for slots, n in zip(readers, extended, strict=True)]),
    }


def _fits(factor_size: Int64Array, axis_sizes: Sequence[int]) -> npt.NDArray[np.uint8]:
    fits = np.zeros(len(factor_size), np.uint8)
    for axis, size in enumerate(axis_sizes):
        fits |= (((factor_size > 0) & (factor_size % size == 0)) << axis).astype(np.uint8)
    return fits


def pointers(counts: npt.ArrayLike) -> UInt32Array:
    """CSR offsets of rows with the given numbers of entries."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.uint32)


def _flat(rows: list[Any], dtype: Any) -> npt.NDArray[Any]:
    return np.array([x for row in rows for x in row], dtype)


def _group(count: int, pairs: list[tuple[int, int]]) -> list[list[int]]:
    rows: list[list[int]] = [[] for _ in range(count)]
    for key, item in pairs:
        rows[key].append(item)
    return rows


def _slot_dims(graph: Graph, rules: tuple[Rule, ...]) -> list[tuple[Dims, int]]:
    """Per slot the factor of each dimension, and how many factors its op has."""
    rows: list[tuple[Dims, int]] = []
    results: list[tuple[Dims, int]] = []
    for op, rule in zip(graph.ops, rules, strict=True):
        count = len(rule.factors)
        results.extend((dims, count) for dims in rule.results)
        rows.extend(
            (dims, count)
            for dims, operand in zip(rule.operands, op.operands, strict=True)
            if not isinstance(operand, Literal)
        )
    return rows + results


class _Rows:
    """Rows of small integers in one array, equal rows stored once."""

    def __init__(self) -> None:
        self.entries: list[int] = []
        self._begins: dict[tuple[int, ...], int] = {}

    def add(self, row: tuple[int, ...]) -> int:
        """Where ``row`` begins."""
        begin = self._begins.get(row)
        if begin is None:
            begin = self._begins[row] = len(self.entries)
            self.entries.extend(row)
        return begin


def _links(n_uses: int, uses: list[tuple[int, int]], readers: list[list[int]], carried: Int32Array) -> list[list[int]]:
    """Per slot the slots whose layout speaks to it, dimension by dimension."""
    rows: list[list[int]] = [[n_uses + value] for _, value in uses] + [list(r) for r in readers]
    for value in np.flatnonzero(carried >= 0):
        argument = int(carried[value])
        rows[n_uses + value].append(n_uses + argument)
        rows[n_uses + argument].append(n_uses + int(value))
    return rows


def _maps(dims: list[tuple[Dims, int]], links: list[list[int]], slot_op: list[int], n_ops: int) -> dict[str, Any]:
    """Factors to dimensions of every slot, and the links as edges with maps of factors to factors.

    Edges that map nothing are left out.
    """
    of_slot, translations = _Rows(), _Rows()
    inverses = {key: tuple(key[0].index(f) if f in key[0] else -1 for f in range(key[1])) for key in set(dims)}
    memo: dict[tuple[tuple[Dims, int], tuple[Dims, int]], tuple[int, int]] = {}
    rows: list[list[tuple[int, int, int, int]]] = [[] for _ in range(n_ops)]
    for slot, others in enumerate(links):
        for other in others:
            key = (dims[slot], dims[other])
            if key not in memo:
                take = _translation(inverses[dims[other]], dims[slot][0])
                give = _translation(inverses[dims[slot]], dims[other][0])
                spoken = max(take, default=-1) >= 0
                memo[key] = (translations.add(take), translations.add(give)) if spoken else (-1, -1)
            take_at, give_at = memo[key]
            if take_at >= 0:
                rows[slot_op[slot]].append((slot_op[other], other, take_at, give_at))
    edges = np.array([edge for row in rows for edge in row], np.uint32).reshape(-1, 4)
    entries = np.array(translations.entries, np.int8)
    return {
        "fdim_ptr": np.array([of_slot.add(inverses[key]) for key in dims], np.uint32),
        "factor_dim": np.array(of_slot.entries, np.int8),
        "edge_ptr": pointers([len(row) for row in rows]),
        "edge_op": edges[:, 0].copy(),
        "edge_slot": edges[:, 1].copy(),
        "take_ptr": edges[:, 2].copy(),
        "take": entries,
        "give_ptr": edges[:, 3].copy(),
        "give": entries,
    }


def _translation(factor_dims: tuple[int, ...], dims: Dims) -> tuple[int, ...]:
    """For each factor of one slot the factor of the other that has the same dimension, or -1."""
    return tuple(dims[d] if d >= 0 else -1 for d in factor_dims)


def _use_facts(graph: Graph, rule: Rule, op: Op, position: int) -> tuple[bool, bool, bool]:
    """Of one operand: partial sums may enter, it is known to be zero, the result is no larger."""
    operand = op.operands[position]
    assert not isinstance(operand, Literal)
    value = graph.values[operand]
    result_bytes = sum(graph.values[r].nbytes for r in op.results)
    return position in rule.linear_operands, _is_zero(graph, operand), result_bytes <= value.nbytes


def _joining(graph: Graph, rules: tuple[Rule, ...], single: Int8Array) -> Int8Array:
    """Operand slots whose op hands a partial sum on, by linear ops read once, to an op that adds sums."""
    reaches = np.zeros(len(graph.ops), np.int8)
    reader: dict[int, int] = {}
    for op in graph.ops:
        for operand in op.operands:
            if not isinstance(operand, Literal):
                reader[operand] = op.index
    for op in reversed(graph.ops):
        if len(op.results) != 1 or not single[op.results[0]]:
            continue
        consumer = graph.ops[reader[op.results[0]]]
        rule = rules[consumer.index]
        smaller = graph.values[consumer.results[0]].nbytes <= graph.values[op.results[0]].nbytes
        reaches[op.index] = rule.linear is Linear.JOINT or (
            rule.linear is Linear.EACH and smaller and reaches[consumer.index]
        )
    return np.array([reaches[op.index] for op in graph.ops for o in op.operands if not isinstance(o, Literal)], np.int8)


def _is_zero(graph: Graph, value: int) -> bool:
    producer = graph.ops[graph.values[value].producer]
    if producer.primitive != "broadcast_in_dim":
        return False
    source = producer.operands[0]
    return isinstance(source, Literal) and not np.any(np.asarray(source.value) != 0)


def _weight_like(graph: Graph) -> Int8Array:
    """Arguments, and what a cast or a rearrangement makes of one without changing what it holds."""
    flags = np.zeros(len(graph.values), np.int8)
    for argument in graph.arguments:
        flags[argument.value] = 1
    for op in graph.ops:
        if op.primitive in REARRANGING and not isinstance(op.operands[0], Literal):
            flags[op.results[0]] = flags[op.operands[0]]
    return flags
