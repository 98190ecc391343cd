"""A tracker in a thread of its own, so that nothing it does, or fails to do, reaches the search."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from autopart.tracking.tracker import Row, TrackedRun, Tracker


class Background:
    """Hands what a tracker is told to a thread, and returns at once.

    A tracker that raises is told nothing more, and one warning says what it will lack.

    Args:
        tracker: whom to tell.
        warn: is handed the warning.
    """

    def __init__(self, tracker: Tracker, warn: Callable[[str], None]) -> None:
        self._tracker, self._warn = tracker, warn
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._known, self._rows, self._lost, self._told = 0, 0, "", ""
        self._thread = threading.Thread(target=self._work, name=f"tracking by {tracker.name}", daemon=True)
        self._thread.start()

    def begin(self, run: TrackedRun) -> None:
        """Begins."""
        self._jobs.put(lambda: self._begin(run))

    def log(self, row: Row) -> None:
        """Tells a row, unless the tracker has it from before the run was interrupted."""
        self._jobs.put(lambda: self._log(row))

    def attach(self, files: Sequence[Path]) -> None:
        """Tells of files."""
        self._jobs.put(lambda: self._tracker.attach(files))

    def finish(self, summary: Mapping[str, Any], ok: bool) -> None:
        """Ends; returns at once too, see ``wait``."""
        self._jobs.put(lambda: self._finish(summary, ok))
        self._jobs.put(None)

    def wait(self, timeout_s: float) -> str:
        """Waits until the tracker has ended, for so long at most; returns in a line where to look, or nothing."""
        late = "it does not end"
        try:
            self._thread.join(timeout_s)
        except KeyboardInterrupt:
            late = "interrupted before its end"
        if self._thread.is_alive():
            self._give_up(late)
        return self._told

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._lost:
                continue
            try:
                job()
            except BaseException as error:  # Also what would end a process ends this thread alone.
                self._give_up(f"{type(error).__name__}: {_first_line(error)}")

    def _begin(self, run: TrackedRun) -> None:
        self._known = self._tracker.begin(run)

    def _log(self, row: Row) -> None:
        if row.simulations > self._known:
            self._tracker.log(row)
            self._rows += 1

    def _finish(self, summary: Mapping[str, Any], ok: bool) -> None:
        self._told = self._tracker.finish(summary, ok)

    def _give_up(self, why: str) -> None:
        if self._lost:
            return
        what = f"what comes after {self._rows} rows" if self._rows else "all of this run"
        name = self._tracker.name
        self._lost = f"no more tracking by {name}: {why}. Lost there: {what}. The search and its plan are untouched."
        self._warn(self._lost)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "no reason given").rstrip(".")
