"""Clock and observer: what is told, when, and stopping on seconds."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from autopart.search import (
    MCTS,
    Budget,
    Goals,
    Improvement,
    Minimise,
    Observers,
    Progress,
    RandomSearch,
    StopReason,
    Strategy,
)
from tests.search.games import TableGame


class Clock:
    """Moves on by `tick_s` at every look."""

    def __init__(self, tick_s: float) -> None:
        self._now_s, self._tick_s = 100.0, tick_s

    def __call__(self) -> float:
        self._now_s += self._tick_s
        return self._now_s


class Recorder:
    def __init__(self) -> None:
        self.improvements: list[Improvement] = []
        self.progress: list[Progress] = []

    def on_improvement(self, improvement: Improvement) -> None:
        self.improvements.append(improvement)

    def on_progress(self, progress: Progress) -> None:
        self.progress.append(progress)


def _line() -> tuple[TableGame, Goals]:
    """Return a line of 1000 states, each better than the one before."""
    game = TableGame(
        {state: {1: state + 1} for state in range(999)},
        {state: (1000.0 - state,) for state in range(1000)},
    )
    return game, Goals([Minimise("cost")], game.metric_names)


either = pytest.mark.parametrize(
    "make", [lambda clock: MCTS(clock=clock), lambda clock: RandomSearch(clock=clock)], ids=["mcts", "random"]
)
Make = Callable[[Clock], Strategy]


@either
def test_stops_on_seconds(make: Make) -> None:
    result = make(Clock(tick_s=0.01)).run(*_line(), Budget(seconds=1.0))
    assert result.stop is StopReason.SECONDS
    assert 2 < result.simulations < 100
    assert result.seconds >= 1.0


@either
def test_progress_comes_at_most_ten_times_a_second_and_in_the_end(make: Make) -> None:
    recorder = Recorder()
    result = make(Clock(tick_s=0.004)).run(*_line(), Budget(simulations=300), observer=recorder)
    times = [progress.seconds for progress in recorder.progress]
    assert len(times) > 5
    assert all(later - earlier >= 0.1 for earlier, later in pairwise(times[:-1]))
    last = recorder.progress[-1]
    assert last.binding == "cost"
    assert last.nodes == last.simulations == result.simulations == 300
    assert last.depth == last.simulations - 1
    assert last.best_metrics == (1000.0 - last.depth,)


@either
def test_every_improvement_is_told_at_once(make: Make) -> None:
    recorder = Recorder()
    result = make(Clock(tick_s=0.0)).run(*_line(), Budget(simulations=20), observer=recorder)
    assert tuple(recorder.improvements) == result.improvements
    assert [found.simulation for found in recorder.improvements] == list(range(1, 21))
    assert recorder.improvements[3].actions == (1, 1, 1)
    assert recorder.improvements[3].metrics == (997.0,)
    assert [progress.simulations for progress in recorder.progress] == [20]


def test_several_observers_hear_the_same() -> None:
    first, second = Recorder(), Recorder()
    MCTS(clock=Clock(0.004)).run(*_line(), Budget(simulations=50), observer=Observers((first, second)))
    assert first.improvements == second.improvements
    assert first.progress == second.progress
    assert first.progress
