"""What every strategy promises; a new one joins by its line in `search.STRATEGIES`, a variant by one in MAKERS."""

import os
import signal
import threading
from collections.abc import Callable, Sequence
from functools import partial
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopart.search import (
    MCTS,
    STRATEGIES,
    AtMost,
    Budget,
    Exhaustive,
    Game,
    Goals,
    Improvement,
    Minimise,
    NullObserver,
    SearchError,
    SearchResult,
    StopReason,
    Strategy,
    make_strategy,
)
from tests.search.games import AssignmentGame, ChainOfGroups, TableGame

MAKERS: dict[str, Callable[[int], Strategy]] = {
    "mcts": lambda seed: MCTS(seed=seed),
    "mcts without rollouts": lambda seed: MCTS(seed=seed, rollout_depth=0),
    "mcts with all options": lambda seed: MCTS(
        seed=seed, root="gumbel", considered=4, widening=1.0, restart_after=20, rollout_depth=4
    ),
    **{name: partial(make_strategy, name) for name in STRATEGIES if name != "mcts"},
}
every_strategy = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
EXPLORERS = {name: make for name, make in MAKERS.items() if name != "ilp"}
every_explorer = pytest.mark.parametrize("make", EXPLORERS.values(), ids=EXPLORERS.keys())
"""All but those that end with the one answer of a solver, and need a game with tables."""
Make = Callable[[int], Strategy]


def _chain() -> tuple[AssignmentGame, Goals]:
    """Return a game too large to exhaust: 12 decisions, about 12 million states."""
    game = ChainOfGroups(seed=5, groups=3, size=4).game()
    memory, _ = game.metrics()
    return game, Goals([AtMost("memory", 0.7 * memory), Minimise("time")], game.metric_names)


def _table(moves: dict[int, dict[int, int]], costs: Sequence[float]) -> tuple[TableGame, Goals]:
    game = TableGame(moves, {state: (cost,) for state, cost in enumerate(costs)})
    return game, Goals([Minimise("cost")], game.metric_names)


def _story(result: SearchResult) -> tuple[object, ...]:
    """Return all of a result that must not depend on the clock."""
    improvements = [(found.simulation, found.actions, found.metrics) for found in result.improvements]
    visits = [(key, node.edge_visits.tolist(), node.mean) for key, node in result.graph.nodes.items()]
    best = (result.best_actions, result.best_metrics, result.best_key)
    return (improvements, visits, best, result.simulations, result.transpositions, result.stop)


def _measured_after(game: Game, actions: Sequence[int]) -> tuple[tuple[float, ...], int]:
    for action in actions:
        assert action in game.actions()
        game.apply(action)
    measured = game.metrics(), game.key()
    for _ in actions:
        game.undo()
    return measured


@every_strategy
def test_same_seed_same_search(make: Make) -> None:
    first, second = (make(3).run(*_chain(), Budget(simulations=200)) for _ in range(2))
    assert _story(first) == _story(second)


@every_explorer
def test_another_seed_searches_another_way_unless_nothing_is_drawn(make: Make) -> None:
    first, other = (make(seed).run(*_chain(), Budget(simulations=200)) for seed in (3, 4))
    assert (_story(first) == _story(other)) == isinstance(make(0), Exhaustive)


@every_explorer
@pytest.mark.parametrize("simulations", [1, 2, 7, 100])
def test_budget_is_kept_exactly(make: Make, simulations: int) -> None:
    game, goals = _chain()
    result = make(0).run(game, goals, Budget(simulations=simulations))
    assert result.simulations == result.nodes == simulations
    assert result.stop is StopReason.SIMULATIONS


@every_strategy
def test_game_is_left_at_the_root_and_the_answer_leads_where_it_says(make: Make) -> None:
    game, goals = _chain()
    result = make(0).run(game, goals, Budget(simulations=150))
    assert game.trail == []
    assert _measured_after(game, result.best_actions) == (result.best_metrics, result.best_key)


@every_strategy
def test_improvements_lead_from_the_root_to_the_best_by_better_ranks(make: Make) -> None:
    game, goals = _chain()
    result = make(0).run(game, goals, Budget(simulations=150))
    assert result.improvements[0].actions == ()
    assert result.improvements[0].simulation == 1
    assert result.improvements[-1].actions == result.best_actions
    keys = [(goals.rank(found.metrics), len(found.actions)) for found in result.improvements]
    assert keys == sorted(set(keys), reverse=True)


