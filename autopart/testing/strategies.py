"""What a search strategy promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import ClassVar, TypeAlias

from autopart.search import (
    AtMost,
    Budget,
    Game,
    Goals,
    Improvement,
    Minimise,
    NullObserver,
    SearchError,
    SearchResult,
    StopReason,
    Strategy,
)
from autopart.testing.expecting import raises
from autopart.testing.games import AssignmentGame, ChainOfGroups, TableGame

Make: TypeAlias = Callable[[int], Strategy]
"""A strategy by its seed."""

_CASES = 8
"""Random cases of each law; a property test may go on with the law's function."""


def chain() -> tuple[AssignmentGame, Goals]:
    """A game too large to exhaust: 12 decisions, about 12 million states; and goals for it."""
    game = ChainOfGroups(seed=5, groups=3, size=4).game()
    memory, _ = game.metrics()
    return game, Goals([AtMost("memory", 0.7 * memory), Minimise("time")], game.metric_names)


def table(moves: Mapping[int, Mapping[int, int]], costs: Sequence[float]) -> tuple[TableGame, Goals]:
    """A game written out, whose cost is to be small."""
    game = TableGame(moves, {state: (cost,) for state, cost in enumerate(costs)})
    return game, Goals([Minimise("cost")], game.metric_names)


def story(result: SearchResult) -> tuple[object, ...]:
    """All of a result that must not depend on the clock."""
    improvements = [(found.simulation, found.actions, found.metrics) for found in result.improvements]
    visits = [(key, node.edge_visits.tolist(), node.mean) for key, node in result.graph.nodes.items()]
    best = (result.best_actions, result.best_metrics, result.best_key)
    return (improvements, visits, best, result.simulations, result.transpositions, result.stop)


def measured_after(game: Game, actions: Sequence[int]) -> tuple[tuple[float, ...], int]:
    """Metrics and key after legal actions, which are taken back."""
    for action in actions:
        assert action in game.actions()
        game.apply(action)
    measured = game.metrics(), game.key()
    for _ in actions:
        game.undo()
    return measured


class TroubledGame(AssignmentGame):
    """Raises, or does, something at the n-th call of one method; the call has no other effect then."""

    def __init__(self, like: AssignmentGame, method: str, call: int, trouble: Callable[[], None]) -> None:
        super().__init__([0] * len(like.assignment), like.measure, like.metric_names)
        self.pairs = like.pairs
        self._method, self._left, self._trouble = method, call, trouble

    def _count(self, method: str) -> None:
        if method == self._method:
            self._left -= 1
            if self._left == 0:
                self._trouble()

    def metrics(self) -> tuple[float, ...]:
        """Counted."""
        self._count("metrics")
        return super().metrics()

    def apply(self, action: int) -> None:
        """Counted."""
        self._count("apply")
        super().apply(action)

    def undo(self) -> None:
        """Counted."""
        self._count("undo")
        super().undo()

    def actions(self) -> Sequence[int]:
        """Counted."""
        self._count("actions")
        return super().actions()

    def key(self) -> int:
        """Counted."""
        self._count("key")
        return super().key()


METHODS = ("metrics", "apply", "undo", "actions", "key")
"""Of a game, in which there may be trouble."""


def interrupt() -> None:
    """Trouble: somebody pressed Ctrl-C."""
    raise KeyboardInterrupt


def never_worse_than_root_and_seeds(make: Make, seeds: Sequence[Sequence[int]], simulations: int) -> None:
    """Asserts the law for seeds that may be legal or not, of the game of ``chain``."""
    game, goals = chain()
    result = make(0).run(game, goals, Budget(simulations=simulations), seeds)
    best = goals.rank(result.best_metrics)
    assert best <= goals.rank(game.metrics())
    for seed, outcome in zip(seeds, result.seeds, strict=True):
        assert outcome.actions == tuple(seed)
        assert outcome.metrics == measured_after(game, seed[: outcome.legal])[0]
        assert best <= goals.rank(outcome.metrics)


def exhausts(
    make: Make, moves: Mapping[int, Mapping[int, int]], measured: Sequence[tuple[float, float]], seed: int
) -> None:
    """Asserts that a search of a small directed graph ends with its optimum; ``measured``: (memory, time) by state."""
    game = TableGame(moves, dict(enumerate(measured)), ("memory", "time"))
    goals = Goals([AtMost("memory", 4.0), Minimise("time"), Minimise("memory")], game.metric_names)
    reached = [0]
    for state in reached:
        reached += [after for after in dict.fromkeys(moves.get(state, {}).values()) if after not in reached]
    result = make(seed).run(game, goals, Budget(simulations=100))
    assert result.stop is StopReason.EXHAUSTED
    assert sorted(result.graph.nodes) == sorted(reached)
    assert goals.rank(result.best_metrics) == min(goals.rank(measured[state]) for state in reached)
    assert measured_after(game, result.best_actions) == (result.best_metrics, result.best_key)
    assert game.trail == [0]


