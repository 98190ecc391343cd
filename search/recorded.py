"""A search that keeps a journal: it evaluates nothing that stands there, and writes what it evaluates."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from autopart.search.bounds import BoundedGame
from autopart.search.budget import Budget
from autopart.search.choices import ChoiceProblem, TabledGame
from autopart.search.errors import SearchError
from autopart.search.game import Game
from autopart.search.goals import Goals
from autopart.search.journal import Evaluated, Header, Journal, Section
from autopart.search.observer import Improvement, NullObserver, Observer, Progress
from autopart.search.priors import UniformPrior
from autopart.search.session import Session
from autopart.search.strategy import SearchResult, Strategy
from autopart.search.walk import Walk

Clock = Callable[[], float]

_BATCH: Final = 256
_BATCH_S: Final = 1.0
"""States are written when there are so many, or after so many seconds, or with an improvement."""


class Record:
    """The states of a game that were ever evaluated, by key, and the journal, if any, that keeps them.

    Called, it is a clock: seconds since it was made. If the search `repeats` an earlier one, a state that is recalled
    sets the clock to when it was evaluated, so the search is told the same times, and has as many seconds left.
    """

    def __init__(
        self, known: dict[int, Evaluated], journal: Journal | None, clock: Clock, *, repeats: bool
    ) -> None:  # fmt: skip
        self.known = known
        self._repeats = repeats
        self._journal = journal
        self._clock = clock
        self._set, self._set_to = self._clock(), 0.0
        self._waiting: list[Evaluated] = []
        self._written_s = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self._set_to + self._clock() - self._set

    def recall(self, key: int) -> tuple[float, ...] | None:
        """Return the metrics of a state; None if it was never evaluated."""
        state = self.known.get(key)
        if state is None:
            return None
        if self._repeats:
            self._set_clock(state.seconds)
        return state.metrics

    def catch_up(self) -> None:
        """Go to the time of the latest evaluation: for a search that goes on from all states at once."""
        self._set_clock(max([self(), *(state.seconds for state in self.known.values())]))

    def _set_clock(self, seconds: float) -> None:
        self._set, self._set_to = self._clock(), seconds

    def add(self, state: Evaluated) -> None:
        """Keep a state just evaluated."""
        self.known[state.key] = state
        if self._journal is None:
            return
        self._waiting.append(state)
        if len(self._waiting) >= _BATCH or state.seconds - self._written_s >= _BATCH_S:
            self.flush()

    def improve(self, found: Improvement) -> None:
        """Keep an improvement, and write all that waits."""
        self.flush()
        if self._journal is not None:
            self._journal.add_improvement(found)

    def flush(self) -> None:
        """Write all that waits."""
        if self._waiting and self._journal is not None:
            self._journal.add_states(self._waiting)
            self._written_s = self._waiting[-1].seconds
            self._waiting = []


class RecordedGame:
    """A game whose states are measured once: what the record holds is recalled, the rest is added to it."""

    def __init__(self, game: Game, record: Record) -> None:
        self._game = game
        self._record = record
        self._trail: list[int] = []

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The game's."""
        return self._game.metric_names

    def actions(self) -> Sequence[int]:
        """The game's."""
        return self._game.actions()

    def apply(self, action: int) -> None:
        """Play it in the game."""
        self._game.apply(action)
        self._trail.append(action)

    def undo(self) -> None:
        """Take it back in the game."""
        self._game.undo()
        self._trail.pop()

    def key(self) -> int:
        """The game's."""
        return self._game.key()

    def metrics(self) -> tuple[float, ...]:
        """Recall the current state's figures, or measure them."""
        key = int(self._game.key())
        known = self._record.recall(key)
        if known is not None:
            return known
        metrics = tuple(self._game.metrics())
        self._record.add(Evaluated(key, tuple(self._trail), metrics, self._record()))
        return metrics

    def describe(self, action: int) -> str:
        """The game's."""
        return self._game.describe(action)


class _Bounded(RecordedGame):
    _game: BoundedGame

    def lower_bounds(self) -> tuple[float, ...]:
        return self._game.lower_bounds()


class _Tabled(RecordedGame):
    _game: TabledGame

    def choices(self) -> ChoiceProblem:
        return self._game.choices()

    def toward(self, choice: Sequence[int]) -> int | None:
        return self._game.toward(choice)


class _BoundedTabled(_Bounded, _Tabled):
    _game: "_BoundedTabledGame"


class _BoundedTabledGame(BoundedGame, TabledGame, Protocol):
    pass


