"""Strategies by name, their settings, and that each searches as its name says."""

from typing import Any

import pytest

from autopart.search import (
    STRATEGIES,
    AtMost,
    Budget,
    Goals,
    Minimise,
    SearchError,
    StaticPrior,
    StopReason,
    UniformPrior,
    make_strategy,
)
from tests.search.games import ChainOfGroups, TableGame

GOALS = Goals([Minimise("cost")], ("cost",))


def _line(costs: list[float]) -> TableGame:
    moves = {state: {1: state + 1} for state in range(len(costs) - 1)}
    return TableGame(moves, {state: (cost,) for state, cost in enumerate(costs)})


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_name_gives_its_strategy_with_seed_and_prior(name: str) -> None:
    prior = StaticPrior(float)
    made: Any = make_strategy(name, seed=7, prior=prior)
    assert (made.seed, made.prior) == (7, prior)
    assert type(made) is STRATEGIES[name]
    plain: Any = make_strategy(name)
    assert (plain.seed, plain.prior) == (0, UniformPrior())


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "oracle",
            {},
            "no strategy 'oracle': there are random, greedy, beam, annealing, evolution, exhaustive, ilp, mcts",
        ),
        ("greedy", {"width": 3}, "greedy has no option width; it has seed, prior, clock, candidates"),
        ("greedy", {"candidates": 0}, "candidates is 0: must be at least 1"),
        ("beam", {"width": 0}, "width is 0"),
        ("beam", {"patience": 0}, "patience is 0"),
        ("annealing", {"hot": 0.0}, "hot is 0.0: must be positive"),
        ("annealing", {"drop": 1.5}, r"drop is 1.5: must lie in \[0, 1\]"),
        ("annealing", {"cooling": 0}, "cooling is 0"),
        ("evolution", {"population": 0}, "population is 0"),
        ("evolution", {"crossover": -0.1}, "crossover is -0.1"),
        ("mcts", {"root": "best"}, "root is 'best'"),
        ("mcts", {"considered": 1}, "considered is 1"),
        ("mcts", {"widening": 0.0}, "widening is 0.0"),
        ("mcts", {"restart_after": 0}, "restart_after is 0"),
    ],
)
def test_what_there_is_not_or_is_out_of_range_is_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SearchError, match=message):
        make_strategy(name, **options)


def test_greedy_goes_to_the_best_neighbour_and_starts_again_where_none_improves() -> None:
    # 0 -> 1 (4) or 2 (3); 2 -> 3 (5): a dead end; 1 -> 4 (1): found only behind the other first step.
    game = TableGame({0: {1: 1, 2: 2}, 1: {1: 4}, 2: {1: 3}}, dict(enumerate([(6.0,), (4.0,), (3.0,), (5.0,), (1.0,)])))
    result = make_strategy("greedy").run(game, GOALS, Budget(simulations=50))
    found = list(result.graph.nodes)
    assert set(found[1:3]) == {1, 2}
    assert found[3:] == [3, 4]
    assert result.best_actions == (1, 1)


def test_beam_keeps_more_than_the_best() -> None:
    # The best child, 2, leads nowhere; a beam of two goes on from 1 in the same pass, one of one comes back later.
    costs = [(6.0,), (4.0,), (3.0,), (5.0,), (1.0,), (7.0,)]
    game = TableGame({0: {1: 1, 2: 2}, 1: {1: 4}, 2: {1: 3}, 3: {1: 5}}, dict(enumerate(costs)))
    order = {
        width: list(make_strategy("beam", width=width).run(game, GOALS, Budget(simulations=50)).graph.nodes)
        for width in (1, 2)
    }
    assert order[2].index(4) < order[2].index(5)
    assert order[1].index(5) < order[1].index(4)


def test_annealing_crosses_a_hill_when_hot_and_turns_back_when_cold() -> None:
    # Four states uphill, then the best. Cold, it looks at dead ends and never goes uphill; hot, it mostly walks over
    # before the eight states are spent.
    costs = [5.0, 5.5, 6.0, 6.5, 7.0, 1.0]

    def best(temperature: float, seed: int) -> float:
        strategy = make_strategy("annealing", seed, hot=temperature, cold=temperature, drop=0.0)
        result = strategy.run(TableGame(*_hill(costs)), GOALS, Budget(simulations=8))
        return result.best_metrics[0]

    assert [best(1e6, seed) for seed in range(8)].count(1.0) >= 5
    assert [best(1e-3, seed) for seed in range(8)].count(1.0) == 0


def _hill(costs: list[float]) -> tuple[dict[int, dict[int, int]], dict[int, tuple[float, ...]]]:
    """Return a line with these costs and, beside its first state, ten dead ends that cost more."""
    moves = {state: {1: state + 1} for state in range(len(costs) - 1)}
    ends = range(100, 110)
    moves[0] = moves[0] | {state: state for state in ends}
    measured: dict[int, tuple[float, ...]] = {state: (cost,) for state, cost in enumerate(costs)}
    return moves, measured | dict.fromkeys(ends, (9.0,))


def test_evolution_starts_from_its_seeds() -> None:
    game = ChainOfGroups(seed=5, groups=3, size=4).game()
    goals = Goals([Minimise("time")], game.metric_names)
    good = make_strategy("mcts").run(game, goals, Budget(simulations=1000))
    result = make_strategy("evolution").run(game, goals, Budget(simulations=400), [good.best_actions])
    grown = set(good.best_actions)
    closest = max(len(grown & set(found.actions)) for found in result.improvements)
    assert closest == len(grown)
    assert result.best_metrics <= good.best_metrics


@pytest.mark.parametrize("name", sorted(set(STRATEGIES) - {"random", "exhaustive"}))
def test_beats_random_search_at_equal_numbers_of_states(name: str) -> None:
    for seed in range(2):
        game = ChainOfGroups(seed, groups=12, size=5).game()
        memory, _ = game.metrics()
        goals = Goals([AtMost("memory", 0.7 * memory), Minimise("time")], game.metric_names)
        found, drawn = (make_strategy(n, seed).run(game, goals, Budget(simulations=1000)) for n in (name, "random"))
        assert goals.rank(found.best_metrics) < goals.rank(drawn.best_metrics)


@pytest.mark.parametrize("name", sorted(set(STRATEGIES) - {"ilp"}))
def test_a_stalled_search_stops(name: str) -> None:
    # Better up to state 3, then never again.
    result = make_strategy(name).run(_line([4.0, 3.0, 2.0, 1.0] + [5.0] * 60), GOALS, Budget(simulations=60, stall=10))
    assert result.best_metrics == (1.0,)
    assert (result.stop, result.simulations) == (StopReason.STALLED, 14)
