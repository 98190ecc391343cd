"""The same game, one node after another in a fixed order, and a bound on what can follow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autopart.benchmarks.strategy_graph.document import StrategyGraph
from autopart.benchmarks.strategy_graph.game import Row, StrategyGame


class SequentialGame(StrategyGame):
    """A ``search.BoundedGame``: an action pins the next node, at any of its options.

    Its states form a tree, so it suits proofs. Next comes the node with the most pinned neighbours, then with
    the most neighbours. The bound is that of ``moved`` (`dual.reparametrised`): the costs of what is pinned,
    and for each other node the least of its costs with its pinned neighbours; edges between these count by
    their least cost.
    """

    def __init__(self, graph: StrategyGraph, start: Sequence[int], moved: StrategyGraph) -> None:
        super().__init__(graph, start)
        self._order = _order(graph)
        self._depth = 0
        self._bound_rows: list[Row] = [costs.tolist() for costs in moved.nodes]
        self._added: list[list[tuple[int, list[Row]]]] = [[] for _ in graph.nodes]
        for edge in moved.edges:
            above = edge.costs - edge.costs.min()
            self._added[edge.first].append((edge.second, above.tolist()))
            self._added[edge.second].append((edge.first, above.T.tolist()))
        least = sum(float(np.min(costs)) for costs in (*moved.nodes, *(edge.costs for edge in moved.edges)))
        self._bounds = [least]
        self._overwritten: list[list[tuple[int, Row]]] = []

    def actions(self) -> Sequence[int]:
        """All options of the next node."""
        if self._depth == len(self._order):
            return []
        node = self._order[self._depth]
        return range(self.starts[node], self.starts[node + 1])

    def apply(self, action: int) -> None:
        """Pins the next node at an option, lets the others follow, and raises the bound."""
        super().apply(action)
        node = self._order[self._depth]
        option = action - self.starts[node]
        row = self._bound_rows[node]
        bound = self._bounds[-1] + row[option] - min(row)
        overwritten = []
        for other, above in self._added[node]:
            if not self.pinned[other]:
                old = self._bound_rows[other]
                new = [cost + more for cost, more in zip(old, above[option], strict=True)]
                bound += min(new) - min(old)
                self._bound_rows[other] = new
                overwritten.append((other, old))
        self._bounds.append(bound)
        self._overwritten.append(overwritten)
        self._depth += 1

    def undo(self) -> None:
        """Takes the latest action back."""
        super().undo()
        self._depth -= 1
        self._bounds.pop()
        for node, row in self._overwritten.pop():
            self._bound_rows[node] = row

    def lower_bounds(self) -> tuple[float, ...]:
        """A cost that no choice with the same pins is below, but for rounding."""
        return (max(0.0, self._bounds[-1] - self.rounding),)


def _order(graph: StrategyGraph) -> list[int]:
    neighbours: list[set[int]] = [set() for _ in graph.nodes]
    for edge in graph.edges:
        neighbours[edge.first].add(edge.second)
        neighbours[edge.second].add(edge.first)
    order: list[int] = []
    placed: set[int] = set()
    while len(order) < len(neighbours):
        left = [node for node in range(len(neighbours)) if node not in placed]
        order.append(max(left, key=lambda node: (len(neighbours[node] & placed), len(neighbours[node]), -node)))
        placed.add(order[-1])
    return order
