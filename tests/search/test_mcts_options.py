"""Options of MCTS: a Gumbel root, widening, restarts."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from autopart.search import MCTS, Budget, Gains, Goals, Minimise, Node, RandomSearch, StopReason
from autopart.search.gumbel import GumbelRoot
from autopart.search.widening import widened
from tests.search.games import ChainOfGroups, TableGame

GOALS = Goals([Minimise("cost")], ("cost",))


def _node(count: int, visits: dict[int, int] | None = None, values: dict[int, float] | None = None) -> Node:
    node = Node(key=0, metrics=(1.0,), own=0.0, mean=0.0, best=0.0, expanded=True)
    node.actions = tuple(range(count))
    node.priors = np.full(count, 1 / count)
    node.edge_visits = np.array([(visits or {}).get(edge, 0) for edge in range(count)])
    node.child_mean = node.child_best = np.array([(values or {}).get(edge, 0.0) for edge in range(count)])
    node.is_open = np.ones(count, np.bool_)
    return node


def test_halving_gives_each_phase_as_many_descents_and_the_better_half_goes_on() -> None:
    node = _node(8, dict.fromkeys(range(8), 1), {edge: edge / 8 for edge in range(8)})
    halving = GumbelRoot(np.random.default_rng(0), considered=8, max_weight=0.5, scale=1e6)
    drawn = [halving.edge(node, Gains()) for _ in range(32)]
    phases = [Counter(drawn[8 * phase : 8 * phase + 8]) for phase in range(4)]
    assert phases[0] == dict.fromkeys(range(8), 1)
    assert phases[1] == dict.fromkeys(range(4, 8), 2)
    assert phases[2] == {6: 4, 7: 4}
    assert phases[3] == {7: 8}
    assert Counter(halving.edge(node, Gains()) for _ in range(16)) == dict.fromkeys(range(8), 2)


def test_halving_considers_few_of_many_and_never_a_closed_one() -> None:
    node = _node(100)
    halving = GumbelRoot(np.random.default_rng(0), considered=4, max_weight=0.5)
    first = [halving.edge(node, Gains()) for _ in range(2)]
    node.is_open[:] = False
    node.is_open[[3, first[0]]] = True
    assert {halving.edge(node, Gains()) for _ in range(40)} == {3, first[0]}


def test_widening_opens_the_most_promising_first_and_all_in_the_end() -> None:
    gains = Gains()
    for action, gain in enumerate([0.0, 0.3, 0.1, 0.2]):
        gains.note(action, gain)
    assert widened(_node(4), gains, rate=1.0).tolist() == [1]
    assert widened(_node(4, {2: 3}), gains, rate=1.0).tolist() == [2, 1]
    assert widened(_node(4, {2: 15}), gains, rate=1.0).tolist() == [0, 1, 2, 3]


def test_widening_narrows_the_search() -> None:
    def root_edges(widening: float | None) -> int:
        game = ChainOfGroups(1, groups=6, size=5).game()
        strategy = MCTS(widening=widening, rollout_depth=0)
        result = strategy.run(game, Goals([Minimise("time")], game.metric_names), Budget(simulations=60))
        return int(np.count_nonzero(result.graph.root.edge_visits))

    assert root_edges(1.0) <= 8 < root_edges(None)


def test_a_restart_goes_on_from_the_best() -> None:
    # A fan of dull states at the root; the best way is a line behind action 0.
    moves = {0: {action: action + 1 for action in range(40)}, **{1: {0: 100}, 100: {0: 101}, 101: {0: 102}}}
    costs = {0: 9.0, 1: 5.0, 100: 4.9, 101: 4.8, 102: 1.0} | dict.fromkeys(range(2, 41), 8.0)
    game = TableGame(moves, {state: (cost,) for state, cost in costs.items()})

    def needed(restart_after: int | None) -> int:
        strategy = MCTS(exploration=50.0, rollout_depth=0, restart_after=restart_after)
        result = strategy.run(game, GOALS, Budget(simulations=100), seeds=[[0]])
        assert result.stop is StopReason.EXHAUSTED
        return result.improvements[-1].simulation

    assert needed(restart_after=1) < 12 < needed(restart_after=None)


@pytest.mark.parametrize("options", [{"root": "gumbel"}, {"widening": 2.0}, {"restart_after": 50}], ids=str)
def test_with_each_option_it_beats_random_search(options: dict[str, Any]) -> None:
    for seed in range(3):
        game = ChainOfGroups(seed, groups=6, size=5).game()
        goals = Goals([Minimise("time")], game.metric_names)
        found, drawn = (
            strategy.run(game, goals, Budget(simulations=300))
            for strategy in (MCTS(seed=seed, **options), RandomSearch(seed=seed))
        )
        assert found.best_metrics[1] < drawn.best_metrics[1]
