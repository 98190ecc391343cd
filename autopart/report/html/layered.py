"""Places for the nodes of a dataflow graph: rank under rank, few crossings, edges that go around nodes.

After Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures" (1981): ranks by
longest path, long edges cut by points, orders by barycentres of neighbours, then positions pulled to neighbours.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import networkx as nx

Point: TypeAlias = tuple[float, float]
Node: TypeAlias = Hashable

_SWEEPS = 8
_GAP = 14.0
_POINT_WIDTH = 4.0


@dataclass(frozen=True)
class Placed:
    """Where nodes and edges lie.

    Attributes:
        places: node -> its centre.
        routes: edge -> the points that it goes through, from the upper node's centre to the lower one's.
        width, height: of all of it.
    """

    places: Mapping[Node, Point]
    routes: Mapping[tuple[Node, Node], tuple[Point, ...]]
    width: float
    height: float


def placed(widths: Mapping[Node, float], edges: Iterable[tuple[Node, Node]], row_height: float) -> Placed:
    """Places for nodes of given widths.

    Args:
        widths: of every node, those first that should stand to the left.
        edges: (from, to), without circles.
        row_height: from rank to rank.
    """
    graph: nx.DiGraph[Node] = nx.DiGraph()
    graph.add_nodes_from(widths)
    graph.add_edges_from(edges)
    rank = _ranks(graph)
    cut, chains = _cut(graph, rank)
    wide = {node: widths.get(node, _POINT_WIDTH) for node in cut}
    rows = _ordered(cut, rank | {node: node[2] for node in cut if isinstance(node, tuple) and node not in rank})
    across = _positions(cut, rows, wide)
    left = min(across[node] - wide[node] / 2 for node in cut)
    places = {node: (across[node] - left, (row + 0.5) * row_height) for row, some in enumerate(rows) for node in some}
    width = max(x + wide[node] / 2 for node, (x, _) in places.items())
    routes = {edge: tuple(places[node] for node in chain) for edge, chain in chains.items()}
    return Placed({node: places[node] for node in widths}, routes, width, len(rows) * row_height)


def _ranks(graph: nx.DiGraph[Node]) -> dict[Node, int]:
    """The longest way to each node from above; then down to its readers, where edges get no longer on the whole."""
    rank: dict[Node, int] = {}
    order = list(nx.topological_sort(graph))
    for node in order:
        rank[node] = max((rank[above] + 1 for above in graph.predecessors(node)), default=0)
    for node in reversed(order):
        if graph.out_degree(node) and graph.in_degree(node) <= graph.out_degree(node):
            rank[node] = min(rank[below] for below in graph.successors(node)) - 1
    least = min(rank.values(), default=0)
    return {node: row - least for node, row in rank.items()}


def _cut(
    graph: nx.DiGraph[Node], rank: Mapping[Node, int]
) -> tuple[nx.DiGraph[Node], dict[tuple[Node, Node], tuple[Node, ...]]]:
    """The graph with edges from rank to rank only, and for each edge what it was cut into; points are tuples."""
    cut: nx.DiGraph[Node] = nx.DiGraph()
    cut.add_nodes_from(graph)
    chains = {}
    for above, below in graph.edges:
        between = [(above, below, row) for row in range(rank[above] + 1, rank[below])]
        chains[above, below] = (above, *between, below)
        nx.add_path(cut, chains[above, below])
    return cut, chains


def _ordered(graph: nx.DiGraph[Node], rank: Mapping[Node, int]) -> list[list[Node]]:
    """The nodes of each rank from left to right."""
    rows: list[list[Node]] = [[] for _ in range(max(rank.values(), default=0) + 1)]
    for node in nx.dfs_preorder_nodes(graph.to_undirected()) if nx.is_weakly_connected(graph) else graph:
        rows[rank[node]].append(node)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        places = {node: float(place) for row in rows for place, node in enumerate(row)}
        for row in rows if down else reversed(rows):
            near = {node: list(graph.predecessors(node) if down else graph.successors(node)) for node in row}
            middle = {node: _mean([places[n] for n in some], places[node]) for node, some in near.items()}
            row.sort(key=middle.__getitem__)
            places |= {node: float(place) for place, node in enumerate(row)}
    return rows


def _positions(
    graph: nx.DiGraph[Node], rows: Sequence[Sequence[Node]], wide: Mapping[Node, float]
) -> dict[Node, float]:
    """The middle of each node, left to right in its row: near those of its neighbours, none over another."""
    across: dict[Node, float] = {}
    for row in rows:
        across |= _spread(row, dict.fromkeys(row, 0.0), wide)
    for sweep in range(2 * _SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            near = {node: [*graph.predecessors(node), *graph.successors(node)] if sweep > _SWEEPS else
                    list(graph.predecessors(node) if down else graph.successors(node)) for node in row}  # fmt: skip
            across |= _spread(row, {n: _mean([across[m] for m in some], across[n]) for n, some in near.items()}, wide)
    return across


def _spread(row: Sequence[Node], wanted: Mapping[Node, float], wide: Mapping[Node, float]) -> dict[Node, float]:
    """The middle between the leftmost and the rightmost places that keep nodes apart and are not before their wish."""
    apart = [(wide[one] + wide[other]) / 2 + _GAP for one, other in pairwise(row)]
    right = [wanted[node] for node in row]
    left = right.copy()
    for place, gap in enumerate(apart):
        right[place + 1] = max(right[place + 1], right[place] + gap)
    for place, gap in reversed(list(enumerate(apart))):
        left[place] = min(left[place], left[place + 1] - gap)
    return {node: (a + b) / 2 for node, a, b in zip(row, left, right, strict=True)}


def _mean(numbers: Sequence[float], otherwise: float) -> float:
    return sum(numbers) / len(numbers) if numbers else otherwise
