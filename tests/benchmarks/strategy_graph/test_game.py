"""The game: figures and keys after any steps, all choices in reach, bounds that hold."""

from itertools import product

import numpy as np
import pytest

from autopart.benchmarks.strategy_graph.document import StrategyGraph
from autopart.benchmarks.strategy_graph.dual import reparametrised
from autopart.benchmarks.strategy_graph.game import StrategyGame
from autopart.benchmarks.strategy_graph.generate import generate
from autopart.benchmarks.strategy_graph.sequential import SequentialGame
from autopart.search import Budget, Goals, Minimise, StopReason, make_strategy


def _games(graph: StrategyGraph) -> list[StrategyGame]:
    start = [0] * len(graph.nodes)
    return [StrategyGame(graph, start), SequentialGame(graph, start, reparametrised(graph)[0])]


@pytest.mark.parametrize("seed", range(3))
def test_steps_and_undo_keep_cost_key_and_conditional_costs(seed: int) -> None:
    graph = generate(12, 3, 0.3, seed)
    rng = np.random.default_rng(seed)
    for game in _games(graph):
        before = (game.choice.copy(), [row.copy() for row in game.rows], game.key(), game.metrics())
        depth = 0
        while len(game.actions()) and depth < 8:
            game.apply(int(rng.choice(game.actions())))
            depth += 1
            assert game.metrics() == (graph.cost(game.choice),)
            assert game.rows == [game._conditional(node) for node in range(12)]
        for _ in range(depth):
            game.undo()
        assert (game.choice, game.rows, game.key(), game.metrics()) == before


@pytest.mark.parametrize("seed", range(3))
def test_either_game_exhausted_proves_the_optimum(seed: int) -> None:
    graph = generate(4, 3, 0.5, seed)
    optimum = min(graph.cost(choice) for choice in product(range(3), repeat=4))
    for game in _games(graph):
        result = make_strategy("exhaustive").run(game, Goals([Minimise("cost")], ("cost",)), Budget(100_000))
        assert result.stop is StopReason.EXHAUSTED
        assert result.best_metrics == (optimum,)


@pytest.mark.parametrize("seed", range(3))
def test_no_choice_with_the_same_pins_is_below_the_bound(seed: int) -> None:
    graph = generate(5, 3, 0.5, seed)
    moved, bound = reparametrised(graph)
    game = SequentialGame(graph, [0] * 5, moved)
    costs = {choice: graph.cost(choice) for choice in product(range(3), repeat=5)}
    assert bound <= min(costs.values()) * (1 + 1e-9)
    for choice, cost in costs.items():
        assert moved.cost(choice) == pytest.approx(cost)
    while game.actions():
        game.apply(game.actions()[-1])
        least = min(
            cost
            for choice, cost in costs.items()
            if all(choice[node] == game.choice[node] for node in range(5) if game.pinned[node])
        )
        assert game.lower_bounds()[0] <= least * (1 + 1e-9)
    assert game.lower_bounds()[0] == pytest.approx(graph.cost(game.choice))
