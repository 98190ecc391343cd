"""Where a program repeats itself: runs of equal layers in program order, and which repetition is which layer.

Unrolled layers show as *segments*: stretches of ops in which what stands at one place stands again a period
later. A training step has several of them (the layers' parameters, their moments, the forward layers, the
backward layers in the opposite order, the updates). The references between two segments say which repetition of
one belongs to which of the other, so that every op has a layer.

This is a guess by looks; ``fold`` proves what it needs of it, reference by reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from autopart.partitioning import Group
from autopart.program import ARGUMENT, Graph, Literal, Op, params_text, starify
from autopart.sharding import Int32Array, Int64Array

FEWEST = 4
"""Repetitions that make a segment."""

_MOST_PERIODS = 64
_ROUNDS = 1
"""How far an op looks around when it is compared with others: as many references in each direction."""

Colours = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Segment:
    """Equal repetitions side by side.

    Attributes:
        begin, period, length: of its ops; what is left at the end of the stretch is no repetition.
    """

    begin: int
    period: int
    length: int

    @property
    def count(self) -> int:
        """Number of repetitions."""
        return self.length // self.period

    def turned(self, by: int) -> Segment:
        """The segment with its first ``by`` ops left out: what was the middle of a repetition is the begin of one."""
        return Segment(self.begin + by, self.period, self.length - by)


@dataclass(frozen=True)
class Layers:
    """Which layer each op belongs to.

    Attributes:
        unit: (ops,) number that equal ops of all layers share, or -1: the op is in no layer.
        layer: (ops,) the layer.
        count: number of units.
    """

    unit: Int32Array
    layer: Int32Array
    count: int

    @cached_property
    def _table(self) -> tuple[int, Int64Array]:
        inside = np.flatnonzero(self.unit >= 0)
        first, last = int(self.layer[inside].min()), int(self.layer[inside].max())
        table = np.full((self.count, last - first + 1), -1, np.int64)
        table[self.unit[inside], self.layer[inside] - first] = inside
        return first, table

    def op_of(self, unit: Int32Array, layer: Int32Array | Int64Array | int) -> Int64Array:
        """The op with that unit in that layer; -1 where there is none."""
        first, table = self._table
        column = np.broadcast_to(np.asarray(layer, np.int64) - first, unit.shape)
        there = (unit >= 0) & (column >= 0) & (column < table.shape[1])
        return np.where(there, table[np.where(there, unit, 0), np.where(there, column, 0)], -1)


@dataclass(frozen=True)
class Edges:
    """Who reads whom.

    Attributes:
        reader, position: (edges,) an op and the number of its operand.
        maker, result: (edges,) the op that makes it, and which of its results it is.
        value: (edges,) the value.
    """

    reader: Int64Array
    position: Int64Array
    maker: Int64Array
    result: Int64Array
    value: Int64Array


def edges_of(graph: Graph) -> Edges:
    """All reads of the program, in program order."""
    result = {value: k for op in graph.ops for k, value in enumerate(op.results)}
    rows = [
        (op.index, position, graph.values[operand].producer, result[operand], operand)
        for op in graph.ops
        for position, operand in enumerate(op.operands)
        if not isinstance(operand, Literal)
    ]
    table = np.array(rows, np.int64).reshape(-1, 5)
    return Edges(*(table[:, column].copy() for column in range(5)))


def layers_of(graph: Graph, groups: Sequence[Group], edges: Edges) -> Layers:
    """The layers of a program; of one that does not repeat itself no op has a layer."""
    segments = _segments(*_colours(graph, groups, edges))
    most = max((segment.count for segment in segments), default=0)
    segments = [segment for segment in segments if 2 * segment.count > most]
    unit = np.full(len(graph.ops), -1, np.int32)
    layer = np.zeros(len(graph.ops), np.int32)
    count = 0
    for segment, (sign, shift) in _turned(_aligned(segments, edges, len(graph.ops)), edges, len(graph.ops)):
        inside = np.arange(segment.period * segment.count)
        ops = slice(segment.begin, segment.begin + len(inside))
        unit[ops] = count + inside % segment.period
        layer[ops] = sign * (inside // segment.period) + shift
        count += segment.period
    return Layers(unit, layer, count)


def _mixed(numbers: Colours) -> Colours:
    """Well spread numbers (splitmix64)."""
    z = numbers * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _colours(graph: Graph, groups: Sequence[Group], edges: Edges) -> tuple[Colours, Colours]:
    """Numbers for each op: equal for ops that do the same, and for those that do it among neighbours that are equal."""
    signatures = _signatures(graph, groups)
    numbers = {signature: k + 1 for k, signature in enumerate(dict.fromkeys(signatures))}
    plain = _mixed(np.array([numbers[s] for s in signatures], np.uint64))
    colours = plain
    where = (edges.position * 16 + edges.result + 1).astype(np.uint64)
    for _ in range(_ROUNDS):
        around = np.zeros_like(colours)
        np.add.at(around, edges.reader, _mixed(colours[edges.maker] + where))
        np.add.at(around, edges.maker, _mixed(colours[edges.reader] ^ where))
        colours = _mixed(colours + np.uint64(3) * around)
    return plain, colours


def _signatures(graph: Graph, groups: Sequence[Group]) -> list[tuple[object, ...]]:
    """What each op is, without its neighbours."""
    pattern = {name: group.pattern for group in groups for name in group.names}
    types = [(value.shape, value.dtype.name) for value in graph.values]
    texts: dict[int, str] = {}
    out: list[tuple[object, ...]] = []
    for op in graph.ops:
        made = tuple(types[result] for result in op.results)
        if op.primitive == ARGUMENT:
            argument = graph.arguments[op.index]
            name = pattern.get(argument.name, starify(argument.name))
            out.append((name if argument.constant is None else argument.name, argument.donated, made))
            continue
        if id(op.params) not in texts:
            texts[id(op.params)] = params_text(op.params)
        read = tuple(_literal(o) if isinstance(o, Literal) else types[o] for o in op.operands)
        out.append((op.primitive, texts[id(op.params)], read, made, op.region, op.control, op.barrier >= 0))
    return out


def _literal(literal: Literal) -> tuple[str, str]:
    return literal.dtype.name, repr(np.asarray(literal.value).tolist())


def _segments(plain: Colours, colours: Colours) -> list[Segment]:
    """Stretches that repeat themselves, the longest first; none has an op of another."""
    free = np.ones(len(colours), np.bool_)
    found = []
    for begin, end, period in sorted(_runs(plain, colours), key=lambda run: (run[0] - run[1], run[2], run[0])):
        for first, last in _stretches(free[begin:end]):
            if last - first >= FEWEST * period:
                found.append(Segment(begin + first, period, last - first))
                free[begin + first : begin + last] = False
    return found


def _runs(plain: Colours, colours: Colours) -> list[tuple[int, int, int]]:
    """(begin, end, period) of the longest stretches in which each op stands again a period later.

    What repeats itself neighbours and all says where to look; the first and the last repetition have other neighbours.
    """
    order = np.argsort(colours, kind="stable")
    same = colours[order[1:]] == colours[order[:-1]]
    distances, counts = np.unique((order[1:] - order[:-1])[same], return_counts=True)
    likely = distances[np.argsort(-counts, kind="stable")][:_MOST_PERIODS]
    found = []
    for period in sorted(int(distance) for distance in likely):
        exact = np.concatenate([[0], np.cumsum(colours[:-period] == colours[period:])])
        for begin, end in _stretches(plain[:-period] == plain[period:]):
            if end - begin >= period * (FEWEST - 1) and 2 * (exact[end] - exact[begin]) >= end - begin:
                found.append((begin, end + period, period))
    return found


def _stretches(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(begin, end) of the stretches of true flags."""
    borders = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return [(int(begin), int(end)) for begin, end in borders.reshape(-1, 2)]


