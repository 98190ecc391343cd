"""Integer programming: the solver beside enumeration, limits, and what becomes of its answers."""

from itertools import product

import numpy as np
import pytest

from autopart.search import (
    AtMost,
    Budget,
    ChoiceProblem,
    Edge,
    Goals,
    Minimise,
    Row,
    SearchError,
    StopReason,
    make_strategy,
)
from autopart.search.elimination import Elimination
from autopart.search.highs import solve
from tests.search.games import ChainOfGroups, TableGame


def _drawn(seed: int, nodes: int = 6, density: float = 0.6) -> ChoiceProblem:
    """Return a problem with infinite costs, classes, and a row of memory."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(2, 5, nodes)
    edges = []
    for i in range(nodes):
        for j in range(i + 1, nodes):
            if rng.random() < density:
                costs = rng.uniform(0, 9, (2, 2))
                costs[0, 1] = np.inf if rng.random() < 0.2 else costs[0, 1]
                edges.append(Edge(i, j, costs, rng.integers(0, 2, counts[i]), rng.integers(0, 2, counts[j])))
    row = Row("memory", 1.0, {node: rng.uniform(0, 3, counts[node]) for node in range(0, nodes, 2)})
    return ChoiceProblem("time", tuple(rng.uniform(0, 9, n) for n in counts), tuple(edges), (row,))


def _choices(problem: ChoiceProblem) -> list[tuple[int, ...]]:
    return list(product(*(range(len(costs)) for costs in problem.nodes)))


@pytest.mark.parametrize("seed", range(6))
def test_the_solver_finds_what_enumeration_finds(seed: int) -> None:
    problem = _drawn(seed)
    found = solve(problem)
    assert found.proven
    assert found.cost == pytest.approx(min(map(problem.cost, _choices(problem))))
    assert found.bound == pytest.approx(found.cost)
    assert found.choice is not None
    assert problem.cost(found.choice) == found.cost


@pytest.mark.parametrize("seed", range(6))
def test_limits_are_kept_where_they_can_be(seed: int) -> None:
    problem = _drawn(seed)
    [row] = problem.rows
    least, most = (f(row.of(choice) for choice in _choices(problem)) for f in (min, max))
    limit = least + 0.3 * (most - least)
    inside = min(problem.cost(choice) for choice in _choices(problem) if row.of(choice) <= limit)
    if np.isfinite(inside):
        found = solve(problem, {"memory": limit})
        assert found.choice is not None
        assert row.of(found.choice) <= limit * (1 + 1e-6)
        assert found.cost == pytest.approx(inside)


def test_where_no_choice_keeps_a_limit_the_answer_overruns_it_by_the_least() -> None:
    problem = _drawn(3, density=0.0)
    [row] = problem.rows
    found = solve(problem, {"memory": 0.1})
    assert found.choice is not None
    assert row.of(found.choice) == pytest.approx(min(row.of(choice) for choice in _choices(problem)))


@pytest.mark.parametrize("seed", range(4))
def test_a_tree_needs_no_solver_and_a_dense_core_is_left(seed: int) -> None:
    tree = ChoiceProblem("time", (np.arange(3.0),) * 4, tuple(
        Edge.full(i, i + 1, np.random.default_rng(seed + i).uniform(0, 5, (3, 3))) for i in range(3)
    ))  # fmt: skip
    left = Elimination(tree)
    assert not left.costs
    assert left.constant == pytest.approx(min(map(tree.cost, _choices(tree))))
    assert tree.cost(left.completed({})) == pytest.approx(left.constant)
    assert len(Elimination(_drawn(seed, density=1.0)).costs) == 6


def test_the_answer_is_played_and_reached() -> None:
    chain = ChainOfGroups(seed=5, groups=3, size=4)
    game = chain.game()
    goals = Goals([AtMost("memory", 0.7 * game.metrics()[0]), Minimise("time")], game.metric_names)
    result = make_strategy("ilp").run(game, goals, Budget(simulations=100))
    found = solve(chain.tables(), {"memory": 0.7 * game.metrics()[0]})
    assert result.stop is StopReason.SOLVED
    assert result.best_metrics[1] == pytest.approx(found.cost)
    assert result.simulations <= 13
    assert goals.satisfied(result.best_metrics)
    assert result.bound is None, "the tables are not said to be exact"
    searched = make_strategy("mcts").run(game, goals, Budget(simulations=2000))
    assert goals.rank(result.best_metrics) <= goals.rank(searched.best_metrics)


@pytest.mark.parametrize(
    ("goals", "message"),
    [
        ([Minimise("memory")], "price time: ilp cannot minimise memory"),
        ([AtMost("time", 1.0), Minimise("time")], "do not estimate time: ilp cannot keep a limit"),
    ],
)
def test_goals_that_the_tables_do_not_price_are_refused(goals: list[Minimise | AtMost], message: str) -> None:
    game = ChainOfGroups(seed=5, groups=1, size=3).game()
    with pytest.raises(SearchError, match=message):
        make_strategy("ilp").run(game, Goals(goals, game.metric_names), Budget(simulations=10))


def test_a_game_without_tables_is_told_what_it_lacks() -> None:
    game = TableGame({0: {1: 1}}, {0: (2.0,), 1: (1.0,)})
    with pytest.raises(SearchError, match="TableGame has none: it lacks choices"):
        make_strategy("ilp").run(game, Goals([Minimise("cost")], ("cost",)), Budget(simulations=10))
