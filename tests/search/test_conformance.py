"""What every strategy promises (``autopart.testing``), of each of ours; a new one joins by a class here."""

from __future__ import annotations

import os
import signal
import threading
from random import Random
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopart.search import MCTS, STRATEGIES, Budget, StopReason, Strategy, make_strategy
from autopart.testing import ExplorerConformance, StrategyConformance
from autopart.testing import strategies as laws
from tests.examples import examples


class _Explorer(ExplorerConformance):
    """A strategy by its name."""

    name: ClassVar[str]

    def make(self, seed: int) -> Strategy:
        return make_strategy(self.name, seed)

    @pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals need it")
    def test_ctrl_c_waits_for_the_end_of_the_step(self) -> None:
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            like, goals = laws.chain()
            game = laws.TroubledGame(like, "metrics", 10, lambda: os.kill(os.getpid(), signal.SIGINT))
            result = self.make(0).run(game, goals, Budget(simulations=50))
            assert (result.stop, result.simulations) == (StopReason.INTERRUPTED, 10)
            assert game.trail == []
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        finally:
            signal.signal(signal.SIGINT, before)


class TestRandom(_Explorer):
    name = "random"


class TestGreedy(_Explorer):
    name = "greedy"


class TestBeam(_Explorer):
    name = "beam"


class TestAnnealing(_Explorer):
    name = "annealing"


class TestEvolution(_Explorer):
    name = "evolution"


class TestExhaustive(_Explorer):
    name, draws = "exhaustive", False


class TestMCTS(_Explorer):
    name = "mcts"


class TestMCTSWithoutRollouts(_Explorer):
    def make(self, seed: int) -> Strategy:
        return MCTS(seed=seed, rollout_depth=0)


class TestMCTSWithAllOptions(_Explorer):
    def make(self, seed: int) -> Strategy:
        return MCTS(seed=seed, root="gumbel", considered=4, widening=1.0, restart_after=20, rollout_depth=4)


class TestILP(StrategyConformance):
    """It ends with the one answer of a solver, and needs a game with tables."""

    def make(self, seed: int) -> Strategy:
        return make_strategy("ilp", seed)


EXPLORERS = (
    TestRandom, TestGreedy, TestBeam, TestAnnealing, TestEvolution, TestExhaustive, TestMCTS, TestMCTSWithoutRollouts,
    TestMCTSWithAllOptions,
)  # fmt: skip
every_strategy = pytest.mark.parametrize("make", [kind().make for kind in (*EXPLORERS, TestILP)])
every_explorer = pytest.mark.parametrize("make", [kind().make for kind in EXPLORERS])
"""Laws that are better tried on what hypothesis draws."""


@every_strategy
@examples(25)
@given(data=st.data())
def test_never_worse_than_root_and_seeds(make: laws.Make, data: st.DataObject) -> None:
    numbers = st.lists(st.integers(0, len(laws.chain()[0].pairs) - 1), max_size=6)
    seeds = data.draw(st.lists(numbers, max_size=3))
    laws.never_worse_than_root_and_seeds(make, seeds, data.draw(st.integers(1, 30)))


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
    make: laws.Make, table: tuple[dict[int, dict[int, int]], list[tuple[float, float]]], seed: int
) -> None:
    laws.exhausts(make, *table, seed)


@every_explorer
@examples(20)
@given(options=st.lists(st.integers(1, 2), min_size=1, max_size=4), costs=st.randoms(use_true_random=False))
def test_exhausts_decisions_in_any_order(make: laws.Make, options: list[int], costs: Random) -> None:
    laws.exhausts_decisions(make, options, costs)


@every_explorer
@examples(60)
@given(method=st.sampled_from(laws.METHODS), call=st.integers(2, 60))
def test_an_interrupt_anywhere_keeps_the_best_so_far(make: laws.Make, method: str, call: int) -> None:
    laws.keeps_the_best_when_interrupted(make, method, call)


def test_every_strategy_is_tried() -> None:
    assert {kind.name for kind in _Explorer.__subclasses__() if "name" in vars(kind)} | {"ilp"} == set(STRATEGIES)


def test_the_laws_can_fail() -> None:
    class Ignores(StrategyConformance):
        def make(self, seed: int) -> Strategy:
            return make_strategy("mcts", next(seeds))

    seeds = iter(range(9))
    with pytest.raises(AssertionError):
        Ignores().test_same_seed_same_search()
