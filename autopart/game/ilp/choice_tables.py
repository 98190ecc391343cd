"""A problem as tables: options of ops and what they cost together, as Alpa's integer program has them.

A node is an op, or the equal ops of all layers; its options are its ``options``. Beside them stand nodes for values
that more than one reads: the one layout in which such a value is handed to its readers, who cut it further for
themselves, so that what is gathered once counts once. (Of weights, every reader gathers its own.) The sum over nodes
and edges stands for compute and communication, one after the other; rows stand for the bytes alive at some places.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from autopart.cost import METRICS, PEAK, STEP_S
from autopart.folding import edges_of, layers_of
from autopart.game.ilp.move_costs import PARTIAL, WHOLE, Places, Prices, nested, unpacked
from autopart.game.ilp.option_costs import OptionCosts
from autopart.game.ilp.options import Option, OptionSpace
from autopart.partitioning import Problem, State
from autopart.search.choices import ChoiceProblem, Edge, Row, joined
from autopart.sharding import ATOMIC, TILE, Float64Array, Int8Array, Layout, Steps

_ROWS = 8
"""At how many places of a program memory is counted: those at which most is alive in the unpartitioned one."""

_SMALL = 1e-3
"""The part of all that is alive below which a value counts as it is unpartitioned."""


@dataclass(frozen=True)
class Tabled:
    """The tables of a problem.

    Attributes:
        problem: the tables.
        options: of each node that is an op; the nodes after these are of values.
        node_of: (ops,) the op's node.
        weight: (ops,) seconds of each op, unpartitioned.
    """

    problem: ChoiceProblem
    options: tuple[tuple[Option, ...], ...]
    node_of: npt.NDArray[np.int64]
    weight: Float64Array

    def factors(self, choice: Sequence[int]) -> npt.NDArray[np.int8]:
        """(ops, axes) the factor of each op that a choice tiles, or -1."""
        of_node = [options[chosen].factors for options, chosen in zip(self.options, choice, strict=False)]
        return np.array(of_node, np.int8)[self.node_of]

    def carries(self, choice: Sequence[int]) -> npt.NDArray[np.bool_]:
        """(ops, axes) whether a choice lets an op run on partial sums."""
        of_node = [
            [mode.factor < 0 and PARTIAL in mode.made for mode in options[chosen].modes]
            for options, chosen in zip(self.options, choice, strict=False)
        ]
        return np.array(of_node, np.bool_)[self.node_of]

    def within(self, state: State, axes: Collection[int]) -> Tabled:
        """The tables without what a state has decided otherwise, and without tiles on other axes."""
        barred: dict[int, npt.NDArray[np.bool_]] = {}
        others = [axis for axis in range(state.marks.tile.shape[1]) if axis not in axes]
        for op, axis in np.argwhere(state.marks.tile >= 0).tolist():
            factor = int(state.marks.tile[op, axis])
            barred_here = [o.modes[axis].factor not in (factor, -1) for o in self.options[self.node_of[op]]]
            barred[int(self.node_of[op])] = barred.get(int(self.node_of[op]), False) | np.array(barred_here)
        nodes = list(self.problem.nodes)
        for node, options in enumerate(self.options):
            if others:
                moved = np.array([any(o.modes[axis].factor >= 0 for axis in others) for o in options])
                barred[node] = barred.get(node, False) | moved
            if node in barred:
                nodes[node] = np.where(barred[node], np.inf, nodes[node])
        return replace(self, problem=replace(self.problem, nodes=tuple(nodes)))

    def steps(self, choice: Sequence[int]) -> list[Steps]:
        """A choice op by op: nothing is left to propagation, for all ops are kept whole but for tiles of their own.

        Axes that tile an op come in the order in which they nest.
        """
        options = [self.options[node][choice[node]] for node in self.node_of.tolist()]
        axes = range(len(options[0].modes))
        found = [[(ATOMIC, op, 0, axis) for op in range(len(options))] for axis in axes]
        for turn in axes:
            rows = [(o.order[turn], op, o.factors[o.order[turn]]) for op, o in enumerate(options)]
            found += [[(TILE, op, f, axis) for at, op, f in rows if at == axis and f >= 0] for axis in axes]
        return [np.array(rows, np.int32).reshape(-1, 4) for rows in found if rows]

    def nearer(self, choice: Sequence[int], before: Int8Array, after: Int8Array) -> float:
        """By how many seconds of work what was tiled between two states, (ops, axes) each, is as a choice has it.

        Work of ops that are tiled otherwise counts against it, but not where sums are carried: that is ``layout``'s.
        """
        wanted, new = self.factors(choice), before != after
        right = np.where(wanted == after, 1.0, np.where(self.carries(choice), 0.0, -1.0))
        return float((np.where(new, right, 0.0) * self.weight[:, None]).sum())

    def choice_of(self, state: State) -> tuple[int, ...] | None:
        """The choice that a state is, values being handed on as is cheapest; ``None`` where it has an option left out.

        Equal layers are read at the first; how axes nest is not read.
        """
        found: dict[int, int] = {}
        layout = state.layout()
        for op, node in enumerate(self.node_of.tolist()):
            if node not in found:
                key = _read(state, layout, op)
                number = next(
                    (i for i, o in enumerate(self.options[node]) if (o.factors, o.wanted, o.base) == key), None
                )
                if number is None:
                    return None
                found[node] = number
        return self._handed_on(found)

    def _handed_on(self, chosen: dict[int, int]) -> tuple[int, ...]:
        """A choice for the nodes of values too: the cheapest beside those of their makers and readers."""
        totals = [costs.copy() for costs in self.problem.nodes[len(self.options) :]]
        for edge in self.problem.edges:
            for seen in (edge, edge.turned()):
                if seen.first >= len(self.options):
                    column = seen.column_of[chosen[seen.second]]
                    totals[seen.first - len(self.options)] += seen.costs[:, column][seen.row_of]
        return (*(chosen[node] for node in range(len(self.options))), *(int(total.argmin()) for total in totals))


Key: TypeAlias = tuple[tuple[int, ...], tuple[Places, ...], tuple[Places, ...]]
"""What a layout tells of an option: factors, layouts read, layouts handed on."""


def _read(state: State, layout: Layout, op: int) -> Key:
    tables, n_axes = state.problem.tables, layout.tile.shape[1]

    def layout_at(slot: int, value: int) -> Places:
        places, carried = unpacked(int(layout.packed[slot]), n_axes), int(layout.carried[value])
        return tuple(PARTIAL if carried >> axis & 1 else place for axis, place in enumerate(places))

    slots = range(int(tables.use_ptr[op]), int(tables.use_ptr[op + 1]))
    read = tuple(layout_at(slot, int(tables.slot_value[slot])) for slot in slots)
    results = state.problem.graph.ops[op].results
    return tuple(layout.tile[op].tolist()), read, tuple(layout_at(tables.n_uses + v, v) for v in results)


def tables_of(problem: Problem) -> Tabled:
    """The tables of a problem."""
    return _Builder(problem).tabled()


class _Builder:
    """The tables, put together."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._prices = Prices(problem.costs)
        self._costs = OptionCosts(problem, self._prices)
        self._options_of = OptionSpace(problem).of_op
        self._node_of, self._options = self._tied()
        self._nodes = [np.zeros(len(options)) for options in self._options]
        self._edges: dict[tuple[int, int], Edge] = {}

    def _tied(self) -> tuple[npt.NDArray[np.int64], tuple[tuple[Option, ...], ...]]:
        """The node of each op, and the options of each node: ops that are one in all layers share theirs."""
        problem = self._problem
        unit = layers_of(problem.graph, problem.groups, edges_of(problem.graph)).unit
        nodes: dict[tuple[int, tuple[Option, ...]] | int, int] = {}
        options: list[tuple[Option, ...]] = []
        node_of = np.zeros(len(problem.graph.ops), np.int64)
        for op, mine in enumerate(self._options_of):
            key = op if unit[op] < 0 else (int(unit[op]), mine)
            if key not in nodes:
                nodes[key] = len(options)
                options.append(mine)
            node_of[op] = nodes[key]
        return node_of, tuple(options)

    def tabled(self) -> Tabled:
        for op, node in enumerate(self._node_of.tolist()):
            self._nodes[node] += [self._costs.of(op, option) for option in self._options[node]]
        for value in range(len(self._problem.graph.values)):
            self._hand_on(value)
        rows = tuple(self._rows())
        tables = ChoiceProblem(METRICS[STEP_S], tuple(self._nodes), tuple(self._edges.values()), rows)
        weight = np.array([self._costs.unpartitioned(op) for op in range(len(self._node_of))])
        return Tabled(tables, self._options, self._node_of, weight)

    def _bases(self, value: int) -> tuple[int, list[Places]]:
        """The node of a value's maker, and the layout that each of its options hands on."""
        op = self._problem.graph.values[value].producer
        number = self._problem.graph.ops[op].results.index(value)
        node = int(self._node_of[op])
        return node, [option.base[number] for option in self._options[node]]

    def _hand_on(self, value: int) -> None:
        """Adds the edges from a value to its readers, and to the argument that it becomes."""
        tables = self._problem.tables
        readers = []
        for slot in tables.reader[tables.reader_ptr[value] : tables.reader_ptr[value + 1]].tolist():
            op = int(tables.slot_op[slot])
            node, number = int(self._node_of[op]), slot - int(tables.use_ptr[op])
            readers.append((node, [option.wanted[number] for option in self._options[node]]))
        if tables.carried_arg[value] >= 0:
            readers.append(self._bases(int(tables.carried_arg[value])))
        maker, source = self._bases(value)
        if len(readers) > 1 and not tables.weight_like[value]:
            shared = self._layouts(value)
            relay = len(self._nodes)
            self._nodes.append(np.zeros(len(shared)))
            self._join(value, maker, source, relay, shared)
            maker, source = relay, shared
        for node, wanted in readers:
            self._join(value, maker, source, node, wanted)

    def _layouts(self, value: int) -> list[Places]:
        """Every layout of a value."""
        shape, sizes = self._problem.graph.values[value].shape, self._problem.sizes.tolist()
        able = [[WHOLE, *(d for d, n in enumerate(shape) if n and n % size == 0 and size > 1)] for size in sizes]
        found: dict[Places, None] = {}
        for dims in product(*able):
            parts = [math.prod(s for s, d in zip(sizes, dims, strict=True) if d == dim) for dim in range(len(shape))]
            if all(n % count == 0 for n, count in zip(shape, parts, strict=True)):
                found.update(dict.fromkeys(nested(dims, order) for order in permutations(range(len(sizes)))))
        return list(found)

    def _join(self, value: int, maker: int, have: list[Places], reader: int, want: list[Places]) -> None:
        """Adds what it costs to bring a value from the layouts of one node into those of another."""
        rows, row_of = _classes(have)
        columns, column_of = _classes(want)
        nbytes, runs = float(self._problem.costs.value_bytes[value]), float(self._costs.value_runs[value])
        costs = np.array([[self._prices.move(nbytes, a, b) for b in columns] for a in rows]) * runs
        if maker == reader:
            self._nodes[maker] = self._nodes[maker] + costs[row_of, column_of]
            return
        edge = Edge(maker, reader, costs, row_of, column_of)
        if maker > reader:
            edge = edge.turned()
        known = self._edges.get((edge.first, edge.second))
        if known is None:
            self._edges[edge.first, edge.second] = edge
        elif np.array_equal(known.row_of, edge.row_of) and np.array_equal(known.column_of, edge.column_of):
            both = Edge(edge.first, edge.second, known.costs + edge.costs, edge.row_of, edge.column_of)
            self._edges[edge.first, edge.second] = both
        else:
            self._edges[edge.first, edge.second] = joined(known, edge)

    def _rows(self) -> Iterator[Row]:
        """The bytes alive at the places where most are, of the layouts handed on; gathered copies are not counted."""
        costs = self._problem.costs
        loose = costs.loose[costs.born].astype(bool) | costs.loose[costs.dies].astype(bool)
        nbytes = costs.buffer_bytes * np.where(loose, costs.value_weight, 1)
        places = len(costs.place_op)
        change = np.zeros(places + 2)
        np.add.at(change, costs.born, nbytes)
        np.add.at(change, costs.dies, -nbytes)
        alive = np.cumsum(change)[:places]
        after, before = np.append(alive[1:], 0.0), np.append(0.0, alive[:-1])
        tops = np.flatnonzero((alive >= after) & (alive > before))
        for place in tops[np.argsort(-alive[tops], kind="stable")[:_ROWS]]:
            there = np.flatnonzero((costs.born <= place) & (place < costs.dies) & (nbytes > 0))
            yield self._row(there, nbytes, float(alive[place]))

    def _row(self, values: npt.NDArray[np.intp], nbytes: Float64Array, total: float) -> Row:
        constant, use = 0.0, dict[int, Float64Array]()
        for value in values.tolist():
            if nbytes[value] < _SMALL * total:
                constant += float(nbytes[value])
                continue
            node, bases = self._bases(value)
            local = np.array([nbytes[value] / self._prices.parts(base) for base in bases])
            use[node] = use.get(node, 0.0) + local
        return Row(METRICS[PEAK], constant, use)


def _classes(layouts: Sequence[Places]) -> tuple[list[Places], npt.NDArray[np.int64]]:
    """The distinct ones, and which of them each is."""
    number: dict[Places, int] = {}
    which = [number.setdefault(layout, len(number)) for layout in layouts]
    return list(number), np.array(which, np.int64)
