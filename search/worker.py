"""A searcher among several: it searches in a thread of its own, and now and then tells what it found and is told."""

import pickle
import queue
import resource
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from autopart.search.budget import Budget, StopReason
from autopart.search.errors import SearchError
from autopart.search.explorer import Explorer
from autopart.search.game import Game
from autopart.search.goals import Goals
from autopart.search.journal import Evaluated
from autopart.search.observer import NullObserver
from autopart.search.recorded import Clock, Record, recorded_game
from autopart.search.session import Session
from autopart.search.sharing import Report, SharedRoot, Update
from autopart.search.walk import Walk

MakeStrategy = Callable[[Game, int, Clock], Explorer]
"""Gives the strategy for a game, which its prior may look at, a seed and a clock."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What all searchers of a game are given when they begin; it is pickled and shipped once.

    A searcher reports after `period_s`, or when its grant is used up.
    """

    make_game: Callable[[], Game]
    make_strategy: MakeStrategy
    goals: Goals
    budget: Budget
    seeds: Sequence[Sequence[int]]
    seed: int
    period_s: float


class _Fresh(Record):
    """A record that remembers what was added to it since someone asked."""

    def __init__(self, known: dict[int, Evaluated]) -> None:
        super().__init__(known, None, time.perf_counter, repeats=False)
        self.fresh: list[Evaluated] = []

    def add(self, state: Evaluated) -> None:
        super().add(state)
        self.fresh.append(state)


class _SharedSession(Session):
    """A session that stops only to exchange news, until the searcher's process is ended."""

    def __init__(
        self, game: Game, assignment: Assignment, record: _Fresh, exchange: Callable[[Report], Update]
    ) -> None:
        super().__init__(game, assignment.goals, assignment.budget, NullObserver(), record, lambda: False)
        self._record, self._exchange, self._period_s = record, exchange, assignment.period_s
        self._walk: Walk | None = None
        self._grant, self._told_s = 0, 0.0

    def begin(self, walk: Walk, first: Update) -> None:
        """Share what is walked from here on."""
        self._root = SharedRoot(walk.graph)
        self._take(walk, first)
        self._walk = walk

    def report(self, walk: Walk, stop: StopReason | None = None) -> Report:
        """Return what is new."""
        fresh, self._record.fresh = self._record.fresh, []
        return Report(fresh, self._root.own(), walk.graph.transpositions, memory_bytes(), stop)

    def stop(self) -> StopReason | None:
        """Exchange news if it is time; the walk is where it was, at the same nodes."""
        walk = self._walk
        if walk is not None and (
            len(self._record.fresh) >= self._grant or self.seconds - self._told_s >= self._period_s
        ):
            self._walk = None  # No exchange within an exchange.
            self._take(walk, self._exchange(self.report(walk)))
            self._walk = walk
        return None

    def _take(self, walk: Walk, update: Update) -> None:
        self._record.known.update((state.key, state) for state in update.states)
        if update.root is not None:
            self._root.merge(update.root)
        best = update.best
        if best is not None and best.key not in walk.graph.nodes:
            here = walk.actions
            walk.replay(best.actions)
            walk.go(here)
        self._grant, self._told_s = update.grant, self.seconds


class Worker:
    """One searcher; `number` tells it from the others, and number 0 searches as a search alone would.

    `assignment` is a pickled `Assignment`, `known` a list of pickled states.
    """

    def __init__(self, number: int, assignment: bytes, known: bytes) -> None:
        self._inbox: queue.SimpleQueue[Update] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._last: Report | None = None
        given: Assignment = pickle.loads(assignment)
        states: list[Evaluated] = pickle.loads(known)
        threading.Thread(target=self._search, args=(number, given, states), daemon=True).start()

    def advance(self, update: bytes) -> bytes:
        """Go on with a pickled `Update`, and return the next `Report`, pickled."""
        if self._last is None:
            self._inbox.put(pickle.loads(update))
            report = self._outbox.get()
            self._last = report if report.stop is not None or report.error is not None else None
        else:
            report = self._last._replace(states=[])
        return pickle.dumps(report)

    def _search(self, number: int, given: Assignment, known: Sequence[Evaluated]) -> None:
        try:
            self._outbox.put(self._explored(number, given, known))
        except Exception as error:
            self._outbox.put(Report([], None, 0, error=_portable(error)))

    def _explored(self, number: int, given: Assignment, known: Sequence[Evaluated]) -> Report:
        record = _Fresh({state.key: state for state in known})
        own = given.make_game()
        strategy = given.make_strategy(own, seed_of(given.seed, number), record)
        game = recorded_game(own, record)
        session = _SharedSession(game, given, record, self._exchange)
        walk = Walk(game, session, strategy.prior)
        for seed in given.seeds:
            walk.replay(seed)
        session.begin(walk, self._inbox.get())
        stop = strategy.explore(walk)
        return session.report(walk, stop)

    def _exchange(self, report: Report) -> Update:
        self._outbox.put(report)
        return self._inbox.get()


def memory_bytes() -> int:
    """Return the most memory that this process ever held."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def seed_of(seed: int, number: int) -> int:
    """Return the seed of a searcher's random numbers."""
    return seed if number == 0 else int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def _portable(error: Exception) -> Exception:
    """The error itself if it can travel."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return SearchError(f"{type(error).__name__}: {error}")
    return error
