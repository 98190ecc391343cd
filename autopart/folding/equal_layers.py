"""Proof that layers of a program are the same: all that their ops speak of, compared layer by layer.

A *reference* is anything that ties an op to another: what it reads, the group that it runs in, the last reader of what
it makes, the argument that a result becomes. In equal layers a reference is *relative* (the same op of the same layer,
or of one so many layers on) or *fixed* (one op for all of them). Plain facts (how many readers there are) are
references to nothing, with the fact as their tag.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from autopart.folding.repeated_layers import Edges, Layers, barrier_first
from autopart.partitioning import Problem
from autopart.sharding import Int32Array, Int64Array

FIXED = np.iinfo(np.int64).min
"""Stands for the layers between an op and what it speaks of where that is no matter of layers."""

READS, RUNS, LIVES, HELD, BECOMES, BARRIER, CHARGES, FACT = range(8)
_STRIDE = 1 << 20


@dataclass(frozen=True)
class References:
    """References of all ops, one a row; those of kind ``READS`` come first, in the order of ``Edges``.

    Attributes:
        op: who speaks.
        place: kind and number of the reference among those of the op; no two of an op are equal.
        other: the op spoken of, -1 for none.
        tag: what else must be equal.
    """

    op: Int64Array
    place: Int64Array
    other: Int64Array
    tag: Int64Array

    @property
    def kind(self) -> Int64Array:
        """(references,) ``READS`` and so on."""
        return self.place // _STRIDE


@dataclass(frozen=True)
class Window:
    """Layers that are the same.

    Attributes:
        low, high: the layers, ``high`` not included.
        step: (references,) how many layers on the op is that is spoken of, or ``FIXED``; of ops outside always.
        reach: the most layers that a reference spans.
    """

    low: int
    high: int
    step: Int64Array
    reach: int

    def inside(self, layers: Layers) -> npt.NDArray[np.bool_]:
        """(ops,) whether the op is in one of the layers."""
        found: npt.NDArray[np.bool_] = (layers.unit >= 0) & (layers.layer >= self.low) & (layers.layer < self.high)
        return found


def references(problem: Problem, edges: Edges) -> References:
    """All references of the program that its costs on a mesh may depend on; places are spoken of by their root."""
    graph, costs = problem.graph, problem.costs
    ops = np.arange(len(graph.ops))
    maker = np.array([value.producer for value in graph.values], np.int64)
    number = np.zeros(len(maker), np.int64)
    for op in graph.ops:
        number[list(op.results)] = range(len(op.results))
    out_value = np.array([output.value for output in graph.outputs], np.int64)
    becomes = np.array([o.carried if o.carried < 0 else graph.arguments[o.carried].value for o in graph.outputs])
    at = np.concatenate([costs.place_op, [-1]])
    never = np.arange(len(at)) == len(at) - 1
    return _joined([
        (READS, edges.reader, edges.position, edges.maker, edges.result),
        (RUNS, ops, 0, at[costs.place], 0),
        *((LIVES, maker, 4 * number + k, at[place], never[place])
          for k, place in enumerate((costs.born, costs.dies, costs.made, costs.needed))),
        (LIVES, maker, _STRIDE // 2 + number, at[costs.first_need], never[costs.first_need]),
        *((HELD, edges.reader, 3 * edges.position + k, at[place], never[place])
          for k, place in enumerate((costs.read_from, costs.read_until, costs.prefetch))),
        (BECOMES, maker[out_value], number[out_value], np.where(becomes < 0, -1, maker[becomes]), 0),
        (BARRIER, ops, 0, barrier_first(graph.ops), 0),
        _charges(problem, edges, number),
        *_facts(problem, edges, maker, number, out_value),
    ])  # fmt: skip


_Part: TypeAlias = "tuple[int, Int32Array | Int64Array, Any, Any, Any]"
"""Kind, and op, place, other and tag of references; of all but the first one number may stand for all."""


def _charges(problem: Problem, edges: Edges, number: Int64Array) -> _Part:
    """What each group reads and writes."""
    tables, costs = problem.tables, problem.costs
    begins = costs.charge_ptr.astype(np.int64)
    counts = begins[1:] - begins[:-1]
    order = np.arange(len(costs.charge)) - np.repeat(begins[:-1], counts)
    which = np.concatenate([2 * edges.position, 2 * number + 1])[costs.charge]
    return CHARGES, np.repeat(costs.place_op, counts), order, tables.slot_op[costs.charge], which


def _facts(
    problem: Problem, edges: Edges, maker: Int64Array, number: Int64Array, out_value: Int64Array
) -> Iterator[_Part]:
    """Numbers that must be the same in all layers."""
    tables, costs = problem.tables, problem.costs
    works = np.zeros(len(problem.graph.ops), np.int64)
    works[costs.member] = costs.member_s.view(np.int64)
    of_values = (
        np.bincount(edges.value, minlength=len(maker)), np.bincount(out_value, minlength=len(maker)), costs.kept,
        tables.single_use, tables.weight_like, tables.becomes >= 0, tables.carried_arg >= 0, works[maker],
    )  # fmt: skip
    of_slots = (tables.slot_linear, tables.slot_zero, tables.shrinks, tables.joining)
    for k, fact in enumerate(of_values):
        yield FACT, maker, len(of_values) * number + k, -1, fact
    for k, fact in enumerate(of_slots):
        yield FACT, edges.reader, _STRIDE // 2 + len(of_slots) * edges.position + k, -1, fact


def _joined(parts: list[_Part]) -> References:
    columns = []
    for kind, *rest in parts:
        op, place, other, tag = (np.broadcast_to(np.asarray(part, np.int64), len(rest[0])) for part in rest)
        columns.append(np.stack([op, place + kind * _STRIDE, other, tag]))
    op, place, other, tag = np.concatenate(columns, axis=1)
    return References(op, place, other, tag)


def window_of(layers: Layers, found: References) -> Window | None:
    """The layers around the middle that are the same, or ``None`` if there are none."""
    low, high = _common(layers)
    middle = (low + high) // 2
    if high - low < 1:
        return None
    speaks = np.flatnonzero(layers.unit[found.op] >= 0)
    op, other, tag = found.op[speaks], found.other[speaks], found.tag[speaks]
    layer = layers.layer[op].astype(np.int64)
    key, row = np.unique(layers.unit[op].astype(np.int64) * (16 * _STRIDE) + found.place[speaks], return_inverse=True)
    model = np.full(len(key), -1)
    in_middle = np.flatnonzero(layer == middle)
    model[row[in_middle]] = in_middle
    like = model[row]
    if (model < 0).any():  # Some layer has a reference that the one in the middle lacks: facts say so too.
        like = np.where(like < 0, in_middle[0], like)
    has_layer = (other >= 0) & (layers.unit[other] >= 0)
    step = np.where(has_layer, layers.layer[other] - layer, FIXED)
    same_step = has_layer & (layers.unit[other] == layers.unit[other[like]]) & (step == step[like])
    rows = {
        "relative": ~(same_step & (tag == tag[like]) & (model[row] >= 0)),
        "fixed": ~((other == other[like]) & (tag == tag[like]) & (model[row] >= 0)),
    }
    spans = {name: _span(bad, row, layer, len(key), middle, low, high) for name, bad in rows.items()}
    relative = spans["relative"][1] - spans["relative"][0] >= spans["fixed"][1] - spans["fixed"][0]
    relative &= (model >= 0) & has_layer[model]
    first = np.where(relative, spans["relative"][0], spans["fixed"][0])
    last = np.where(relative, spans["relative"][1], spans["fixed"][1])
    # The one op that all layers speak of must be in none of them.
    target = layers.layer[other[model]]
    once = ~relative & (model >= 0) & has_layer[model]
    first = np.where(once & (target < middle), np.maximum(first, target + 1), first)
    last = np.where(once & (target >= middle), np.minimum(last, target), last)
    low, high = max(low, int(first.max(initial=low))), min(high, int(last.min(initial=high)))
    if high <= low:
        return None
    steps = np.full(len(found.op), FIXED, np.int64)
    inside = (layer >= low) & (layer < high)
    steps[speaks[inside]] = np.where(relative[row], step[like], FIXED)[inside]
    reach = np.abs(step[model][relative]).max(initial=1)
    return Window(low, high, steps, int(reach))


def _common(layers: Layers) -> tuple[int, int]:
    """The layers that have every unit: first, last + 1."""
    inside = np.flatnonzero(layers.unit >= 0)
    first, last = np.full(layers.count, np.iinfo(np.int64).max), np.full(layers.count, np.iinfo(np.int64).min)
    np.minimum.at(first, layers.unit[inside], layers.layer[inside])
    np.maximum.at(last, layers.unit[inside], layers.layer[inside])
    return int(first.max()), int(last.min()) + 1


def _span(
    bad: npt.NDArray[np.bool_], row: Int64Array, layer: Int64Array, count: int, middle: int, low: int, high: int
) -> tuple[Int64Array, Int64Array]:
    """For each row the layers around the middle in which nothing is bad: first, last + 1."""
    first, last = np.full(count, low), np.full(count, high)
    before, after = bad & (layer < middle), bad & (layer >= middle)
    np.maximum.at(first, row[before], layer[before] + 1)
    np.minimum.at(last, row[after], layer[after])
    return first, last
