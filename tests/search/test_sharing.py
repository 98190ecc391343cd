"""What is merged does not depend on what came first, and nobody's news count twice."""

from __future__ import annotations

import time
from itertools import permutations

import numpy as np

from autopart.search import MCTS, Budget, Goals, Minimise
from autopart.search.graph import SearchGraph
from autopart.search.sharing import Roots, RootStatistics, SharedRoot, merged
from tests.search.games import ChainOfGroups


def statistics(seed: int, edges: int = 5) -> RootStatistics:
    rng = np.random.default_rng(seed)
    return RootStatistics(
        rng.integers(0, 9, edges), rng.random(edges), rng.random(edges), rng.random(edges) < 0.8
    )  # fmt: skip


def same(one: RootStatistics | None, other: RootStatistics | None) -> bool:
    assert one is not None
    assert other is not None
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_order_leaves_no_mark() -> None:
    each = {number: statistics(number) for number in range(4)}
    wanted = merged(each)
    assert all(same(merged({number: each[number] for number in order}), wanted) for order in permutations(each))
    assert merged({}) is None
    assert same(merged({3: each[3]}), each[3]._replace(mean=np.where(each[3].visits > 0, each[3].mean, 0.0)))


def test_sums_are_of_visits_and_means_are_weighted_by_them() -> None:
    ones, opened = np.ones(2), np.array([True, True])
    first = RootStatistics(np.array([1, 0]), 0.2 * ones, 0.3 * ones, opened)
    second = RootStatistics(np.array([3, 0]), 0.6 * ones, 0.9 * ones, np.array([True, False]))
    both = merged({0: first, 1: second})
    assert both is not None
    assert both.visits.tolist() == [4, 0]
    np.testing.assert_allclose(both.mean, [0.5, 0.0])
    assert both.best.tolist() == [0.9, 0.9]
    assert both.is_open.tolist() == [True, False]


def test_a_searcher_is_told_of_the_others_only() -> None:
    roots = Roots(period_s=1.0)
    assert roots.others(0, 0.0) is None
    for number in range(3):
        roots.take(number, statistics(number))
    assert roots.others(1, 0.5) is None  # The sum is not taken anew so soon.
    found, wanted = roots.others(1, 1.5), merged({0: statistics(0), 2: statistics(2)})
    assert found is not None
    assert wanted is not None
    assert found.visits.tolist() == wanted.visits.tolist()
    np.testing.assert_allclose(found.mean, wanted.mean)
    assert same(roots.others(9, 1.6), merged({number: statistics(number) for number in range(3)}))
    alone = Roots(period_s=1.0)
    alone.take(4, statistics(4))
    assert alone.others(4, 0.0) is None
    assert same(alone.all(), merged({4: statistics(4)}))


def searched_graph() -> SearchGraph:
    game = ChainOfGroups(seed=5, groups=3, size=4).game()
    return (
        MCTS(seed=2, clock=time.perf_counter).run(game, Goals([Minimise("time")], game.metric_names), Budget(80)).graph
    )


def test_what_others_know_is_blended_and_not_reported_as_ones_own() -> None:
    graph = searched_graph()
    shared, visits = SharedRoot(graph), graph.root.edge_visits.copy()
    own = shared.own()
    assert own is not None
    assert own.visits.tolist() == visits.tolist()
    edges = len(visits)
    others = statistics(7, edges)._replace(is_open=np.arange(edges) != 0)
    for _ in range(2):
        shared.merge(others)
        assert graph.root.edge_visits.tolist() == (visits + others.visits).tolist()
        again = shared.own()
        assert again is not None
        assert again.visits.tolist() == visits.tolist()
        np.testing.assert_array_equal(again.mean, own.mean)
    assert not graph.root.is_open[0]
    tried = int(visits.argmax())
    low, high = sorted([own.mean[tried], others.mean[tried]])
    assert low <= graph.root.child_mean[tried] <= high


def test_a_root_without_edges_has_nothing_to_tell() -> None:
    graph = SearchGraph(3)
    graph.add(3, (1.0,), 0.5)
    shared = SharedRoot(graph)
    assert shared.own() is None
    shared.merge(statistics(1))
    assert graph.root.edge_visits.tolist() == []
