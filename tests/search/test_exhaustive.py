"""Exhaustive search: proofs, with bounds and without."""

from collections.abc import Sequence

import numpy as np
import pytest

from autopart.search import MCTS, BoundedGame, Budget, Exhaustive, Goals, Minimise, StopReason
from tests.search.games import AssignmentGame

GOALS = Goals([Minimise("cost")], ("cost",))


class BoundedAssignment(AssignmentGame):
    """Sums of costs where a decision not taken costs its dearest option: what is taken bounds what can follow."""

    def __init__(self, costs: Sequence[Sequence[float]]) -> None:
        def measure(assignment: Sequence[int]) -> tuple[float, ...]:
            return (sum(row[taken - 1] if taken else max(row) for row, taken in zip(costs, assignment, strict=True)),)

        super().__init__([len(row) for row in costs], measure)
        self._costs = costs

    def lower_bounds(self) -> tuple[float, ...]:
        """Return the sum with the least cost for every decision not taken."""
        chosen = zip(self._costs, self.assignment, strict=True)
        return (sum(row[taken - 1] if taken else min(row) for row, taken in chosen),)


def _costs(seed: int) -> list[list[float]]:
    rows: list[list[float]] = np.random.default_rng(seed).integers(1, 50, (5, 2)).astype(float).tolist()
    return rows


@pytest.mark.parametrize("seed", range(4))
def test_a_bound_spares_states_and_not_the_optimum(seed: int) -> None:
    costs = _costs(seed)
    game = BoundedAssignment(costs)
    plain = AssignmentGame([len(row) for row in costs], game.measure)
    assert isinstance(game, BoundedGame)
    assert not isinstance(plain, BoundedGame)
    bounded, full = (Exhaustive().run(each, GOALS, Budget(simulations=1000)) for each in (game, plain))
    optimum = sum(map(min, costs))
    assert bounded.stop is full.stop is StopReason.EXHAUSTED
    assert bounded.best_metrics == full.best_metrics == (optimum,)
    assert bounded.bound == full.bound == (optimum,)
    assert full.simulations == 3**5
    assert bounded.simulations < 3**5 / 4


@pytest.mark.parametrize("simulations", [1, 3, 8])
def test_what_is_left_of_a_short_budget_is_bounded(simulations: int) -> None:
    costs = _costs(0)
    result = Exhaustive().run(BoundedAssignment(costs), GOALS, Budget(simulations=simulations))
    assert result.stop is StopReason.SIMULATIONS
    assert result.bound is not None
    assert (sum(map(min, costs)),) >= result.bound > (0.0,)
    assert result.bound <= result.best_metrics


def test_without_bounds_a_short_budget_proves_nothing() -> None:
    game = AssignmentGame([2, 2], lambda assignment: (9.0 - sum(assignment),))
    assert Exhaustive().run(game, GOALS, Budget(simulations=3)).bound is None


def test_a_seed_helps_the_bound() -> None:
    costs = _costs(1)
    best = Exhaustive().run(BoundedAssignment(costs), GOALS, Budget(simulations=1000)).best_actions
    seeded = Exhaustive().run(BoundedAssignment(costs), GOALS, Budget(simulations=1000), [best])
    assert seeded.stop is StopReason.EXHAUSTED
    assert seeded.best_metrics == (sum(map(min, costs)),)


@pytest.mark.parametrize("seed", range(4))
def test_monte_carlo_search_with_bounds_proves_the_optimum_with_fewer_states(seed: int) -> None:
    costs = _costs(seed)
    results = [MCTS(bounded=on).run(BoundedAssignment(costs), GOALS, Budget(simulations=1000)) for on in (True, False)]
    bounded, full = results
    assert bounded.stop is full.stop is StopReason.EXHAUSTED
    assert bounded.best_metrics == full.best_metrics == (sum(map(min, costs)),)
    assert bounded.simulations < full.simulations == 3**5
