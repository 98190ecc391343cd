"""Priors: their shares, and that a search refuses what is no distribution."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from autopart.search import MCTS, Budget, Game, Goals, Minimise, SearchError, StaticPrior, UniformPrior
from autopart.search.priors import FloatArray, Prior
from autopart.testing import PriorConformance
from tests.search.games import TableGame

GAME = TableGame({0: {4: 1, 7: 2}}, {0: (2.0,), 1: (1.0,), 2: (3.0,)})
GOALS = Goals([Minimise("cost")], GAME.metric_names)


@dataclass(frozen=True)
class FixedPrior:
    weights: tuple[float, ...]

    def __call__(self, game: Game, actions: Sequence[int]) -> FloatArray:
        return np.array(self.weights)


class TestUniform(PriorConformance):
    def make(self, game: Game) -> Prior:
        return UniformPrior()


class TestStatic(PriorConformance):
    def make(self, game: Game) -> Prior:
        return StaticPrior(lambda action: action + 1.0)


def test_the_laws_can_fail() -> None:
    class Unfair(PriorConformance):
        def make(self, game: Game) -> Prior:
            return lambda game, actions: np.eye(len(actions))[0]

    with pytest.raises(AssertionError, match="gives an action no share"):
        Unfair().test_shares_are_a_distribution_in_any_state()


def test_uniform() -> None:
    np.testing.assert_array_equal(UniformPrior()(GAME, [3, 1, 4, 1]), [0.25] * 4)


def test_static_gives_each_action_its_share() -> None:
    np.testing.assert_allclose(StaticPrior(float)(GAME, [4, 12]), [0.25, 0.75])


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_static_weight_is_positive_and_finite(weight: float) -> None:
    with pytest.raises(SearchError, match=r"action 7 \(move 7\)"):
        StaticPrior(lambda action: weight if action == 7 else 1.0)(GAME, [4, 7])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ((1.0,), r"shape \(1,\) for 2 actions"),
        ((1.0, 0.0), "not positive"),
        ((0.7, 0.7), "do not sum to 1"),
        ((0.5, float("nan")), "not positive"),
    ],
)
def test_a_search_refuses_a_prior_that_is_no_distribution(weights: tuple[float, ...], message: str) -> None:
    with pytest.raises(SearchError, match=message):
        MCTS(prior=FixedPrior(weights)).run(GAME, GOALS, Budget(simulations=5))
    assert GAME.trail == [0]


@pytest.mark.parametrize(("favourite", "state"), [(4, 1), (7, 2)])
def test_the_prior_decides_what_is_tried_first(favourite: int, state: int) -> None:
    prior = StaticPrior(lambda action: 9.0 if action == favourite else 1.0)
    result = MCTS(prior=prior, rollout_depth=0).run(GAME, GOALS, Budget(simulations=2))
    assert list(result.graph.nodes) == [0, state]
