"""Gains, and the choice among open edges."""

from collections import Counter

import numpy as np
import pytest

from autopart.search import Gains, Node
from autopart.search.choice import prior_edge, promising_edge, puct_edge


def _node(
    priors: list[float],
    visits: list[int],
    values: list[float],
    own: float = 0.5,
    closed: tuple[int, ...] = (),
) -> Node:
    """Return a node whose children are worth `values`, mean and best; action 10 + i is edge i."""
    node = Node(key=0, metrics=(1.0,), own=own, mean=own, best=own, expanded=True)
    node.actions = tuple(range(10, 10 + len(priors)))
    node.children = [None] * len(priors)
    node.priors = np.array(priors)
    node.edge_visits = np.array(visits)
    node.child_mean = np.array(values)
    node.child_best = np.array(values)
    node.is_open = np.array([edge not in closed for edge in range(len(priors))])
    return node


def _puct(node: Node, gains: Gains, exploration: float = 0.4, seed: int = 0) -> int:
    return puct_edge(node, gains, np.random.default_rng(seed), exploration, max_weight=0.5)


def test_gains_average_first_and_then_follow_the_latest() -> None:
    gains = Gains(rate=0.5)
    for gain in (0.2, 0.4, 0.7):
        gains.note(7, gain)
    # 0.2; (0.2 + 0.4) / 2 = 0.3; then by the rate 0.3 + 0.5 (0.7 - 0.3) = 0.5, not the mean, 0.43.
    np.testing.assert_allclose(gains.expected([7]), [0.5])


def test_an_action_never_tried_is_thought_as_good_as_the_best_known() -> None:
    gains = Gains()
    np.testing.assert_array_equal(gains.expected([1, 2]), [0.0, 0.0])
    gains.note(1, -0.2)
    np.testing.assert_allclose(gains.expected([1, 2]), [-0.2, -0.2])
    gains.note(3, 0.1)
    np.testing.assert_allclose(gains.expected([1, 2, 3]), [-0.2, 0.1, 0.1])
    assert gains.expected([]).shape == (0,)


def test_puct_prefers_the_better_child() -> None:
    assert _puct(_node([0.5, 0.5], [3, 3], [0.4, 0.6]), Gains()) == 1


def test_puct_tries_the_prior_first_among_equals() -> None:
    assert _puct(_node([0.2, 0.5, 0.3], [0, 0, 0], [0.0, 0.0, 0.0]), Gains()) == 1


def test_puct_tries_what_gained_elsewhere() -> None:
    gains = Gains()
    gains.note(10, 0.0)
    gains.note(11, 0.3)
    gains.note(12, 0.1)
    assert _puct(_node([1 / 3] * 3, [0, 0, 0], [0.0, 0.0, 0.0]), gains) == 1


def test_puct_comes_back_to_what_it_neglected() -> None:
    # Scaled Q is 1 and 0, so U must differ by more than 1: 0.4 sqrt(2 N) / 2 > 1 from N = 13 on, about.
    def chosen(visits: int) -> int:
        node = _node([0.5, 0.5], [visits, 0], [0.6, 0.0])
        gains = Gains()
        gains.note(11, -0.1)
        return _puct(node, gains)

    assert [chosen(visits) for visits in (2, 8, 30)] == [0, 0, 1]


def test_puct_by_hand() -> None:
    # N = 1 + 2 + 1 = 4, A = 2, here = 0.5. Q = 0.9 and 0.6, scaled by (Q - 0.5) / 0.4 to 1 and 0.25.
    # U = c sqrt(2 * 4) / 2 / (1 + n) = c * 0.4714 and c * 0.7071: equal sums at c = 0.75 / 0.2357 = 3.182.
    node = _node([0.5, 0.5], [2, 1], [0.9, 0.6])
    assert _puct(node, Gains(), exploration=3.17) == 0
    assert _puct(node, Gains(), exploration=3.19) == 1


def test_ties_are_drawn() -> None:
    node = _node([0.25] * 4, [0] * 4, [0.0] * 4)
    assert {_puct(node, Gains(), seed=seed) for seed in range(40)} == {0, 1, 2, 3}


def test_closed_edges_are_never_chosen() -> None:
    node = _node([0.25] * 4, [0] * 4, [0.0] * 4, closed=(0, 2))
    rng = np.random.default_rng(0)
    for _ in range(50):
        assert _puct(node, Gains(), seed=int(rng.integers(1000))) in (1, 3)
        assert prior_edge(node, rng) in (1, 3)
        assert promising_edge(node, Gains(), rng, temperature=0.5) in (1, 3)


def test_prior_edge_draws_by_the_prior() -> None:
    rng = np.random.default_rng(0)
    node = _node([0.1, 0.6, 0.3], [0] * 3, [0.0] * 3)
    drawn = Counter(prior_edge(node, rng) for _ in range(5000))
    assert [drawn[edge] / 5000 for edge in range(3)] == pytest.approx([0.1, 0.6, 0.3], abs=0.03)


def test_promising_edge_draws_by_prior_and_gain() -> None:
    # Gains -0.1 and 0.1 deviate by 0.1 from their mean; at temperature 1 the odds are e^2 times the prior's.
    gains = Gains()
    gains.note(10, -0.1)
    gains.note(11, 0.1)
    node = _node([0.8, 0.2], [0, 0], [0.0, 0.0])
    rng = np.random.default_rng(0)
    drawn = Counter(promising_edge(node, gains, rng, temperature=1.0) for _ in range(5000))
    odds = 0.2 / 0.8 * np.exp(2.0)
    assert drawn[1] / 5000 == pytest.approx(odds / (1 + odds), abs=0.03)
