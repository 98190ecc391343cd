"""One program under one set of analyses: the tree, and what searches of equal budgets find."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

from autopart.cost.metrics import METRICS, STEP_S
from autopart.folding.fold import fold
from autopart.game.actions import ActionTable, action_table
from autopart.game.partition_game import PartitionGame
from autopart.game.pruning.analyses import Analyses
from autopart.goals.named_goals import default_goals
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.planner.aims import aim_on
from autopart.planner.auto import Auto
from autopart.planner.listener import Listener
from autopart.planner.searching import one_each, search_after
from autopart.search import Budget, Exhaustive, Goals, Improvement, StopReason


@dataclass(frozen=True)
class Tree:
    """How large a tree is, down to a depth.

    Attributes:
        root: actions at the root.
        mean: actions of a node, over the nodes that were looked into.
        nodes, edges: distinct states, and actions of those looked into.
        complete: whether all nodes down to the depth were looked into.
    """

    root: int
    mean: float
    nodes: int
    edges: int
    complete: bool


@dataclass(frozen=True)
class Row:
    """A program under a set of analyses.

    Attributes:
        program, analyses: by name.
        tree: its tree.
        states: states that exhaustive search looked at, with bounds if they are on; ``proven``: to the end.
        states_per_s: of the Monte Carlo tree search.
        step_s: the best step time that searches found, the median over their seeds.
    """

    program: str
    analyses: str
    tree: Tree
    states: int | None
    proven: bool
    states_per_s: float
    step_s: float

    def document(self) -> dict[str, Any]:
        """The figures as plain JSON values."""
        return asdict(self)


def game_of(problem: Problem, analyses: Analyses) -> PartitionGame:
    """The game that a search would play: on the folded program where layers are tied."""
    folded = fold(problem) if analyses.layers else None
    played = problem if folded is None else folded.problem
    groups = played.groups if analyses.layers else one_each(played.groups)
    table: ActionTable = action_table(played, played.mesh.axis_names, groups=groups)
    return PartitionGame(State(played), table, analyses)


def tree_of(game: PartitionGame, depth: int, most: int) -> Tree:
    """Walks the tree breadth first, every state once, down to a depth or until ``most`` states are known."""
    known, branching, level = {game.key()}, list[int](), [tuple[int, ...]()]
    for _ in range(depth):
        following: list[tuple[int, ...]] = []
        for actions in level:
            for action in actions:
                game.apply(action)
            offered = game.actions()
            branching.append(len(offered))
            for action in offered:
                game.apply(action)
                if game.key() not in known:
                    known.add(game.key())
                    following.append((*actions, action))
                game.undo()
            for _ in actions:
                game.undo()
            if len(known) >= most:
                return Tree(branching[0], statistics.mean(branching), len(known), sum(branching), False)
        if not following:
            break
        level = following
    return Tree(branching[0], statistics.mean(branching), len(known), sum(branching), True)


class _Best(Listener):
    """Keeps the latest improvement."""

    metrics: tuple[float, ...] = ()

    def on_improvement(self, improvement: Improvement) -> None:
        """Notes it."""
        self.metrics = improvement.metrics


def measure(
    program: str, name: str, problem: Problem, analyses: Analyses, depth: int | None, most: int, seeds: int, budget: int
) -> Row:
    """The row of a program under a set of analyses; without a ``depth`` also the proof of the optimum."""
    goals = Goals(default_goals(problem.mesh), METRICS)
    tree = tree_of(game_of(problem, analyses), most if depth is None else depth, most)
    states, proven = None, False
    if depth is None:
        found = Exhaustive().run(game_of(problem, analyses), goals, Budget(simulations=most))
        states, proven = found.simulations, found.stop is StopReason.EXHAUSTED
    steps, rates = [], []
    for seed in range(seeds):
        best, began = _Best(), time.perf_counter()
        auto = Auto(budget=Budget(simulations=budget), seed=seed, analyses=analyses)
        story = search_after(problem, (), auto, aim_on(problem, goals), best).story
        rates.append(story["simulations"] / (time.perf_counter() - began))
        steps.append(best.metrics[STEP_S])
    return Row(program, name, tree, states, proven, statistics.median(rates), statistics.median(steps))
