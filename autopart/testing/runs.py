"""A run and its rows as trackers hear of them, and a tracker that keeps them in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from autopart.tracking import Row, TrackedRun

RUN: Final = TrackedRun("a run", "a sweep", {"model": {"name": "mlp"}, "seed": 3})
"""A run that begins."""


def row(simulations: int, step_s: float = 0.5, **changes: Any) -> Row:
    """A row after so many simulations, whose best state takes ``step_s``; ``changes`` are other fields."""
    fields: dict[str, Any] = {
        "simulations": simulations, "seconds": simulations / 10, "simulations_per_s": 10.0, "stage": 0, "mesh": None,
        "depth": 2, "value": 0.25, "binding": "step_s", "leads": True, "best": {"step_s": step_s},
    }  # fmt: skip
    return Row(**{**fields, **changes})


class Memory:
    """A tracker that keeps what it hears."""

    name = "memory"

    def __init__(self) -> None:
        self.run: TrackedRun | None = None
        self.rows: list[Row] = []
        self.files: dict[str, str] = {}
        self.summary: dict[str, Any] = {}
        self.ok: bool | None = None

    def begin(self, run: TrackedRun) -> int:
        """Begins; returns what it has."""
        self.run = run
        return max((row.simulations for row in self.rows), default=0)

    def log(self, row: Row) -> None:
        """Keeps a row."""
        self.rows.append(row)

    def attach(self, files: Sequence[Path]) -> None:
        """Keeps the text of files."""
        self.files |= {path.name: path.read_text("utf-8") for path in files}

    def finish(self, summary: Mapping[str, Any], ok: bool) -> str:
        """Ends."""
        self.summary, self.ok = dict(summary), ok
        return "in memory"
