"""The tactic that searches: what may be said of a search, and what it adds to a schedule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from autopart.game.game_parts import game_name, state_of
from autopart.game.partition_game import PartitionGame
from autopart.game.pruning.analyses import EVERY_ANALYSIS, Analyses
from autopart.goals.named_goals import AnyGoal
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.planner.aims import ProgramAim
from autopart.planner.listener import Listener
from autopart.search import Budget, Cluster, Goals, Journal, Prior, SearchTree, Strategy
from autopart.tactics.manual import Tactic

Seeds: TypeAlias = Callable[[PartitionGame], dict[str, tuple[int, ...]]]
"""Names of states to start from, and the actions that lead there from the root."""

EMBEDDED, RAY = "embedded", "ray"


@dataclass(frozen=True)
class Auto:
    """The tactic that searches.

    Attributes:
        axes: mesh axes it may tile; all of them if ``None``.
        goals: what it searches for; those of ``partition`` if ``None``.
        budget: states to look at, or seconds; the first reached ends the search.
        seed: of the search's random generator.
        prior: ``static`` (bytes that an action decides), ``guided`` (half of it by what holds the state back, see
            ``guided``) or ``uniform``; or a ``search.Prior`` of one's own.
        strategy: how it searches; a name in ``search.STRATEGIES``, or a ``search.Strategy`` of one's own. One that
            has fields ``seed``, ``prior`` and ``clock``, as a ``search.Explorer`` has, is given these.
        options: settings of a strategy by name; the fields of its class.
        fold: look at one layer of many equal ones where the program has them; what is found is judged on the
            whole program in any case.
        analyses: what makes the tree smaller, and its moves more telling.
        backend: ``embedded``: in this process; ``ray``: with workers on a Ray cluster.
        workers: how many.
        cluster: where they run.
    """

    axes: tuple[str, ...] | None = None
    goals: Sequence[AnyGoal] | None = None
    budget: Budget = field(default_factory=lambda: Budget(simulations=2000))
    seed: int = 0
    prior: str | Prior = "static"
    fold: bool = True
    strategy: str | Strategy = "mcts"
    options: Mapping[str, Any] = field(default_factory=dict)
    analyses: Analyses = EVERY_ANALYSIS
    backend: str = EMBEDDED
    workers: int = 1
    cluster: Cluster = field(default_factory=Cluster)


@dataclass(frozen=True)
class Found:
    """What a search adds to a schedule.

    Attributes:
        tactics: what it adds.
        recipes: the known recipes' figures, by name.
        story: how it went, as plain values.
        tree: every state that was looked at; of a folded program with that one's figures.
    """

    tactics: list[Tactic]
    recipes: dict[str, dict[str, float]]
    story: dict[str, Any]
    tree: SearchTree


@dataclass(frozen=True)
class Ask:
    """What is searched for: see ``searching.search_after``."""

    problem: Problem
    prefix: tuple[Tactic, ...]
    auto: Auto
    aim: ProgramAim
    listener: Listener
    seeds: Seeds
    journal: Journal | None
    stage: int

    @property
    def goals(self) -> Goals:
        """The goals of the aim."""
        return self.aim.goals

    @property
    def axes(self) -> tuple[str, ...]:
        """The mesh axes that may be tiled."""
        return self.problem.mesh.axis_names if self.auto.axes is None else self.auto.axes

    def state(self) -> State:
        """The state of the whole program to search from, which measures what the goals ask for."""
        return state_of(self.problem, self.prefix, self.aim.counted)

    def name(self, is_folded: bool) -> str:
        """Of the game, in a journal."""
        rules = self.aim.rules
        played = self.prefix, self.axes, self.goals.metric_names, rules, self.auto.analyses, self.stage
        return game_name(self.problem, played, is_folded)

    def needs_whole(self) -> bool:
        """Whether an earlier search in the journal had to go on to the whole program."""
        if self.journal is None:
            return False
        whole = self.name(is_folded=False)
        return any(section.header.game.startswith(whole) for section in self.journal.sections)
