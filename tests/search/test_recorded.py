"""Searches that keep a journal: interrupted anywhere, they go on as if they had not been."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random

import pytest

from autopart.search import (
    STRATEGIES,
    AtMost,
    BoundedGame,
    Budget,
    Exhaustive,
    Goals,
    Improvement,
    Minimise,
    NullObserver,
    SearchError,
    SearchResult,
    StopReason,
    Weighted,
    make_strategy,
)
from autopart.search.journal import Header, Journal, read_journal
from autopart.search.recorded import Recorded, recorded_game
from autopart.search.strategy import Strategy
from tests.search.games import AssignmentGame, ChainOfGroups, TableGame

ABLE = [name for name in STRATEGIES if name not in ("exhaustive", "ilp")]


class Counted(ChainOfGroups):
    """Counts what it measures; after so many it presses Ctrl-C, or fails."""

    def __init__(self, interrupt_after: int | None = None, fail_after: int | None = None) -> None:
        super().__init__(seed=5, groups=3, size=4)
        self.measured = 0
        self._interrupt_after, self._fail_after = interrupt_after, fail_after

    def __call__(self, assignment: Sequence[int]) -> tuple[float, ...]:
        self.measured += 1
        if self.measured == self._interrupt_after:
            os.kill(os.getpid(), signal.SIGINT)
        if self.measured == self._fail_after:
            raise RuntimeError("the machine is gone")
        return super().__call__(assignment)


GOALS = Goals([AtMost("memory", 10.0), Minimise("time")], ("memory", "time"))


def searched(
    path: Path, measure: Counted, name: str = "mcts", simulations: int | None = 300, seed: int = 1,
    seconds: float | None = None, goals: Goals = GOALS, seeds: Sequence[Sequence[int]] = ((3, 9), (2,)),
) -> SearchResult:  # fmt: skip
    journal = Journal(path)
    header = Header("chain", goals.metric_names, {"strategy": name, "seed": seed}, {"simulations": simulations})
    try:
        strategy = Recorded(make=lambda clock: make_strategy(name, seed, clock=clock), journal=journal, header=header)
        return strategy.run(measure.game(), goals, Budget(simulations, seconds), seeds)
    finally:
        journal.close()


def story(result: SearchResult) -> tuple[object, ...]:
    improvements = [(i.simulation, i.actions, i.metrics) for i in result.improvements]
    visits = [(key, node.edge_visits.tolist(), node.mean) for key, node in result.graph.nodes.items()]
    return result.best_actions, result.best_metrics, result.best_key, result.simulations, improvements, visits


@pytest.mark.parametrize("name", ABLE)
def test_a_search_with_a_journal_is_the_search_without(tmp_path: Path, name: str) -> None:
    plain = make_strategy(name, 1).run(Counted().game(), GOALS, Budget(300), [(3, 9), (2,)])
    assert story(searched(tmp_path / "journal", Counted(), name)) == story(plain)
    [section] = read_journal(tmp_path / "journal").sections
    assert len(section.states) == plain.simulations == 300
    assert [i.actions for i in section.improvements] == [i.actions for i in plain.improvements]


@pytest.mark.parametrize("name", ABLE)
def test_interrupted_and_resumed_is_as_never_interrupted(tmp_path: Path, name: str) -> None:
    whole = searched(tmp_path / "whole", Counted(), name)
    first = searched(tmp_path / "journal", Counted(interrupt_after=120), name)
    assert first.stop is StopReason.INTERRUPTED
    held = len(read_journal(tmp_path / "journal").sections[0].states)
    again = Counted()
    assert story(searched(tmp_path / "journal", again, name)) == story(whole)
    assert again.measured <= 300 - held + 2  # The root and the best are looked at again, to be sure.
    sections = read_journal(tmp_path / "journal").sections
    assert sum(len(section.states) for section in sections) == 300
    assert sum(len(section.improvements) for section in sections) == len(whole.improvements)


def test_cut_or_changed_anywhere_it_comes_to_the_same_answer(tmp_path: Path) -> None:
    whole, rng = searched(tmp_path / "whole", Counted(), simulations=60), Random(5)
    text = (tmp_path / "whole").read_bytes()
    for number in range(30):
        damaged, place = bytearray(text), rng.randrange(text.index(b"\n") + 1, len(text))
        if number % 2:
            damaged[place] ^= 1 << rng.randrange(8)
        else:
            del damaged[place:]
        (tmp_path / "journal").write_bytes(damaged)
        assert story(searched(tmp_path / "journal", Counted(), simulations=60)) == story(whole)


def test_a_failure_loses_nothing_that_was_found(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="the machine is gone"):
        searched(tmp_path / "journal", Counted(fail_after=100))
    assert len(read_journal(tmp_path / "journal").sections[0].states) == 99
    assert story(searched(tmp_path / "journal", Counted())) == story(searched(tmp_path / "whole", Counted()))


def test_a_larger_budget_goes_on(tmp_path: Path) -> None:
    searched(tmp_path / "journal", Counted(), simulations=100)
    more = Counted()
    assert story(searched(tmp_path / "journal", more)) == story(searched(tmp_path / "whole", Counted()))
    assert more.measured <= 202


def test_a_smaller_budget_loses_nothing(tmp_path: Path) -> None:
    whole = searched(tmp_path / "journal", Counted())
    assert story(searched(tmp_path / "journal", Counted(), simulations=10)) == story(whole)


def test_other_settings_start_from_the_best(tmp_path: Path) -> None:
    first = searched(tmp_path / "journal", Counted())
    again = searched(tmp_path / "journal", Counted(), "annealing", simulations=20, seed=9)
    assert GOALS.rank(again.best_metrics) <= GOALS.rank(first.best_metrics)
    assert again.seeds[-1].actions == first.best_actions


def test_other_goals_take_the_best_for_them(tmp_path: Path) -> None:
    searched(tmp_path / "journal", Counted())
    states = read_journal(tmp_path / "journal").sections[0].states
    small = Goals([Minimise("memory")], GOALS.metric_names)
    found = searched(tmp_path / "journal", Counted(), simulations=5, goals=small)
    assert found.best_metrics[0] <= min(state.metrics[0] for state in states)


def test_the_best_known_is_the_answer_even_where_the_search_no_longer_comes_there(tmp_path: Path) -> None:
    class Recorder(NullObserver):
        told: list[Improvement] = []  # noqa: RUF012

        def on_improvement(self, improvement: Improvement) -> None:
            self.told.append(improvement)

    first = searched(tmp_path / "journal", Counted())
    journal = Journal(tmp_path / "journal")
    same = journal.sections[0].header
    strategy = Recorded(make=lambda clock: make_strategy("random", 8, clock=clock), journal=journal, header=same)
    found = strategy.run(Counted().game(), GOALS, Budget(5), observer=Recorder())
    journal.close()
    assert (found.best_actions, found.best_key) == (first.best_actions, first.best_key)
    assert found.improvements[-1] == Recorder.told[-1]
    assert found.improvements[-1].metrics == first.best_metrics
    assert found.best_key in found.graph.nodes


def test_seconds_that_were_spent_are_spent(tmp_path: Path) -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 0.001
        return now[0]

    def run(path: Path, seconds: float) -> SearchResult:
        journal = Journal(path)
        header = Header("chain", GOALS.metric_names, {}, {})
        strategy = Recorded(
            make=lambda record: make_strategy("mcts", 1, clock=record), journal=journal, header=header, clock=clock
        )
        result = strategy.run(Counted().game(), GOALS, Budget(seconds=seconds))
        journal.close()
        return result

    short = run(tmp_path / "journal", 0.5)
    longer, whole = run(tmp_path / "journal", 1.0), run(tmp_path / "whole", 1.0)
    assert short.simulations < longer.simulations
    assert abs(longer.simulations - whole.simulations) <= 2
    assert 1.0 <= longer.seconds < 1.1


def test_a_game_that_measures_something_else_now_is_refused(tmp_path: Path) -> None:
    searched(tmp_path / "journal", Counted())

    class Dearer(Counted):
        def __call__(self, assignment: Sequence[int]) -> tuple[float, ...]:
            memory, time = super().__call__(assignment)
            return memory, time + 1.0

    with pytest.raises(SearchError, match=r"a state that was recorded measures something else now.*Fix: search anew"):
        searched(tmp_path / "journal", Dearer())


def test_where_the_disk_is_full_the_search_ends_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, room = searched(tmp_path / "whole", Counted()), [6]
    write = os.pwrite

    def scarce(file: int, data: bytes, offset: int) -> int:
        room[0] -= 1
        if room[0] < 0:
            raise OSError(28, "No space left on device")
        return write(file, data, offset)

    monkeypatch.setattr(os, "pwrite", scarce)
    assert story(searched(tmp_path / "journal", Counted())) == story(whole)
    monkeypatch.undo()
    assert read_journal(tmp_path / "journal").damage == ""
    assert story(searched(tmp_path / "journal", Counted())) == story(whole)


def test_a_game_with_bounds_keeps_them(tmp_path: Path) -> None:
    class Bounded(TableGame):
        def lower_bounds(self) -> tuple[float, ...]:
            return (5.0,)

    moves, costs = {0: {1: 1, 2: 2}, 1: {3: 3}}, {0: (9.0,), 1: (8.0,), 2: (5.0,), 3: (7.0,)}
    goals = Goals([Minimise("cost")], ("cost",))
    header = Header("table", ("cost",), {}, {})

    def exhaustive(clock: object) -> Strategy:
        return Exhaustive()

    journal = Journal(tmp_path / "journal")
    found = Recorded(make=exhaustive, journal=journal, header=header).run(Bounded(moves, costs), goals, Budget(100))
    journal.close()
    assert (found.best_metrics, found.stop, found.simulations) == ((5.0,), StopReason.EXHAUSTED, 3)
    from autopart.search.recorded import Record

    record = Record({}, None, partial(float, 0), repeats=False)
    assert isinstance(recorded_game(Bounded(moves, costs), record), BoundedGame)
    assert not isinstance(recorded_game(TableGame(moves, costs), record), BoundedGame)


def test_a_game_with_tables_keeps_them(tmp_path: Path) -> None:
    alone = make_strategy("ilp").run(Counted().game(), GOALS, Budget(100))
    found = searched(tmp_path / "journal", Counted(), "ilp", seeds=())
    assert (found.best_actions, found.stop) == (alone.best_actions, StopReason.SOLVED)
    again = Counted()
    assert searched(tmp_path / "journal", again, "ilp", seeds=()).best_actions == alone.best_actions
    assert again.measured <= 2


def test_goals_relative_to_the_root_are_kept(tmp_path: Path) -> None:
    goals = Goals([Weighted({"memory": 1.0, "time": 2.0})], GOALS.metric_names)
    first = searched(tmp_path / "journal", Counted(), goals=goals)
    again = searched(tmp_path / "journal", Counted(), goals=goals, seed=7, simulations=5)
    ranked = goals.relative_to(Counted().game().metrics())
    assert ranked.rank(again.best_metrics) <= ranked.rank(first.best_metrics)


def test_games_are_the_games(tmp_path: Path) -> None:
    from autopart.search.recorded import Record

    game: AssignmentGame = Counted().game()
    wrapped = recorded_game(game, Record({}, None, partial(float, 0), repeats=False))
    assert wrapped.describe(0) == game.describe(0)
    assert list(wrapped.actions()) == list(game.actions())
