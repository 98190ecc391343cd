"""Several trackers as one, none of which can hold up or stop a run, nor the others."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from autopart.tracking.background import Background
from autopart.tracking.tracker import Row, TrackedRun, Tracker

TIMEOUT_S: Final = 30.0
"""How long the end of a run waits for trackers."""


class TrackingWarning(UserWarning):
    """A tracker failed; the run goes on without it."""


def _as_warning(text: str) -> None:
    warnings.warn(text, TrackingWarning, stacklevel=2)


class Composite:
    """Tells each of several trackers, in a thread of its own, and warns of those that fail.

    Args:
        trackers: whom to tell.
        timeout_s: how long the end of a run waits for all of them together, in seconds.
        warn: is handed a line for a tracker that fails, maybe from another thread; by default a ``TrackingWarning``.
    """

    def __init__(
        self, trackers: Sequence[Tracker], timeout_s: float = TIMEOUT_S, warn: Callable[[str], None] = _as_warning
    ) -> None:
        self._trackers, self._timeout_s, self._warn = tuple(trackers), timeout_s, warn
        self._background: tuple[Background, ...] = ()

    @property
    def name(self) -> str:
        """The names of all."""
        return ", ".join(tracker.name for tracker in self._trackers)

    def begin(self, run: TrackedRun) -> int:
        """Has each begin; returns 0, for each skips by itself what it has already."""
        self._background = tuple(Background(tracker, self._warn) for tracker in self._trackers)
        for each in self._background:
            each.begin(run)
        return 0

    def log(self, row: Row) -> None:
        """Tells each a row."""
        for each in self._background:
            each.log(row)

    def attach(self, files: Sequence[Path]) -> None:
        """Tells each of files."""
        for each in self._background:
            each.attach(files)

    def finish(self, summary: Mapping[str, Any], ok: bool) -> str:
        """Has each end, and waits for them; returns where to look, a line for each that says it."""
        for each in self._background:
            each.finish(summary, ok)
        until = time.monotonic() + self._timeout_s
        return "\n".join(line for each in self._background if (line := each.wait(max(0.0, until - time.monotonic()))))
