"""The search graph: values from children, shared nodes, and exhaustion."""

import numpy as np
import pytest

from autopart.search import SearchGraph
from autopart.search.graph import Node


def _graph(values: dict[int, float], edges: dict[int, list[int]]) -> SearchGraph:
    """Return a graph with root 0, where action a is edge a."""
    graph = SearchGraph(0)
    for key, value in values.items():
        graph.add(key, (value,), value)
    for key, children in edges.items():
        count = len(children)
        graph.expand(graph.nodes[key], range(count), np.full(count, 1.0 / max(count, 1)))
        for edge, child in enumerate(children):
            assert graph.link(graph.nodes[key], edge, graph.nodes[child])
    return graph


def _path(graph: SearchGraph, *steps: tuple[int, int]) -> list[tuple[Node, int]]:
    return [(graph.nodes[key], edge) for key, edge in steps]


def test_backup_weighs_children_by_edge_visits() -> None:
    graph = _graph({0: 0.5, 1: 0.2, 2: 0.8}, {0: [1, 2]})
    assert (graph.root.visits, graph.root.mean, graph.root.best) == (1, 0.5, 0.5)
    graph.backup(_path(graph, (0, 0)))
    assert graph.root.mean == pytest.approx((0.5 + 0.2) / 2)
    graph.backup(_path(graph, (0, 1)))
    graph.backup(_path(graph, (0, 1)))
    assert graph.root.visits == 4
    assert graph.root.mean == pytest.approx((0.5 + 0.2 + 2 * 0.8) / 4)
    assert graph.root.best == 0.8


def test_a_shared_child_informs_every_parent_by_that_parents_own_visits() -> None:
    # 0 -> 1 -> 3 and 0 -> 2 -> 3 -> 4: what is found below 3 by way of 1 is news for 2 as well.
    graph = _graph({0: 0.1, 1: 0.2, 2: 0.3, 3: 0.4, 4: 1.0}, {0: [1, 2], 1: [3], 2: [3], 3: [4]})
    graph.backup(_path(graph, (0, 1), (2, 0)))
    assert graph.nodes[2].mean == pytest.approx((0.3 + 0.4) / 2)
    graph.backup(_path(graph, (0, 0), (1, 0), (3, 0)))
    three = (0.4 + 1.0) / 2
    assert graph.nodes[3].mean == pytest.approx(three)
    assert graph.nodes[1].mean == pytest.approx((0.2 + three) / 2)
    assert graph.nodes[2].child_mean[0] == pytest.approx(three)
    assert graph.nodes[2].visits == 2
    graph.backup(_path(graph, (0, 1), (2, 0)))
    assert graph.nodes[2].mean == pytest.approx((0.3 + 2 * three) / 3)
    assert graph.root.best == 1.0


def test_an_edge_is_linked_once() -> None:
    graph = _graph({0: 0.5, 1: 0.2}, {0: [1]})
    assert not graph.link(graph.root, 0, graph.nodes[1])
    assert graph.nodes[1].parents == [(0, 0)]


def test_exhaustion_climbs_to_every_parent() -> None:
    graph = _graph({0: 0.5, 1: 0.5, 2: 0.5, 3: 0.5}, {0: [1, 2], 1: [3], 2: [3]})
    graph.expand(graph.nodes[3], [], np.zeros(0))
    assert all(node.exhausted for node in graph.nodes.values())
    assert not graph.root.is_open.any()


def test_a_node_with_an_open_edge_is_not_exhausted() -> None:
    graph = _graph({0: 0.5, 1: 0.5, 2: 0.5}, {0: [1, 2]})
    graph.expand(graph.nodes[1], [], np.zeros(0))
    assert graph.nodes[1].exhausted
    assert not graph.root.exhausted
    assert graph.root.is_open.tolist() == [False, True]
    graph.close(graph.root, 1)
    assert graph.root.exhausted


def test_a_link_to_an_exhausted_node_is_closed_at_once() -> None:
    graph = _graph({0: 0.5, 1: 0.5, 2: 0.5}, {0: [1]})
    graph.expand(graph.nodes[1], [], np.zeros(0))
    graph.expand(graph.nodes[2], [0, 1], np.full(2, 0.5))
    graph.link(graph.nodes[2], 1, graph.nodes[1])
    assert graph.nodes[2].is_open.tolist() == [True, False]


def test_links_teach_what_an_action_gains() -> None:
    graph = _graph({0: 0.5, 1: 0.2, 2: 0.8}, {0: [1, 2]})
    np.testing.assert_allclose(graph.gains.expected([0, 1]), [-0.3, 0.3])
