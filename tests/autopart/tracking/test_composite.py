"""Trackers that fail, hang, or end their thread: nobody but themselves is harmed."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from autopart.tracking import Composite, Row, TrackedRun
from autopart.tracking.composite import TrackingWarning
from tests.autopart.tracking.rows import RUN, Memory, row

MOMENTS = ("begin", "log", "attach", "finish")


class Broken(Memory):
    """Raises at one moment."""

    name = "broken"

    def __init__(self, moment: str, error: BaseException) -> None:
        super().__init__()
        self._moment, self._error = moment, error

    def _reach(self, moment: str) -> None:
        if moment == self._moment:
            raise self._error

    def begin(self, run: TrackedRun) -> int:
        self._reach("begin")
        return super().begin(run)

    def log(self, row: Row) -> None:
        if row.simulations > 1:
            self._reach("log")
        super().log(row)

    def attach(self, files: Sequence[Path]) -> None:
        self._reach("attach")
        super().attach(files)

    def finish(self, summary: Mapping[str, Any], ok: bool) -> str:
        self._reach("finish")
        return super().finish(summary, ok)


class Hung(Memory):
    """Waits at its beginning until it is let go."""

    name = "hung"

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()

    def begin(self, run: TrackedRun) -> int:
        self.free.wait()
        return super().begin(run)


def tell(composite: Composite, tmp_path: Path) -> str:
    (tmp_path / "plan.json").write_text("{}")
    composite.begin(RUN)
    for simulations in (1, 2, 3):
        composite.log(row(simulations))
    composite.attach([tmp_path / "plan.json"])
    return composite.finish({"a": 1}, True)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("error", [OSError("no room.\nmore of it"), SystemExit(3), KeyboardInterrupt()])
def test_one_that_fails_is_warned_of_once_and_the_other_hears_all(
    moment: str, error: BaseException, tmp_path: Path
) -> None:
    other, warned = Memory(), list[str]()
    told = tell(Composite([Broken(moment, error), other], warn=warned.append), tmp_path)
    assert [r.simulations for r in other.rows] == [1, 2, 3]
    assert (other.files, other.summary, other.ok) == ({"plan.json": "{}"}, {"a": 1}, True)
    assert told == "in memory"
    [text] = warned
    assert text.startswith(f"no more tracking by broken: {type(error).__name__}")
    lost = {"begin": "all of this run", "log": "what comes after 1 rows"}.get(moment, "what comes after 3 rows")
    assert f"Lost there: {lost}." in text
    assert "more of it" not in text


def test_one_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    hung, other, warned = Hung(), Memory(), list[str]()
    # Who ends is waited for first, in time that no machine needs: else nothing of it would be told.
    told = tell(Composite([other, hung], timeout_s=5.0, warn=warned.append), tmp_path)
    assert told == "in memory"
    assert len(other.rows) == 3
    assert warned == [
        "no more tracking by hung: it does not end. Lost there: all of this run. The search and its plan are untouched."
    ]
    hung.free.set()


def test_a_failure_is_a_warning_where_nobody_else_is_told(tmp_path: Path) -> None:
    with pytest.warns(TrackingWarning, match="no more tracking by broken: OSError: no room"):
        tell(Composite([Broken("begin", OSError("no room"))]), tmp_path)


def test_each_skips_the_rows_that_it_has(tmp_path: Path) -> None:
    old, new = Memory(), Memory()
    old.log(row(2))
    tell(Composite([old, new]), tmp_path)
    assert [r.simulations for r in old.rows] == [2, 3]
    assert [r.simulations for r in new.rows] == [1, 2, 3]