def exhausts_decisions(make: Make, options: Sequence[int], costs: Random) -> None:
    """Asserts that every state of decisions that may be taken in any order is evaluated once."""
    known: dict[tuple[int, ...], float] = {}

    def measure(assignment: Sequence[int]) -> tuple[float, ...]:
        return (known.setdefault(tuple(assignment), float(costs.randint(0, 99))),)

    game = AssignmentGame(options, measure)
    result = make(1).run(game, Goals([Minimise("cost")], game.metric_names), Budget(simulations=1000))
    count = 1
    for option_count in options:
        count *= option_count + 1
    assert result.stop is StopReason.EXHAUSTED
    assert result.simulations == result.nodes == count == len(known)
    assert result.best_metrics == (min(known.values()),)


def keeps_the_best_when_interrupted(make: Make, method: str, call: int) -> None:
    """Asserts that an interrupt in the n-th call of a method ends a search with what is best so far."""
    like, goals = chain()
    game = TroubledGame(like, method, call, interrupt)
    result = make(0).run(game, goals, Budget(simulations=80), seeds=[[0, 5], [7]])
    assert game.trail == []
    assert result.stop is StopReason.INTERRUPTED or result.simulations == 80
    best = min((node.metrics for node in result.graph.nodes.values()), key=goals.rank)
    assert goals.rank(result.best_metrics) == goals.rank(best)
    assert result.nodes == result.simulations


class StrategyConformance:
    """Tests of any strategy; derive from it and write ``make``."""

    def make(self, seed: int) -> Strategy:
        """The strategy to test."""
        raise NotImplementedError

    def test_same_seed_same_search(self) -> None:
        """To the last visit."""
        first, second = (self.make(3).run(*chain(), Budget(simulations=200)) for _ in range(2))
        assert story(first) == story(second)

    def test_the_game_is_left_at_the_root_and_the_answer_leads_where_it_says(self) -> None:
        """By the actions given."""
        game, goals = chain()
        result = self.make(0).run(game, goals, Budget(simulations=150))
        assert game.trail == []
        assert measured_after(game, result.best_actions) == (result.best_metrics, result.best_key)

    def test_improvements_lead_from_the_root_to_the_best_by_better_ranks(self) -> None:
        """The first is the root, the last the answer."""
        game, goals = chain()
        result = self.make(0).run(game, goals, Budget(simulations=150))
        assert result.improvements[0].actions == ()
        assert result.improvements[0].simulation == 1
        assert result.improvements[-1].actions == result.best_actions
        keys = [(goals.rank(found.metrics), len(found.actions)) for found in result.improvements]
        assert keys == sorted(set(keys), reverse=True)

    def test_never_worse_than_root_and_seeds(self) -> None:
        """Whether these are legal or not."""
        random, count = Random(0), len(chain()[0].pairs)
        for _ in range(_CASES):
            seeds = [
                [random.randrange(count) for _ in range(random.randint(0, 6))] for _ in range(random.randint(0, 3))
            ]
            never_worse_than_root_and_seeds(self.make, seeds, random.randint(1, 30))

    def test_an_interrupt_before_the_root_is_evaluated_passes_through(self) -> None:
        """For there is nothing to answer with."""
        like, goals = chain()
        with raises(KeyboardInterrupt):
            self.make(0).run(TroubledGame(like, "metrics", 1, interrupt), goals, Budget(simulations=10))

    def test_an_observer_that_raises_ends_the_search(self) -> None:
        """And the game is at its root."""

        class Picky(NullObserver):
            def on_improvement(self, improvement: Improvement) -> None:
                if improvement.actions:
                    raise LookupError

        game, goals = chain()
        with raises(LookupError):
            self.make(0).run(game, goals, Budget(simulations=500), observer=Picky())
        assert game.trail == []

    def test_goals_of_another_game_are_refused(self) -> None:
        """With both named."""
        game, _ = chain()
        with raises(SearchError, match="over the metrics cost, the game measures memory, time"):
            self.make(0).run(game, Goals([Minimise("cost")], ("cost",)), Budget(simulations=10))


