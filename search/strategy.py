"""What any search strategy takes and returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from autopart.search.budget import Budget, StopReason
from autopart.search.game import Game
from autopart.search.goals import Goals
from autopart.search.graph import SearchGraph
from autopart.search.observer import Improvement, Observer


@dataclass(frozen=True, slots=True)
class SeedOutcome:
    """What became of a seed: its metrics, or the first action that was illegal (the rest is skipped).

    `metrics` are those of the state that the legal steps, `actions[:legal]`, lead to.
    """

    actions: tuple[int, ...]
    legal: int
    metrics: tuple[float, ...]

    @property
    def illegal_action(self) -> int | None:
        """The action that could not be done, or None where all could."""
        return self.actions[self.legal] if self.legal < len(self.actions) else None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The best answer found, as actions from the root, and how the search went.

    `simulations` counts evaluated states, the root's and the seeds' included; `nodes` the states known;
    `transpositions` the edges found to lead to a state already known by another way. `bound` is a rank (see
    `Goals.rank`) that no reachable state is below: the best one's where the search is EXHAUSTED, else what a
    strategy proved, or None.
    """

    best_actions: tuple[int, ...]
    best_metrics: tuple[float, ...]
    best_key: int
    improvements: tuple[Improvement, ...]
    simulations: int
    seconds: float
    stop: StopReason
    transpositions: int
    nodes: int
    seeds: tuple[SeedOutcome, ...]
    graph: SearchGraph
    bound: tuple[float, ...] | None = None


class Strategy(Protocol):
    """A way to search."""

    def run(
        self,
        game: Game,
        goals: Goals,
        budget: Budget,
        seeds: Sequence[Sequence[int]] = (),
        observer: Observer | None = None,
    ) -> SearchResult:
        """Search from the game's current state, leave the game there, and return the best answer.

        The root and all seeds are evaluated even if the budget is smaller, so the answer is never worse
        than any of them. A KeyboardInterrupt ends the search with what is best so far; before the root
        is evaluated there is nothing, and it passes through. Raises SearchError where game, goals or
        prior break their promises.
        """
        ...
