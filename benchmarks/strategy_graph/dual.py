"""The same sums written with other costs, of which the least ones say how low a sum can be."""

from __future__ import annotations

import numpy as np

from autopart.benchmarks.strategy_graph.document import Edge, StrategyGraph

_PASSES = 200
_TOLERANCE = 1e-5


def reparametrised(graph: StrategyGraph) -> tuple[StrategyGraph, float]:
    """Moves costs between edges and nodes, all choices keeping their sums; returns the graph and a lower bound.

    The bound is the sum of the least cost of each node and edge. Each step takes an edge's costs together with those
    of its ends and shares out what the least ones allow (max-product linear programming, Globerson and Jaakkola
    2007): it never lowers the bound, whose limit is at most the linear relaxation's. Costs may become
    negative. It ends after 200 passes over the edges, or when one raises the bound by less than 1e-5 of it.
    """
    nodes = [costs.copy() for costs in graph.nodes]
    edges = [edge.costs.copy() for edge in graph.edges]
    bound = -np.inf
    for _ in range(_PASSES):
        for place, edge in enumerate(graph.edges):
            whole = edges[place] + nodes[edge.first][:, None] + nodes[edge.second]
            nodes[edge.first] = whole.min(1) / 2
            nodes[edge.second] = whole.min(0) / 2
            edges[place] = whole - nodes[edge.first][:, None] - nodes[edge.second]
        before, bound = bound, float(sum(costs.min() for costs in (*nodes, *edges)))
        if bound - before <= _TOLERANCE * abs(bound):
            break
    moved = tuple(Edge(e.first, e.second, costs) for e, costs in zip(graph.edges, edges, strict=True))
    return StrategyGraph(tuple(nodes), moved), bound
