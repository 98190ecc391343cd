"""Places of nodes: ranks go down, nothing lies over anything, edges go around what is between."""

from __future__ import annotations

import random
from itertools import combinations, pairwise

import pytest

from autopart.report.html.layered import Node, placed

ROW = 30.0


def graph(seed: int) -> tuple[dict[Node, float], list[tuple[Node, Node]]]:
    """A random graph without circles."""
    rng = random.Random(seed)
    count = rng.randint(2, 30)
    widths: dict[Node, float] = {node: rng.uniform(10, 200) for node in range(count)}
    edges: dict[tuple[Node, Node], None] = {}
    for node in range(1, count):
        for _ in range(rng.randint(0, 3)):
            edges[rng.randrange(node), node] = None
    return widths, list(edges)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_lies_over_anything_and_edges_go_down(seed: int) -> None:
    widths, edges = graph(seed)
    found = placed(widths, edges, ROW)
    assert set(found.places) == set(widths)
    for one, other in combinations(widths, 2):
        (x1, y1), (x2, y2) = found.places[one], found.places[other]
        assert y1 != y2 or abs(x1 - x2) >= (widths[one] + widths[other]) / 2
    for edge in edges:
        route = found.routes[edge]
        assert (route[0], route[-1]) == (found.places[edge[0]], found.places[edge[1]])
        assert all(below[1] - above[1] == pytest.approx(ROW) for above, below in pairwise(route))
    for node, (x, y) in found.places.items():
        assert widths[node] / 2 - 1e-6 <= x <= found.width - widths[node] / 2 + 1e-6
        assert 0 < y < found.height
        for edge in edges:  # No edge runs through a node.
            for point in found.routes[edge][1:-1]:
                assert point[1] != y or abs(point[0] - x) > widths[node] / 2


def test_what_is_read_late_stands_near_its_reader() -> None:
    chain: list[tuple[Node, Node]] = [(n, n + 1) for n in range(6)]
    found = placed(dict.fromkeys([*range(7), "weight"], 20.0), [*chain, ("weight", 6)], ROW)
    assert found.places["weight"][1] == found.places[5][1]


def test_an_order_without_crossings_is_found() -> None:
    edges: list[tuple[Node, Node]] = [("a", "y"), ("b", "x"), ("top", "a"), ("top", "b")]
    places = placed(dict.fromkeys(["top", "a", "b", "x", "y"], 20.0), edges, ROW).places
    assert (places["a"][0] < places["b"][0]) == (places["y"][0] < places["x"][0])
