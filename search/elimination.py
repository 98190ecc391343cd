"""A choice problem made smaller without loss: nodes with at most two neighbours are decided by theirs."""

from collections.abc import Collection, Sequence

import numpy as np

from autopart.search.choices import ChoiceProblem, Edge, Floats, Numbers, joined


class Elimination:
    """What is left of a problem, and how the answer for that becomes one for all.

    The least cost of a node beside each pair of options of its two neighbours is an edge between these, beside each
    option of its one neighbour a cost of that (the reductions R0, RI and RII of partitioned boolean quadratic
    problems; Scholz and Eckstein 2002). What is left has a core of nodes with three neighbours or more, and
    nodes in `keep`. Attributes: `costs`, of the nodes left; `edges`, left, by their ends; `constant`, what the
    nodes decided without a neighbour cost.
    """

    def __init__(self, problem: ChoiceProblem, keep: Collection[int] = ()) -> None:
        self.costs = dict(enumerate(problem.nodes))
        self.constant = 0.0
        self._beside: dict[int, dict[int, Edge]] = {node: {} for node in self.costs}
        self._decided: list[tuple[int, Floats, tuple[Edge, ...]]] = []
        for edge in problem.edges:
            self._add(edge)
        kept = frozenset(keep)
        waiting = sorted(self.costs, reverse=True)
        while waiting:
            node = waiting.pop()
            if node in self.costs and node not in kept and len(self._beside[node]) <= 2:
                waiting.extend(self._decide(node))

    @property
    def edges(self) -> list[Edge]:
        """The edges that are left, each once."""
        return [edge for node, found in self._beside.items() for other, edge in found.items() if node < other]

    def completed(self, choice: dict[int, int]) -> tuple[int, ...]:
        """Return one option for every node, of options for those that are left."""
        options = dict(choice)
        for node, costs, edges in reversed(self._decided):
            total = costs
            for edge in edges:
                total = total + edge.costs[:, edge.column_of[options[edge.second]]][edge.row_of]
            options[node] = int(total.argmin())
        return tuple(options[node] for node in range(len(options)))

    def _add(self, edge: Edge) -> None:
        known = self._beside[edge.first].get(edge.second)
        whole = edge if known is None else joined(known, edge)
        self._beside[edge.first][edge.second] = whole
        self._beside[edge.second][edge.first] = whole.turned()

    def _decide(self, node: int) -> list[int]:
        """Take a node out; return its neighbours."""
        edges = tuple(self._beside.pop(node).values())
        costs = self.costs.pop(node)
        self._decided.append((node, costs, edges))
        for edge in edges:
            del self._beside[edge.second][node]
        if not edges:
            self.constant += float(costs.min())
        elif len(edges) == 1:
            [edge] = edges
            least = (edge.costs[edge.row_of] + costs[:, None]).min(0)
            self.costs[edge.second] = self.costs[edge.second] + least[edge.column_of]
        else:
            self._add(_bridge(costs, *edges))
        return [edge.second for edge in edges]


def _bridge(costs: Floats, one: Edge, other: Edge) -> Edge:
    """Return the edge between the neighbours of a node that is taken out."""
    classes, least = _distinct(costs, [one.row_of, other.row_of])
    here, there = one.costs[classes[0]] + least[:, None], other.costs[classes[1]]
    total = np.full((here.shape[1], there.shape[1]), np.inf)
    for option in range(len(least)):
        np.minimum(total, here[option][:, None] + there[option], out=total)
    return Edge(one.second, other.second, total, one.column_of, other.column_of)


def _distinct(costs: Floats, classes: Sequence[Numbers]) -> tuple[Numbers, Floats]:
    """Return the combinations of classes of a node's options, int64[len(classes), found], and their least costs."""
    found, which = np.unique(np.stack(classes), axis=1, return_inverse=True)
    least = np.full(found.shape[1], np.inf)
    np.minimum.at(least, which.ravel(), costs)
    return found, least
