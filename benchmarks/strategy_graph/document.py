"""A strategy graph and its JSON document."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from autopart.search import ChoiceProblem
from autopart.search import Edge as ClassedEdge

Floats: TypeAlias = npt.NDArray[np.float64]


class DocumentError(Exception):
    """The document is no strategy graph; the message says where."""


@dataclass(frozen=True, eq=False)
class Edge:
    """The cost f64[options of first, options of second] of each pair of options of two nodes."""

    first: int
    second: int
    costs: Floats


@dataclass(frozen=True, eq=False)
class StrategyGraph:
    """The cost f64[options] of each option of each node, and the edges: at most one between two nodes."""

    nodes: tuple[Floats, ...]
    edges: tuple[Edge, ...]

    def cost(self, choice: Sequence[int]) -> float:
        """The sum over nodes and edges for one option a node."""
        own = sum(float(costs[option]) for costs, option in zip(self.nodes, choice, strict=True))
        return own + sum(float(edge.costs[choice[edge.first], choice[edge.second]]) for edge in self.edges)

    def tables(self) -> ChoiceProblem:
        """The graph as ``search`` takes it: its sum is the metric ``cost``."""
        edges = tuple(ClassedEdge.full(edge.first, edge.second, edge.costs) for edge in self.edges)
        return ChoiceProblem("cost", self.nodes, edges, exact=True)


def read(path: Path) -> StrategyGraph:
    """Reads ``{"nodes": [[cost of each option], ...], "edges": [[i, j, [[cost]]], ...]}``; other keys are left alone.

    Costs are numbers >= 0. Edges between the same two nodes are added up.

    Raises:
        DocumentError: it cannot be read, or is not of this form.
    """
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DocumentError(f"{path}: {error}") from error
    if not isinstance(document, dict) or not all(isinstance(document.get(key), list) for key in ("nodes", "edges")):
        raise DocumentError(f'{path}: must be an object with lists "nodes" and "edges"')
    if not document["nodes"]:
        raise DocumentError(f"{path}: there are no nodes")
    nodes = tuple(_costs(row, 1, f"nodes[{i}]") for i, row in enumerate(document["nodes"]))
    costs: dict[tuple[int, int], Floats] = {}
    for place, row in enumerate(document["edges"]):
        first, second, added = _edge(row, nodes, f"edges[{place}]")
        if first > second:
            first, second, added = second, first, added.T
        costs[first, second] = costs[first, second] + added if (first, second) in costs else added
    return StrategyGraph(nodes, tuple(Edge(*ends, costs[ends]) for ends in sorted(costs)))


def _edge(row: Any, nodes: Sequence[Floats], where: str) -> tuple[int, int, Floats]:
    if not isinstance(row, list) or len(row) != 3:
        raise DocumentError(f"{where}: must be [i, j, [[cost]]]")
    first, second, table = row
    for end in (first, second):
        if isinstance(end, bool) or not isinstance(end, int) or not 0 <= end < len(nodes):
            raise DocumentError(f"{where}: {end!r} is no node; they are numbered from 0 to {len(nodes) - 1}")
    if first == second:
        raise DocumentError(f"{where}: joins node {first} to itself")
    costs = _costs(table, 2, where)
    expected = (len(nodes[first]), len(nodes[second]))
    if costs.shape != expected:
        raise DocumentError(f"{where}: costs of shape {costs.shape}, but the nodes have {expected} options")
    return first, second, costs


def _costs(raw: Any, dimensions: int, where: str) -> Floats:
    try:
        costs = np.array(raw, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DocumentError(f"{where}: costs must be numbers in rows of one length") from error
    if costs.ndim != dimensions or not costs.size:
        raise DocumentError(f"{where}: must be a list of costs{' of lists' if dimensions == 2 else ''}, not empty")
    wrong = costs[~(np.isfinite(costs) & (costs >= 0))]
    if wrong.size:
        raise DocumentError(f"{where}: a cost of {wrong[0]}; costs must be finite and at least 0")
    return costs


def write(graph: StrategyGraph, path: Path) -> None:
    """Writes the document that `read` reads."""
    nodes = ",\n  ".join(json.dumps(costs.tolist()) for costs in graph.nodes)
    edges = ",\n  ".join(json.dumps([edge.first, edge.second, edge.costs.tolist()]) for edge in graph.edges)
    path.write_text(f'{{"nodes": [\n  {nodes}],\n "edges": [\n  {edges}]}}\n')
