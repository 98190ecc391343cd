"""One strategy on one strategy graph."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from autopart.benchmarks.strategy_graph.document import StrategyGraph
from autopart.benchmarks.strategy_graph.dual import reparametrised
from autopart.benchmarks.strategy_graph.game import StrategyGame
from autopart.benchmarks.strategy_graph.prior import CostPrior
from autopart.benchmarks.strategy_graph.sequential import SequentialGame
from autopart.search import Budget, Goals, Minimise, StopReason, make_strategy

SETTINGS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {"mcts": {"rollout_depth": 4, "exploration": 0.1, "max_weight": 1.0, "widening": 2.0, "restart_after": 100}}
)
"""Where a strategy's defaults do not suit this game: hundreds of actions, of which few are worth a second look."""


@dataclass(frozen=True)
class Answer:
    """What was found: one option a node, its cost, and a bound that no cost is below.

    ``states`` were evaluated; ``seconds`` include the preparation.
    """

    strategy: str
    seed: int
    choice: tuple[int, ...]
    cost: float
    bound: float
    proven: bool
    states: int
    seconds: float
    stop: str


def solve(graph: StrategyGraph, name: str, seed: int, budget: Budget, options: Mapping[str, Any]) -> Answer:
    """The best choice that a strategy finds.

    The game starts from the better of two choices: each node's cheapest option, and its cheapest in the reparametrised
    graph, whose bound is that of the answer where the strategy proves none.

    Raises:
        SearchError: an unknown strategy or option.
    """
    begin = time.perf_counter()
    moved, bound = reparametrised(graph)
    strategy = make_strategy(name, seed, CostPrior(moved), **{**SETTINGS.get(name, {}), **options})
    start = _start(graph, moved)
    game = SequentialGame(graph, start, moved) if name == "exhaustive" else StrategyGame(graph, start)
    result = strategy.run(game, Goals([Minimise("cost")], game.metric_names), budget)
    for action in result.best_actions:
        game.apply(action)
    cost = graph.cost(game.choice)
    reached = result.bound is not None and cost <= result.bound[0] + game.rounding
    proven = result.stop is StopReason.EXHAUSTED or reached
    known = cost if proven else max((bound, *(result.bound or ())))
    seconds = time.perf_counter() - begin
    choice = tuple(game.choice)
    return Answer(name, seed, choice, cost, known, proven, result.simulations, seconds, str(result.stop))


def _start(graph: StrategyGraph, moved: StrategyGraph) -> Sequence[int]:
    cheapest = [[int(costs.argmin()) for costs in nodes] for nodes in (graph.nodes, moved.nodes)]
    return min((StrategyGame(graph, choice).choice for choice in cheapest), key=graph.cost)