@every_strategy
@settings(max_examples=25)
@given(data=st.data())
def test_never_worse_than_root_and_seeds(make: Make, data: st.DataObject) -> None:
    game, goals = _chain()
    numbers = st.lists(st.integers(0, len(game.pairs) - 1), max_size=6)
    seeds = data.draw(st.lists(numbers, max_size=3))
    result = make(0).run(game, goals, Budget(simulations=data.draw(st.integers(1, 30))), seeds)
    best = goals.rank(result.best_metrics)
    assert best <= goals.rank(game.metrics())
    for seed, outcome in zip(seeds, result.seeds, strict=True):
        assert outcome.actions == tuple(seed)
        assert outcome.metrics == _measured_after(game, seed[: outcome.legal])[0]
        assert best <= goals.rank(outcome.metrics)


@every_explorer
def test_seeds_are_evaluated_even_beyond_the_budget(make: Make) -> None:
    game, goals = _table({state: {1: state + 1} for state in range(4)}, [5, 6, 7, 8, 1])
    result = make(0).run(game, goals, Budget(simulations=2), seeds=[[1, 1, 1, 1]])
    assert result.best_metrics == (1.0,)
    assert (result.simulations, result.stop) == (5, StopReason.SIMULATIONS)


@every_explorer
def test_an_illegal_step_ends_its_seed_only(make: Make) -> None:
    game, goals = _table({0: {1: 1, 2: 2}, 1: {3: 3}}, [5, 4, 3, 2])
    seeds = [[1, 9, 3], [9], [2], []]
    result = make(0).run(game, goals, Budget(simulations=3), seeds)
    assert [outcome.legal for outcome in result.seeds] == [1, 0, 1, 0]
    assert [outcome.illegal_action for outcome in result.seeds] == [9, 9, None, None]
    assert [outcome.metrics for outcome in result.seeds] == [(4.0,), (5.0,), (3.0,), (5.0,)]


@every_explorer
def test_a_seed_may_go_round_in_circles(make: Make) -> None:
    game, goals = _table({0: {1: 1, 7: 0}, 1: {2: 0, 3: 2}}, [5, 4, 3])
    result = make(0).run(game, goals, Budget(simulations=3), seeds=[[7, 1, 2, 1, 3]])
    assert result.seeds[0].illegal_action is None
    assert result.best_actions == (1, 3)
    assert game.trail == [0]


@every_explorer
def test_equal_rank_goes_to_the_fewer_actions(make: Make) -> None:
    game, goals = _table({0: {1: 1, 2: 3}, 1: {1: 2}}, [5, 4, 1, 1])
    result = make(0).run(game, goals, Budget(simulations=50), seeds=[[1, 1]])
    assert result.stop is StopReason.EXHAUSTED
    assert result.best_actions == (2,)


@every_explorer
def test_a_shorter_way_to_the_best_state_is_taken(make: Make) -> None:
    game, goals = _table({0: {1: 1, 2: 2}, 1: {1: 2}}, [5, 4, 1])
    result = make(0).run(game, goals, Budget(simulations=50), seeds=[[1, 1]])
    assert result.best_actions == (2,)
    assert result.transpositions == 1


@every_explorer
def test_a_game_without_actions_is_exhausted(make: Make) -> None:
    game, goals = _table({}, [3])
    result = make(0).run(game, goals, Budget(simulations=50))
    assert (result.stop, result.simulations, result.best_actions) == (StopReason.EXHAUSTED, 1, ())


@st.composite
def small_tables(draw: st.DrawFn) -> tuple[dict[int, dict[int, int]], list[tuple[float, float]]]:
    """Draw any directed graph: loops, idle actions, many ways to one state, parts out of reach."""
    count = draw(st.integers(1, 9))
    states = st.integers(0, count - 1)
    moves = {state: draw(st.dictionaries(st.integers(0, 5), states, max_size=4)) for state in range(count)}
    figures = st.tuples(st.integers(1, 9).map(float), st.integers(0, 9).map(float))
    return moves, draw(st.lists(figures, min_size=count, max_size=count))


@every_explorer
@given(table=small_tables(), seed=st.integers(0, 3))
def test_exhausts_any_graph_and_finds_its_optimum(
    make: Make, table: tuple[dict[int, dict[int, int]], list[tuple[float, float]]], seed: int
) -> None:
    moves, measured = table
    game = TableGame(moves, dict(enumerate(measured)), ("memory", "time"))
    goals = Goals([AtMost("memory", 4.0), Minimise("time"), Minimise("memory")], game.metric_names)
    reached = [0]
    for state in reached:
        reached += [after for after in dict.fromkeys(moves[state].values()) if after not in reached]
    result = make(seed).run(game, goals, Budget(simulations=100))
    assert result.stop is StopReason.EXHAUSTED
    assert sorted(result.graph.nodes) == sorted(reached)
    assert goals.rank(result.best_metrics) == min(goals.rank(measured[state]) for state in reached)
    assert _measured_after(game, result.best_actions) == (result.best_metrics, result.best_key)
    assert game.trail == [0]