def recorded_game(game: Game, record: Record) -> Game:
    """Return the game, measured through the record; a `BoundedGame` stays one, and so does a `TabledGame`."""
    if isinstance(game, BoundedGame):
        return (_BoundedTabled if isinstance(game, TabledGame) else _Bounded)(game, record)
    return (_Tabled if isinstance(game, TabledGame) else RecordedGame)(game, record)


class _Keeper:
    """Writes improvements that the journal does not hold yet, and tells the observer of all."""

    def __init__(self, record: Record, past: Sequence[Section], observer: Observer) -> None:
        self._record, self._observer = record, observer
        self._held = {(i.simulation, i.actions) for section in past for i in section.improvements}

    def on_improvement(self, improvement: Improvement) -> None:
        if (improvement.simulation, improvement.actions) not in self._held:
            self._record.improve(improvement)
        self._observer.on_improvement(improvement)

    def on_progress(self, progress: Progress) -> None:
        self._observer.on_progress(progress)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A strategy that keeps a journal, and goes on from what stands in it.

    Where the journal holds a search of the same game with the same settings, that search is walked again, each state
    recalled rather than evaluated, and goes on: in a deterministic strategy that is bounded by simulations, the answer
    is that of a search never interrupted. A smaller budget than what was evaluated is raised to that. Where only the
    game is the same, the best state known is a seed more. In any case the answer is no worse than the best known.

    `make` gives the strategy for a record, which is its clock too; without a `journal` nothing is written.
    """

    make: Callable[[Record], Strategy]
    journal: Journal | None
    header: Header
    clock: Clock = time.perf_counter

    def run(
        self,
        game: Game,
        goals: Goals,
        budget: Budget,
        seeds: Sequence[Sequence[int]] = (),
        observer: Observer | None = None,
    ) -> SearchResult:
        """Search; see `Strategy.run`. Raises SearchError where the journal's states are not the game's."""
        if goals.needs_root:
            goals = goals.relative_to(tuple(game.metrics()))
        past = [] if self.journal is None else self.journal.begin(self.header)
        known = {state.key: state for section in past for state in section.states}
        repeats = any(section.header.settings == self.header.settings for section in past)
        best = best_state(known.values(), goals)
        if best is not None:
            check_state(game, known.get(int(game.key())), ())
            check_state(game, best, best.actions)
            if not repeats:
                seeds = [*seeds, best.actions]
            elif budget.simulations is not None:
                budget = replace(budget, simulations=max(budget.simulations, len(known)))
        record = Record(known, self.journal, self.clock, repeats=repeats)
        keeper, played = _Keeper(record, past, observer or NullObserver()), recorded_game(game, record)
        try:
            result = self.make(record).run(played, goals, budget, seeds, keeper)
        finally:
            record.flush()
        if best is None or goals.rank(best.metrics) >= goals.rank(result.best_metrics):
            return result
        _walk_to(result, best, Session(played, goals, budget, NullObserver(), record, lambda: False), played)
        last = Improvement(result.simulations, result.seconds, best.actions, best.metrics)
        keeper.on_improvement(last)
        improvements = (*result.improvements, last)
        return replace(
            result, best_actions=best.actions, best_metrics=best.metrics, best_key=best.key, improvements=improvements
        )


def _walk_to(result: SearchResult, best: Evaluated, session: Session, game: Game) -> None:
    """Lead the graph of a search to a state that it did not come to itself."""
    walk = Walk(game, session, UniformPrior())
    walk.graph, walk.node = result.graph, result.graph.root
    walk.replay(best.actions)


def best_state(states: Iterable[Evaluated], goals: Goals) -> Evaluated | None:
    """Return the state that ranks best, of equals that with the fewest actions, of these the first by their numbers."""
    return min(states, key=lambda s: (goals.rank(s.metrics), len(s.actions), s.actions), default=None)


def check_state(game: Game, state: Evaluated | None, actions: Sequence[int]) -> None:
    """Raise SearchError unless the game, after these actions, is in the state and measures what was measured there."""
    played = 0
    try:
        for action in actions:
            if action not in game.actions():
                break
            game.apply(action)
            played += 1
        here = played == len(actions) and int(game.key())
        if state is None or here != state.key or tuple(game.metrics()) != state.metrics:
            raise SearchError(
                "a state that was recorded measures something else now: the program, or what estimates its costs, has "
                "changed since. Fix: search anew."
            )
    finally:
        for _ in range(played):
            game.undo()
