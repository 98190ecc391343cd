"""The game of choosing options: pin one node after another, and let the others follow."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from autopart.benchmarks.strategy_graph.document import StrategyGraph
from autopart.search import ChoiceProblem

Row: TypeAlias = list[float]

_ROUNDING = 1e-12
"""A change of cost that is less, relatively to the root's cost, is rounding."""


@dataclass
class _Played:
    """What an action overwrote: options and conditional costs by node, the first overwritten last; cost and key."""

    node: int
    cost: float
    key: int
    options: list[tuple[int, int]] = field(default_factory=list)
    rows: list[tuple[int, Row]] = field(default_factory=list)


class StrategyGame:
    """A ``search.TabledGame`` whose states are complete choices, of which some nodes are pinned.

    An action sets a node that is not pinned to another option and pins it; then its neighbours, and theirs, take their
    best options as long as that makes the sum less (iterated conditional modes, Besag 1986). The root is what
    that makes of the choice ``start``. Every choice can be reached. To move a node takes time in proportion to its
    neighbours and their options. The one metric is ``cost``.
    """

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The one figure of ``metrics``."""
        return ("cost",)

    def __init__(self, graph: StrategyGraph, start: Sequence[int]) -> None:
        self.graph = graph
        self.pinned = [False] * len(graph.nodes)
        self._neighbours: list[list[tuple[int, list[Row]]]] = [[] for _ in graph.nodes]
        for edge in graph.edges:
            self._neighbours[edge.first].append((edge.second, edge.costs.tolist()))
            self._neighbours[edge.second].append((edge.first, edge.costs.T.tolist()))
        self.starts: list[int] = np.cumsum([0, *(len(costs) for costs in graph.nodes)]).tolist()
        self._places = [(node, option) for node, costs in enumerate(graph.nodes) for option in range(len(costs))]
        bits = np.random.default_rng(0).integers(0, 2**63, (2, len(self._places)), dtype=np.int64).tolist()
        self._option_bits, self._pin_bits = bits
        self.choice = list(start)
        self.rows = [self._conditional(node) for node in range(len(graph.nodes))]
        self._cost = graph.cost(self.choice)
        self.rounding = _ROUNDING * self._cost
        self._key = 0
        for node, option in enumerate(self.choice):
            self._key ^= self._option_bits[self.starts[node] + option]
        self._stack = [_Played(-1, self._cost, self._key)]
        self._follow(list(range(len(graph.nodes))))
        self._stack.clear()
        self._cost = graph.cost(self.choice)

    def _conditional(self, node: int) -> Row:
        """The cost of each option of a node beside the options that its neighbours have."""
        row: Row = self.graph.nodes[node].tolist()
        for other, costs in self._neighbours[node]:
            for option in range(len(row)):
                row[option] += costs[option][self.choice[other]]
        return row

    def actions(self) -> Sequence[int]:
        """The options that nodes not pinned do not have."""
        return [
            action
            for node, pinned in enumerate(self.pinned)
            if not pinned
            for action in range(self.starts[node], self.starts[node + 1])
            if action - self.starts[node] != self.choice[node]
        ]

    def change(self, action: int) -> float:
        """What an action adds to the cost before any other node follows."""
        node, option = self._places[action]
        return self.rows[node][option] - self.rows[node][self.choice[node]]

    def beside(self, action: int) -> int:
        """The action number of the option that the action's node has."""
        node, _ = self._places[action]
        return self.starts[node] + self.choice[node]

    def apply(self, action: int) -> None:
        """Sets a node to an option, pins it, and lets the others follow."""
        node, option = self._places[action]
        assert not self.pinned[node], "the node is pinned"
        self._stack.append(_Played(node, self._cost, self._key))
        self.pinned[node] = True
        self._key ^= self._pin_bits[action]
        if option != self.choice[node]:
            self._move(node, option)
        self._follow([other for other, _ in self._neighbours[node]])

    def _follow(self, nodes: Sequence[int]) -> None:
        """Lets nodes, and then the neighbours of those that move, take better options."""
        waiting = deque(nodes)
        while waiting:
            node = waiting.popleft()
            if self.pinned[node]:
                continue
            row = self.rows[node]
            least = min(row)
            if least < row[self.choice[node]] - self.rounding:
                self._move(node, row.index(least))
                waiting.extend(other for other, _ in self._neighbours[node])

    def _move(self, node: int, option: int) -> None:
        played, before, row = self._stack[-1], self.choice[node], self.rows[node]
        played.options.append((node, before))
        start = self.starts[node]
        self._key ^= self._option_bits[start + before] ^ self._option_bits[start + option]
        self._cost += row[option] - row[before]
        self.choice[node] = option
        for other, costs in self._neighbours[node]:
            old = self.rows[other]
            played.rows.append((other, old))
            self.rows[other] = [c + b - a for c, a, b in zip(old, costs[before], costs[option], strict=True)]

    def choices(self) -> ChoiceProblem:
        """The graph."""
        return self.graph.tables()

    def toward(self, choice: Sequence[int]) -> int | None:
        """Sets the first node that has another option than in a choice, of those that are not pinned."""
        nodes = enumerate(zip(self.pinned, self.choice, choice, strict=True))
        first = ((node, wanted) for node, (pinned, has, wanted) in nodes if not pinned and has != wanted)
        return next((self.starts[node] + wanted for node, wanted in first), None)

    def undo(self) -> None:
        """Takes the latest action back."""
        played = self._stack.pop()
        for node, option in reversed(played.options):
            self.choice[node] = option
        for node, row in reversed(played.rows):
            self.rows[node] = row
        self.pinned[played.node] = False
        self._cost, self._key = played.cost, played.key

    def key(self) -> int:
        """The exclusive or of bits of the options and pins (Zobrist hashing)."""
        return self._key

    def metrics(self) -> tuple[float, ...]:
        """The sum over nodes and edges."""
        return (max(0.0, self._cost),)

    def describe(self, action: int) -> str:
        """E.g. ``node 3 := option 1``."""
        node, option = self._places[action]
        return f"node {node} := option {option}"
