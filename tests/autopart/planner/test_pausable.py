"""Calls that take turns."""

from __future__ import annotations

import threading

import pytest

from autopart.planner.pausable import Turn


class Talker:
    """A call that says a number, pauses, and so on; its turn is given after it was made."""

    def __init__(self, heard: list[str], name: str, times: int) -> None:
        self.turn = Turn(self._run)
        self._heard, self._name, self._times = heard, name, times

    def _run(self) -> int:
        try:
            for number in range(self._times):
                self._heard.append(f"{self._name}{number}")
                self.turn.pause()
        finally:
            self._heard.append(f"{self._name} ends")
        return self._times


def test_each_runs_in_its_turn_only() -> None:
    heard: list[str] = []
    one, other = Talker(heard, "a", 2), Talker(heard, "b", 1)
    assert heard == []
    for talker in (one, other, one, other, one):
        talker.turn.go_on()
    assert heard == ["a0", "b0", "a1", "b ends", "a ends"]
    assert one.turn.done
    assert (one.turn.result(), other.turn.result()) == (2, 1)


def test_what_is_dropped_ends_where_it_paused() -> None:
    heard: list[str] = []
    begun, never, done = Talker(heard, "a", 5), Talker(heard, "b", 5), Talker(heard, "c", 0)
    begun.turn.go_on()
    done.turn.go_on()
    for talker in (begun, never, done):
        talker.turn.drop()
    assert heard == ["a0", "c ends", "a ends"]
    assert (begun.turn.done, never.turn.done, done.turn.result()) == (True, False, 0)


def test_what_is_raised_is_raised_to_who_asks() -> None:
    def fails() -> None:
        raise ValueError(threading.current_thread().name)

    turn = Turn(fails)
    turn.go_on()
    with pytest.raises(ValueError, match="Thread-"):
        turn.result()
