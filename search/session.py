"""One run's count, clock and incumbent: all that strategies share but the way they choose."""

from collections.abc import Callable, Sequence

from autopart.search.budget import Budget, StopReason
from autopart.search.errors import SearchError
from autopart.search.game import Game
from autopart.search.goals import Goals
from autopart.search.observer import Improvement, Observer, Progress

_PROGRESS_PERIOD_S = 0.1


class Session:
    """Evaluates states, counts them, and keeps the best.

    `clock` gives seconds; `interrupted` tells whether someone asked to stop. Raises SearchError when the
    goals were made for a game with other metrics.
    """

    def __init__(
        self,
        game: Game,
        goals: Goals,
        budget: Budget,
        observer: Observer,
        clock: Callable[[], float],
        interrupted: Callable[[], bool],
    ) -> None:
        if goals.metric_names != tuple(game.metric_names):
            raise SearchError(
                f"the goals are over the metrics {', '.join(goals.metric_names)}, the game measures "
                f"{', '.join(game.metric_names)}"
            )
        self.simulations = 0
        self.best_key = 0
        self.best_rank: tuple[float, ...] = ()
        self.improvements: list[Improvement] = []
        self.interrupted = interrupted
        self._game = game
        self.goals = goals
        self.budget = budget
        self._observer = observer
        self._clock = clock
        self._started = clock()
        self._reported = 0.0
        self._deepest = 0
        self._reference: tuple[float, ...] = ()

    @property
    def seconds(self) -> float:
        """Seconds since the session began."""
        return self._clock() - self._started

    def stop(self) -> StopReason | None:
        """Return why to stop now, or None."""
        if self.interrupted():
            return StopReason.INTERRUPTED
        spent = self.budget.spent(self.simulations, self.seconds)
        if spent is None and self.budget.stall is not None and self.improvements:
            stalled = self.simulations - self.improvements[-1].simulation >= self.budget.stall
            return StopReason.STALLED if stalled else None
        return spent

    def rank(self, metrics: Sequence[float]) -> tuple[float, ...]:
        """Return how a state with these metrics ranks; the smaller the better."""
        return self.goals.rank(metrics)

    def evaluate(self, key: int, actions: Sequence[int]) -> tuple[tuple[float, ...], float]:
        """Return metrics and value of the game's current state, reached by `actions`: one simulation.

        The first state evaluated, the root, is the reference of all values.
        """
        metrics = tuple(self._game.metrics())
        self.goals.check(metrics)
        self.simulations += 1
        if not self._reference:
            self._reference, self.goals = metrics, self.goals.relative_to(metrics)
        self._deepest = max(self._deepest, len(actions))
        self.offer(key, actions, metrics)
        self._report()
        return metrics, self.goals.value(metrics, self._reference)

    def offer(self, key: int, actions: Sequence[int], metrics: tuple[float, ...]) -> None:
        """Take an answer that ranks better than the best so far, or as well with fewer actions."""
        rank = self.goals.rank(metrics)
        if self.improvements:
            best_length = len(self.improvements[-1].actions)
            if (rank, len(actions)) >= (self.best_rank, best_length):
                return
        self.best_key, self.best_rank = key, rank
        self.improvements.append(Improvement(self.simulations, self.seconds, tuple(actions), metrics))
        self._observer.on_improvement(self.improvements[-1])

    def _report(self) -> None:
        if self.seconds - self._reported >= _PROGRESS_PERIOD_S:
            self.tell()

    def tell(self) -> None:
        """Tell how it goes, whenever that was told last."""
        self._reported = seconds = self.seconds
        best = self.improvements[-1].metrics
        self._observer.on_progress(
            Progress(
                simulations=self.simulations,
                seconds=seconds,
                best_metrics=best,
                binding=self.goals.binding(best),
                nodes=self.simulations,
                depth=self._deepest,
            )
        )
