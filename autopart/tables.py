"""The program as flat arrays: what the kernels of propagation, layout and analysis walk over.

Every array use is a *slot*: operand slots come first, in program order, then one result slot per value
(value ``v`` has slot ``n_uses + v``). A slot knows its op and, per dimension, its factor. Ops are joined by
*edges* wherever a slot of one reads what a slot of the other makes, and where an output is carried into
the next step, between its op and the argument that it becomes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from autopart.graph import Graph, Literal, Op
from autopart.rules.rule import Kind, Linear, Rule

Ints = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]

MAX_RANK = 12
"""The most dimensions an array may have; JAX programs seldom pass eight."""


class Tables(NamedTuple):
    """Flat arrays of one program. ``*_ptr`` arrays are CSR offsets.

    Attributes:
        n_uses: number of operand slots, so that value ``v`` has slot ``n_uses + v``.
        use_ptr: op -> its operand slots.
        result_ptr, results: op -> its values.
        slot_op: slot -> op.
        slot_value: slot -> value.
        dim_ptr, dim_factor: slot -> factor of each dimension (-1: must stay whole).
        fdim_ptr, factor_dim: slot -> dimension of each factor of its op (-1: has none).
        edge_ptr, edge_op, edge_slot: op -> neighbours, and the slot of theirs that speaks.
        take_ptr, take: edge -> for each factor of the neighbour the factor of this op that it asks for, or -1.
        give_ptr, give: edge -> for each factor of this op the factor that it asks of the neighbour, or -1.
        reader_ptr, reader: value -> operand slots that read it.
        factor_ptr, factor_size, factor_kind: op -> its factors (kind: ``rules.rule.Kind``).
        linear: op -> ``rules.rule.Linear``; slot_linear: operand slot -> partial sums may enter here.
        slot_zero: operand slot -> the value is known to be zero (whole = partial).
        shrinks: operand slot -> the op's result has no more bytes than this operand.
        joining: operand slot -> a partial sum that enters here meets an addition further on, on a way of
            single uses on which it does not grow.
        monoid: op -> kind of its reduction factors (0 if it has none).
        single_use: value -> read once and no output.
        weight_like: value -> an argument, or a cast or rearrangement of one: gathers are not shared.
        carried_arg: value -> value of the argument that this output becomes, or -1.
        is_output: value -> is a result of the program.
    """

    n_uses: int
    use_ptr: Ints
    result_ptr: Ints
    results: Ints
    slot_op: Ints
    slot_value: Ints
    dim_ptr: Ints
    dim_factor: Bytes
    fdim_ptr: Ints
    factor_dim: Bytes
    edge_ptr: Ints
    edge_op: Ints
    edge_slot: Ints
    take_ptr: Ints
    take: Bytes
    give_ptr: Ints
    give: Bytes
    reader_ptr: Ints
    reader: Ints
    factor_ptr: Ints
    factor_size: npt.NDArray[np.int64]
    factor_kind: Bytes
    linear: Bytes
    slot_linear: Bytes
    slot_zero: Bytes
    shrinks: Bytes
    joining: Bytes
    monoid: Bytes
    single_use: Bytes
    weight_like: Bytes
    carried_arg: Ints
    is_output: Bytes


REARRANGING = (
    "convert_element_type",
    "optimization_barrier",
    "copy",
    "transpose",
    "reshape",
    "squeeze",
    "expand_dims",
)


def build(graph: Graph, rules: tuple[Rule, ...]) -> Tables:
    """The tables of ``graph`` under ``rules`` (one per op)."""
    uses = [(op.index, o) for op in graph.ops for o in op.operands if not isinstance(o, Literal)]
    n_uses = len(uses)
    slot_op = [op for op, _ in uses] + [v.producer for v in graph.values]
    slot_value = [v for _, v in uses] + [v.index for v in graph.values]
    dims, factor_dims = _slot_factors(graph, rules)
    carried = np.full(len(graph.values), -1, np.int32)
    is_output = np.zeros(len(graph.values), np.int8)
    for output in graph.outputs:
        is_output[output.value] = 1
        if output.carried >= 0:
            carried[output.value] = graph.arguments[output.carried].value
    readers = _group(len(graph.values), [(value, slot) for slot, (_, value) in enumerate(uses)])
    factors = [rule.factors for rule in rules]
    single = np.array([len(readers[v]) == 1 and not is_output[v] for v in range(len(graph.values))], np.int8)
    per_use = [
        _use_facts(graph, rule, op, position)
        for op, rule in zip(graph.ops, rules, strict=True)
        for position, operand in enumerate(op.operands)
        if not isinstance(operand, Literal)
    ]
    return Tables(
        n_uses=n_uses,
        use_ptr=_pointers([sum(not isinstance(o, Literal) for o in op.operands) for op in graph.ops]),
        result_ptr=_pointers([len(op.results) for op in graph.ops]),
        results=np.array([r for op in graph.ops for r in op.results], np.int32),
        slot_op=np.array(slot_op, np.int32),
        slot_value=np.array(slot_value, np.int32),
        dim_ptr=_pointers([len(d) for d in dims]),
        dim_factor=_flat(dims, np.int8),
        fdim_ptr=_pointers([len(d) for d in factor_dims]),
        factor_dim=_flat(factor_dims, np.int8),
        **_edges(len(graph.ops), _links(n_uses, uses, readers, carried), slot_op, dims, factor_dims),
        reader_ptr=_pointers([len(r) for r in readers]),
        reader=_flat(readers, np.int32),
        factor_ptr=_pointers([len(f) for f in factors]),
        factor_size=_flat([[x.size for x in f] for f in factors], np.int64),
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
        is_output=is_output,
    )


def _pointers(counts: list[int]) -> Ints:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int32)


def _flat(rows: list[Any], dtype: Any) -> npt.NDArray[Any]:
    return np.array([x for row in rows for x in row], dtype)


def _group(count: int, pairs: list[tuple[int, int]]) -> list[list[int]]:
    rows: list[list[int]] = [[] for _ in range(count)]
    for key, item in pairs:
        rows[key].append(item)
    return rows


def _slot_factors(graph: Graph, rules: tuple[Rule, ...]) -> tuple[list[tuple[int, ...]], list[list[int]]]:
    """Per slot the factor of each dimension, and the dimension of each factor."""
    rows: list[tuple[tuple[int, ...], int]] = []
    for op, rule in zip(graph.ops, rules, strict=True):
        count = len(rule.factors)
        rows.extend(
            (d, count) for d, o in zip(rule.operands, op.operands, strict=True) if not isinstance(o, Literal)
        )  # fmt: skip
    of_value: dict[int, tuple[tuple[int, ...], int]] = {}
    for op, rule in zip(graph.ops, rules, strict=True):
        for value, dims in zip(op.results, rule.results, strict=True):
            of_value[value] = (dims, len(rule.factors))
    rows.extend(of_value[v.index] for v in graph.values)
    inverse = [[dims.index(f) if f in dims else -1 for f in range(count)] for dims, count in rows]
    return [dims for dims, _ in rows], inverse


def _links(n_uses: int, uses: list[tuple[int, int]], readers: list[list[int]], carried: Ints) -> list[list[int]]:
    """Per slot the slots whose layout speaks to it, dimension by dimension."""
    rows: list[list[int]] = [[n_uses + value] for _, value in uses] + [list(r) for r in readers]
    for value, argument in enumerate(carried):
        if argument >= 0:
            rows[n_uses + value].append(n_uses + int(argument))
            rows[n_uses + int(argument)].append(n_uses + value)
    return rows


def _edges(
    n_ops: int,
    links: list[list[int]],
    slot_op: list[int],
    dims: list[tuple[int, ...]],
    factor_dims: list[list[int]],
) -> dict[str, Any]:
    """The links as edges between ops, with their maps of factors; edges that map nothing are left out."""
    rows: list[list[tuple[int, int, list[int], list[int]]]] = [[] for _ in range(n_ops)]
    for slot, others in enumerate(links):
        for other in others:
            take = [dims[slot][d] if d >= 0 else -1 for d in factor_dims[other]]
            if max(take, default=-1) >= 0:
                give = [dims[other][d] if d >= 0 else -1 for d in factor_dims[slot]]
                rows[slot_op[slot]].append((slot_op[other], other, take, give))
    edges = [edge for row in rows for edge in row]
    return {
        "edge_ptr": _pointers([len(row) for row in rows]),
        "edge_op": np.array([edge[0] for edge in edges], np.int32),
        "edge_slot": np.array([edge[1] for edge in edges], np.int32),
        "take_ptr": _pointers([len(edge[2]) for edge in edges]),
        "take": _flat([edge[2] for edge in edges], np.int8),
        "give_ptr": _pointers([len(edge[3]) for edge in edges]),
        "give": _flat([edge[3] for edge in edges], np.int8),
    }


def _use_facts(graph: Graph, rule: Rule, op: Op, position: int) -> tuple[bool, bool, bool]:
    """Of one operand: partial sums may enter, it is known to be zero, the result is no larger."""
    operand = op.operands[position]
    assert not isinstance(operand, Literal)
    value = graph.values[operand]
    result_bytes = sum(graph.values[r].nbytes for r in op.results)
    return position in rule.linear_operands, _is_zero(graph, operand), result_bytes <= value.nbytes


def _joining(graph: Graph, rules: tuple[Rule, ...], single: Bytes) -> Bytes:
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


def _weight_like(graph: Graph) -> Bytes:
    """Arguments, and what a cast or a rearrangement makes of one without changing what it holds."""
    flags = np.zeros(len(graph.values), np.int8)
    for argument in graph.arguments:
        flags[argument.value] = 1
    for op in graph.ops:
        if op.primitive in REARRANGING and not isinstance(op.operands[0], Literal):
            flags[op.results[0]] = flags[op.operands[0]]
    return flags