@every_explorer
@settings(max_examples=20)
@given(options=st.lists(st.integers(1, 2), min_size=1, max_size=4), costs=st.randoms(use_true_random=False))
def test_exhausts_decisions_in_any_order(make: Make, options: list[int], costs: Random) -> None:
    table: dict[tuple[int, ...], float] = {}

    def measure(assignment: Sequence[int]) -> tuple[float, ...]:
        return (table.setdefault(tuple(assignment), float(costs.randint(0, 99))),)

    game = AssignmentGame(options, measure)
    result = make(1).run(game, Goals([Minimise("cost")], game.metric_names), Budget(simulations=1000))
    count = 1
    for option_count in options:
        count *= option_count + 1
    assert result.stop is StopReason.EXHAUSTED
    assert result.simulations == result.nodes == count == len(table)
    assert result.best_metrics == (min(table.values()),)


class TroubledGame(AssignmentGame):
    """Raises, or does, something at the n-th call of one method; the call has no other effect then."""

    def __init__(self, like: AssignmentGame, method: str, call: int, trouble: Callable[[], None]) -> None:
        super().__init__([0] * len(like.assignment), like._measure, like.metric_names)
        self.pairs = like.pairs
        self._method, self._left, self._trouble = method, call, trouble

    def _count(self, method: str) -> None:
        if method == self._method:
            self._left -= 1
            if self._left == 0:
                self._trouble()

    def metrics(self) -> tuple[float, ...]:
        self._count("metrics")
        return super().metrics()

    def apply(self, action: int) -> None:
        self._count("apply")
        super().apply(action)

    def undo(self) -> None:
        self._count("undo")
        super().undo()

    def actions(self) -> Sequence[int]:
        self._count("actions")
        return super().actions()

    def key(self) -> int:
        self._count("key")
        return super().key()


def _interrupt() -> None:
    raise KeyboardInterrupt


@every_explorer
@settings(max_examples=60)
@given(method=st.sampled_from(["metrics", "apply", "undo", "actions", "key"]), call=st.integers(2, 60))
def test_an_interrupt_anywhere_keeps_the_best_so_far(make: Make, method: str, call: int) -> None:
    like, goals = _chain()
    game = TroubledGame(like, method, call, _interrupt)
    result = make(0).run(game, goals, Budget(simulations=80), seeds=[[0, 5], [7]])
    assert game.trail == []
    assert result.stop is StopReason.INTERRUPTED or result.simulations == 80
    best = min((node.metrics for node in result.graph.nodes.values()), key=goals.rank)
    assert goals.rank(result.best_metrics) == goals.rank(best)
    assert result.nodes == result.simulations


@every_strategy
def test_an_interrupt_before_the_root_is_evaluated_passes_through(make: Make) -> None:
    like, goals = _chain()
    with pytest.raises(KeyboardInterrupt):
        make(0).run(TroubledGame(like, "metrics", 1, _interrupt), goals, Budget(simulations=10))


@every_explorer
@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals need it")
def test_ctrl_c_waits_for_the_end_of_the_step(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        like, goals = _chain()
        game = TroubledGame(like, "metrics", 10, lambda: os.kill(os.getpid(), signal.SIGINT))
        result = make(0).run(game, goals, Budget(simulations=50))
        assert (result.stop, result.simulations) == (StopReason.INTERRUPTED, 10)
        assert game.trail == []
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


@every_explorer
@pytest.mark.parametrize("method", ["metrics", "apply", "actions", "key"])
def test_an_error_of_the_game_passes_through_and_leaves_it_at_the_root(make: Make, method: str) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    like, goals = _chain()
    game = TroubledGame(like, method, 9, fail)
    with pytest.raises(ZeroDivisionError):
        make(0).run(game, goals, Budget(simulations=500))
    assert game.trail == []


@every_strategy
def test_an_observer_that_raises_ends_the_search(make: Make) -> None:
    class Picky(NullObserver):
        def on_improvement(self, improvement: Improvement) -> None:
            if improvement.actions:
                raise LookupError

    game, goals = _chain()
    with pytest.raises(LookupError):
        make(0).run(game, goals, Budget(simulations=500), observer=Picky())
    assert game.trail == []


@every_strategy
def test_goals_of_another_game_are_refused(make: Make) -> None:
    game, _ = _chain()
    with pytest.raises(SearchError, match="over the metrics cost, the game measures memory, time"):
        make(0).run(game, Goals([Minimise("cost")], ("cost",)), Budget(simulations=10))


@every_explorer
def test_a_measurement_that_is_no_number_is_refused(make: Make) -> None:
    game, goals = _table({0: {1: 1}}, [5, float("nan")])
    with pytest.raises(SearchError, match="cost = nan"):
        make(0).run(game, goals, Budget(simulations=10))
    assert game.trail == [0]
