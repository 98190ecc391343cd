"""Records of small searches."""

from __future__ import annotations

import functools
from collections.abc import Callable

from autopart.search import MCTS, AtMost, Budget, Goals, Minimise, SearchResult, SearchTree, tree_of
from autopart.search.priors import StaticPrior
from tests.search.games import AssignmentGame

MARKUP = "<img src=x onerror=alert(1)>"
METRICS = ("size_bytes", "time_s")


def game(options: int = 3, decisions: int = 5) -> AssignmentGame:
    """Few actions, many ways to the same state: the order in which decisions are taken leaves no mark."""

    def measure(assignment: object) -> tuple[float, ...]:
        taken = [int(option) for option in assignment]  # type: ignore[attr-defined]  # a sequence
        return float(2**20 * (1 + sum(taken))), 1.0 / (1 + sum(n * option for n, option in enumerate(taken)))

    return AssignmentGame([options] * decisions, measure, METRICS)


def goals() -> Goals:
    """Small enough, then fast."""
    return Goals([AtMost("size_bytes", 8.0 * 2**20), Minimise("time_s")], METRICS)


@functools.cache
def searched(simulations: int = 200, decisions: int = 5) -> tuple[SearchResult, SearchTree]:
    """A search, and its record."""
    return _recorded(simulations, decisions, lambda action: f"option {action}")


@functools.cache
def hostile() -> SearchTree:
    """The record of a search whose actions are called like markup."""
    return _recorded(200, 5, lambda action: f"{action} {MARKUP}")[1]


def _recorded(simulations: int, decisions: int, label: Callable[[int], str]) -> tuple[SearchResult, SearchTree]:
    played, wanted = game(decisions=decisions), goals()
    strategy = MCTS(prior=StaticPrior(lambda action: 1.0 + action))
    result = strategy.run(played, wanted, Budget(simulations=simulations), [(), (0, 3), (1, 1)])
    return result, tree_of(result, wanted, label, lambda action: f"do({label(action)})", ["nothing", "pair", "wrong"])
