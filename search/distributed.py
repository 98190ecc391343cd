"""Search on several machines at once: workers that search the same game, each by itself, and share what they find.

Root-parallel (Chaslot et al. 2008): each worker grows a graph of its own from the root, and what they share is merged
here (`sharing.py`) and handed on with each worker's next grant: the statistics of the root, the best state, and the
values of states near the root, where ways cross. Nobody waits for anybody: a worker that reports is answered at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from autopart.search.budget import Budget, StopReason
from autopart.search.crew import Cluster, Crew, Member, Traffic, connected
from autopart.search.errors import SearchError
from autopart.search.explorer import Explorer
from autopart.search.game import Game
from autopart.search.goals import Goals
from autopart.search.interrupt import deferred_interrupt
from autopart.search.journal import Evaluated
from autopart.search.observer import NullObserver, Observer
from autopart.search.recorded import Record, best_state
from autopart.search.run import result_of
from autopart.search.session import Session
from autopart.search.settings import at_least
from autopart.search.sharing import Report, Roots, SharedRoot, Update
from autopart.search.strategy import SearchResult, SeedOutcome
from autopart.search.walk import Walk
from autopart.search.worker import Assignment, MakeStrategy

_SHARED_DEPTH: Final = 2
"""States of so few actions are told to all: farther from the root, two workers hardly ever meet."""

_LEAST_GRANT, _MOST_GRANT = 16, 1024
"""States between two reports of a worker, where time does not bring the report earlier."""


class _HomeSession(Session):
    """The session of the process that has the answer; its simulations are the states that any process evaluated."""

    def __init__(
        self, game: Game, goals: Goals, budget: Budget, observer: Observer, record: Record,
        interrupted: Callable[[], bool],
    ) -> None:  # fmt: skip
        super().__init__(game, goals, budget, observer, record, interrupted)
        self._record = record

    def evaluate(self, key: int, actions: Sequence[int]) -> tuple[tuple[float, ...], float]:
        """Evaluate the game's current state; see `Session.evaluate`."""
        found = super().evaluate(key, actions)
        self.simulations = len(self._record.known)
        return found

    def take(self, reported: Sequence[Evaluated]) -> None:
        """Keep states, and take the best of them for an answer if it is one.

        Raises SearchError where it does not measure here what it measured there.
        """
        record = self._record
        states = [state._replace(seconds=record()) for state in reported if state.key not in record.known]
        best = best_state(states, self.goals)
        if best is not None and self.rank(best.metrics) < self.best_rank:
            self._confirm(best)
        for state in states:
            if state.key not in record.known:
                record.add(state)
        self.simulations = len(record.known)
        if best is not None:
            self.offer(best.key, best.actions, best.metrics)
            self._report()

    def _confirm(self, best: Evaluated) -> None:
        game = self._game
        for action in best.actions:
            game.apply(action)
        here = int(game.key()), tuple(game.metrics())
        for _ in best.actions:
            game.undo()
        if here != (best.key, best.metrics):
            raise SearchError(
                f"a worker measured {best.metrics}, here the same state measures {here[1]}. Fix: the same software on "
                "all machines."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Distributed:
    """A strategy that has `workers` workers on Ray search with the strategy that `make_strategy` gives.

    The root and the seeds are evaluated here. Worker 0 has the seed given, the others seeds drawn from it and
    their number; one that died is replaced, under a new number, as soon as Ray has room. One worker alone does what the
    same strategy does without Ray, state for state. With several the answer depends on who is how fast, but is never
    worse than the seeds and the best state of the `record`, and every best state is measured again here.
    Where no worker can be had, `home` searches in this process by itself.

    The simulations of the budget are the states evaluated anywhere, those of the record included: a few more than
    asked for where a worker that was given up reports after all.
    """

    home: Explorer
    make_game: Callable[[], Game]
    make_strategy: MakeStrategy
    record: Record
    workers: int
    seed: int = 0
    cluster: Cluster = field(default_factory=Cluster)
    traffic: Traffic = field(default_factory=Traffic)

    def __post_init__(self) -> None:
        at_least(1, workers=self.workers)

    def run(
        self,
        game: Game,
        goals: Goals,
        budget: Budget,
        seeds: Sequence[Sequence[int]] = (),
        observer: Observer | None = None,
    ) -> SearchResult:
        """Search; see `Strategy.run`. The graph of the result is what this process walked, with the merged root."""
        outcomes: list[SeedOutcome] = []
        with deferred_interrupt() as interrupted:
            session = _HomeSession(game, goals, budget, observer or NullObserver(), self.record, interrupted)
            walk = Walk(game, session, self.home.prior)
            transpositions: dict[int, int] = {}
            try:
                for seed in seeds:
                    if interrupted():
                        break
                    outcomes.append(walk.replay(seed))
                walk.expand()
                self._go_on(session)
                stop = session.stop() or self._together(session, walk, seeds, transpositions)
                if stop is None:
                    self.traffic.alone = True
                    stop = self.home.explore(walk)
                session.tell()
            except KeyboardInterrupt:
                stop = StopReason.INTERRUPTED
            finally:
                walk.unwind()
            if interrupted():
                stop = StopReason.INTERRUPTED
            walk.replay(session.improvements[-1].actions)  # Which a worker may have found; all on its way is recalled.
            elsewhere, known = sum(transpositions.values()), len(self.record.known)
            return result_of(session, walk, outcomes, stop, elsewhere, known)

    def _go_on(self, session: _HomeSession) -> None:
        """From all that the record holds."""
        self.record.catch_up()
        best = best_state(self.record.known.values(), session.goals)
        if best is not None:
            session.offer(best.key, best.actions, best.metrics)

    def _together(
        self, session: _HomeSession, walk: Walk, seeds: Sequence[Sequence[int]],
        transpositions: dict[int, int],
    ) -> StopReason | None:  # fmt: skip
        """Search with workers; return None where there are none."""
        with connected(self.cluster, self.workers) as ray:
            crew = Crew(ray, self.cluster, self.workers, self.traffic)
            given = Assignment(
                self.make_game,
                self.make_strategy,
                session.goals,
                session.budget,
                seeds,
                self.seed,
                self.cluster.period_s,
            )
            try:
                if not crew.ship(given, list(self.record.known.values())):
                    return None
                return _Lead(crew, session, walk, transpositions, self.cluster.period_s).run()
            finally:
                crew.dismiss()


class _Lead:
    """Answers the reports of a crew until the session stops."""

    def __init__(
        self, crew: Crew, session: _HomeSession, walk: Walk, transpositions: dict[int, int], period_s: float
    ) -> None:  # fmt: skip
        self._crew, self._session, self._walk, self._transpositions = crew, session, walk, transpositions
        self._near: list[tuple[int, Evaluated]] = []
        self._roots = Roots(period_s)

    def run(self) -> StopReason | None:
        """Return why it stopped; None where no worker is left."""
        crew, session = self._crew, self._session
        while (stop := session.stop()) is None and not crew.is_lost:
            crew.fill()
            reports = crew.receive()
            began = session.seconds
            for member, report in reports:
                stop = self._take(member, report) or stop
                crew.idle.append(member)
            if stop is not None:
                break
            crew.call_in()
            while crew.idle and (grant := self._grant()):
                self._tell(crew.idle.pop(0), grant)
            crew.traffic.merging_s += session.seconds - began
        if (all_roots := self._roots.all()) is not None:
            SharedRoot(self._walk.graph).merge(all_roots)
        return stop

    def _take(self, member: Member, report: Report) -> StopReason | None:
        """Merge a report; return why nothing is left to search, if so. Raises what the worker met."""
        if report.error is not None:
            raise report.error
        self._near += [(member.number, s) for s in report.states if len(s.actions) <= _SHARED_DEPTH]
        self._session.take(report.states)
        if report.root is not None:
            self._roots.take(member.number, report.root)
        self._transpositions[member.number] = report.transpositions
        return report.stop

    def _grant(self) -> int:
        """What the next worker may evaluate: less when the budget runs out, so that all end together."""
        limit = self._session.budget.simulations
        if limit is None:
            return _MOST_GRANT
        members = self._crew.members
        left = limit - self._session.simulations - sum(member.granted for member in members)
        there = sum(member.has_reported for member in members)
        share = max(_LEAST_GRANT, left // (2 * there))
        return max(0, min(_MOST_GRANT, share, left))

    def _tell(self, member: Member, grant: int) -> None:
        crew, session = self._crew, self._session
        news = [state for number, state in self._near[member.told :] if number != member.number]
        member.told = len(self._near)
        others = self._roots.others(member.number, session.seconds)
        found = session.improvements[-1]
        best = Evaluated(session.best_key, found.actions, found.metrics, found.seconds)
        crew.send(member, Update(grant, news, best, others))