def _aligned(segments: list[Segment], edges: Edges, n_ops: int) -> Alignment:
    """The segments that hang together with the longest, with the (sign, shift) from repetition to layer.

    Segments are joined in the order of how many references agree on a common numbering.
    """
    links = _links(segments, edges, n_ops)
    known: dict[int, tuple[int, int]] = {0: (1, 0)} if segments else {}
    while True:
        ready = [(link, pair) for pair, link in links.items() if (pair[0] in known) != (pair[1] in known)]
        if not ready:
            return [(segments[number], known[number]) for number in sorted(known)]
        (_, sign, shift), (one, other) = max(ready, key=lambda item: (item[0][0], (-item[1][0], -item[1][1])))
        if one in known:  # Repetition r of the one speaks of repetition sign * r + shift of the other.
            outer_sign, outer_shift = known[one]
            known[other] = (outer_sign * sign, outer_shift - outer_sign * sign * shift)
        else:
            outer_sign, outer_shift = known[other]
            known[one] = (outer_sign * sign, outer_shift + outer_sign * shift)


Alignment: TypeAlias = "list[tuple[Segment, tuple[int, int]]]"
"""Segments, and (sign, shift) from the number of a repetition to its layer."""


def _turned(aligned: Alignment, edges: Edges, n_ops: int) -> Alignment:
    """The segments, each turned so that most of what it reads, or is read in, of other segments is of its own layer."""
    out = list(aligned)
    for number, (segment, (sign, shift)) in enumerate(aligned):
        layer, home = np.zeros(n_ops, np.int64), np.full(n_ops, -1, np.int64)
        for other, (part, (its_sign, its_shift)) in enumerate(out):
            inside = np.arange(part.length)
            layer[part.begin + inside] = its_sign * (inside // part.period) + its_shift
            home[part.begin + inside] = other
        here, there = np.concatenate([edges.reader, edges.maker]), np.concatenate([edges.maker, edges.reader])
        between = (home[here] == number) & (home[there] >= 0) & (home[there] != number)
        place = (here[between] - segment.begin) % segment.period
        ahead = sign * (layer[there[between]] - layer[here[between]])
        # Of an op before the turn, the repetition is one less than it was.
        stays = np.bincount(place, np.abs(ahead), segment.period)
        moves = np.bincount(place, np.abs(ahead + 1), segment.period)
        cost = np.concatenate([[0.0], np.cumsum(moves - stays)])
        best = int(np.argmin(cost[:-1]))
        out[number] = (segment.turned(best), (sign, shift))
    return out


def _links(segments: list[Segment], edges: Edges, n_ops: int) -> dict[tuple[int, int], tuple[int, int, int]]:
    """Pair of segments -> (how many references agree, sign, shift): r is linked with sign * r + shift."""
    home = np.full(n_ops, -1, np.int64)
    repetition = np.zeros(n_ops, np.int64)
    for number, segment in enumerate(segments):
        inside = np.arange(segment.period * segment.count)
        home[segment.begin + inside] = number
        repetition[segment.begin + inside] = inside // segment.period
    between = (home[edges.reader] >= 0) & (home[edges.maker] >= 0) & (home[edges.reader] != home[edges.maker])
    reader, maker = edges.reader[between], edges.maker[between]
    votes: Counter[tuple[int, int, int, int]] = Counter()
    ahead = (home[reader], home[maker], repetition[maker] - repetition[reader])
    back = (home[reader], home[maker], repetition[maker] + repetition[reader])
    for sign, rows in ((1, ahead), (-1, back)):
        columns, counts = np.unique(np.stack(rows, axis=1), axis=0, return_counts=True)
        votes.update({(*row, sign): int(n) for row, n in zip(columns.tolist(), counts, strict=True)})
    found: dict[tuple[int, int], tuple[int, int, int]] = {}
    for (one, other, shift, sign), count in votes.items():
        fewest = min(segments[one].count, segments[other].count)
        if 2 * count > fewest:  # Else the repetitions of one speak of a few of the other.
            best = found.get((one, other))
            if best is None or (count, sign) > best[:2]:
                found[one, other] = (count, sign, shift)
    return found


def barrier_first(ops: Sequence[Op]) -> Int64Array:
    """(ops,) the first member of each op's joint barrier; the op itself where there is none."""
    first: dict[int, int] = {}
    return np.array([first.setdefault(op.barrier, op.index) if op.barrier >= 0 else op.index for op in ops], np.int64)