class ExplorerConformance(StrategyConformance):
    """Tests of a strategy that walks on until the budget is spent or nothing new is left (``search.Explorer``).

    Attributes:
        draws: whether it uses random numbers.
    """

    draws: ClassVar[bool] = True

    def test_another_seed_searches_another_way_if_anything_is_drawn(self) -> None:
        """So a seed is not ignored."""
        first, other = (self.make(seed).run(*chain(), Budget(simulations=200)) for seed in (3, 4))
        assert (story(first) != story(other)) == self.draws

    def test_the_budget_is_kept_exactly(self) -> None:
        """Each state counts once."""
        for simulations in (1, 2, 7, 100):
            game, goals = chain()
            result = self.make(0).run(game, goals, Budget(simulations=simulations))
            assert result.simulations == result.nodes == simulations
            assert result.stop is StopReason.SIMULATIONS

    def test_seeds_are_evaluated_even_beyond_the_budget(self) -> None:
        """Every state on their way."""
        game, goals = table({state: {1: state + 1} for state in range(4)}, [5, 6, 7, 8, 1])
        result = self.make(0).run(game, goals, Budget(simulations=2), seeds=[[1, 1, 1, 1]])
        assert result.best_metrics == (1.0,)
        assert (result.simulations, result.stop) == (5, StopReason.SIMULATIONS)

    def test_an_illegal_step_ends_its_seed_only(self) -> None:
        """The others are looked at."""
        game, goals = table({0: {1: 1, 2: 2}, 1: {3: 3}}, [5, 4, 3, 2])
        seeds = [[1, 9, 3], [9], [2], []]
        result = self.make(0).run(game, goals, Budget(simulations=3), seeds)
        assert [outcome.legal for outcome in result.seeds] == [1, 0, 1, 0]
        assert [outcome.illegal_action for outcome in result.seeds] == [9, 9, None, None]
        assert [outcome.metrics for outcome in result.seeds] == [(4.0,), (5.0,), (3.0,), (5.0,)]

    def test_a_seed_may_go_round_in_circles(self) -> None:
        """The answer is the short way."""
        game, goals = table({0: {1: 1, 7: 0}, 1: {2: 0, 3: 2}}, [5, 4, 3])
        result = self.make(0).run(game, goals, Budget(simulations=3), seeds=[[7, 1, 2, 1, 3]])
        assert result.seeds[0].illegal_action is None
        assert result.best_actions == (1, 3)
        assert game.trail == [0]

    def test_equal_rank_goes_to_the_fewer_actions(self) -> None:
        """Whichever was found first."""
        game, goals = table({0: {1: 1, 2: 3}, 1: {1: 2}}, [5, 4, 1, 1])
        result = self.make(0).run(game, goals, Budget(simulations=50), seeds=[[1, 1]])
        assert result.stop is StopReason.EXHAUSTED
        assert result.best_actions == (2,)

    def test_a_shorter_way_to_the_best_state_is_taken(self) -> None:
        """And counted as a way to a known state."""
        game, goals = table({0: {1: 1, 2: 2}, 1: {1: 2}}, [5, 4, 1])
        result = self.make(0).run(game, goals, Budget(simulations=50), seeds=[[1, 1]])
        assert result.best_actions == (2,)
        assert result.transpositions == 1

    def test_a_game_without_actions_is_exhausted(self) -> None:
        """At the root."""
        game, goals = table({}, [3])
        result = self.make(0).run(game, goals, Budget(simulations=50))
        assert (result.stop, result.simulations, result.best_actions) == (StopReason.EXHAUSTED, 1, ())

    def test_any_small_graph_is_exhausted_and_its_optimum_found(self) -> None:
        """Loops, idle actions, many ways to one state, parts out of reach."""
        random = Random(1)
        for case in range(_CASES):
            count = random.randint(1, 9)
            moves = {
                state: {action: random.randrange(count) for action in random.sample(range(6), random.randint(0, 4))}
                for state in range(count)
            }
            measured = [(float(random.randint(1, 9)), float(random.randint(0, 9))) for _ in range(count)]
            exhausts(self.make, moves, measured, case % 4)

    def test_decisions_in_any_order_are_exhausted(self) -> None:
        """Each state once."""
        random = Random(2)
        for _ in range(_CASES):
            exhausts_decisions(self.make, [random.randint(1, 2) for _ in range(random.randint(1, 4))], random)

    def test_an_interrupt_anywhere_keeps_the_best_so_far(self) -> None:
        """In any call of the game."""
        random = Random(3)
        for _ in range(_CASES):
            keeps_the_best_when_interrupted(self.make, random.choice(METHODS), random.randint(2, 60))

    def test_an_error_of_the_game_passes_through_and_leaves_it_at_the_root(self) -> None:
        """Wherever it is raised."""

        def fail() -> None:
            raise ZeroDivisionError

        for method in ("metrics", "apply", "actions", "key"):
            like, goals = chain()
            game = TroubledGame(like, method, 9, fail)
            with raises(ZeroDivisionError):
                self.make(0).run(game, goals, Budget(simulations=500))
            assert game.trail == []

    def test_a_measurement_that_is_no_number_is_refused(self) -> None:
        """With its name."""
        game, goals = table({0: {1: 1}}, [5, float("nan")])
        with raises(SearchError, match="cost = nan"):
            self.make(0).run(game, goals, Budget(simulations=10))
        assert game.trail == [0]
