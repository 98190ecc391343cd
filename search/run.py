"""The frame of every run: the root, then the seeds, then the strategy's own way, then back to the root."""

from collections.abc import Callable, Sequence

from autopart.search.budget import Budget, StopReason
from autopart.search.game import Game
from autopart.search.goals import Goals
from autopart.search.interrupt import deferred_interrupt
from autopart.search.observer import Observer
from autopart.search.priors import Prior
from autopart.search.session import Session
from autopart.search.strategy import SearchResult, SeedOutcome
from autopart.search.walk import Walk


def run_search(
    game: Game,
    goals: Goals,
    budget: Budget,
    seeds: Sequence[Sequence[int]],
    observer: Observer,
    prior: Prior,
    clock: Callable[[], float],
    explore: Callable[[Walk], StopReason],
) -> SearchResult:
    """Run `explore`, which walks until the session says stop or the root is exhausted; see `Strategy.run`."""
    outcomes: list[SeedOutcome] = []
    with deferred_interrupt() as interrupted:
        session = Session(game, goals, budget, observer, clock, interrupted)
        walk = Walk(game, session, prior)
        try:
            for seed in seeds:
                if interrupted():
                    break
                outcomes.append(walk.replay(seed))
            stop = explore(walk)
            session.tell()
        except KeyboardInterrupt:
            stop = StopReason.INTERRUPTED
        finally:
            walk.unwind()
        if interrupted():
            stop = StopReason.INTERRUPTED
        return result_of(session, walk, outcomes, stop)


def result_of(
    session: Session, walk: Walk, seeds: Sequence[SeedOutcome], stop: StopReason, elsewhere: int = 0,
    nodes: int | None = None,
) -> SearchResult:  # fmt: skip
    """What a search that stopped has found.

    Args:
        session: which knows the improvements and how many states were evaluated.
        walk: in this process, back at the root.
        seeds: what each seed came to.
        stop: why it stopped.
        elsewhere: transpositions in the graphs of other processes.
        nodes: states known to all; by default those of the walk.
    """
    best = session.improvements[-1]
    return SearchResult(
        best_actions=best.actions,
        best_metrics=best.metrics,
        best_key=session.best_key,
        improvements=tuple(session.improvements),
        simulations=session.simulations,
        seconds=session.seconds,
        stop=stop,
        transpositions=walk.graph.transpositions + elsewhere,
        nodes=len(walk.graph.nodes) if nodes is None else nodes,
        seeds=tuple(seeds),
        graph=walk.graph,
        bound=session.best_rank if stop is StopReason.EXHAUSTED else walk.bound,
    )
