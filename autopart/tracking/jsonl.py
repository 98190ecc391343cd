"""Rows as lines of JSON in a file; ``docs/tracking.md`` says what they hold."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from autopart.tracking.tracker import Row, TrackedRun

ROWS: Final = "tracking.jsonl"
"""The file of a run folder."""

VERSION: Final = 1


class JsonLines:
    """Keeps a run in a file, a JSON object a line, each written as it is told.

    Args:
        path: the file; begun anew unless the run goes on.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    @property
    def name(self) -> str:
        """``jsonl``."""
        return "jsonl"

    def begin(self, run: TrackedRun) -> int:
        """Begins the file, or goes on with it; a last line that was cut is taken away.

        Raises:
            OSError: it cannot be written.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        known = 0
        if run.resumed and self._path.exists():
            known = self._last_row()
        else:
            self._path.write_bytes(b"")
        self._write("begin", {"version": VERSION, "time": datetime.now(UTC).isoformat(), **asdict(run)})
        return known

    def log(self, row: Row) -> None:
        """Writes a row."""
        self._write("row", asdict(row))

    def attach(self, files: Sequence[Path]) -> None:
        """Writes the names of the files; the files stand in the run folder already."""
        self._write("files", {"files": [path.name for path in files]})

    def finish(self, summary: Mapping[str, Any], ok: bool) -> str:
        """Writes the summary."""
        self._write("finish", {"ok": ok, "summary": dict(summary)})
        return ""

    def _last_row(self) -> int:
        """Simulations of the last whole row; cuts what follows the last whole line."""
        text = self._path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        os.truncate(self._path, len(whole))
        return max((_simulations(line) for line in whole.splitlines()), default=0)

    def _write(self, event: str, fields: Mapping[str, Any]) -> None:
        line = json.dumps(_finite({"event": event, **fields}), allow_nan=False, default=str)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


def _simulations(line: bytes) -> int:
    """Of a line that holds a row; 0 of any other."""
    try:
        fields = json.loads(line)
        return int(fields["simulations"]) if fields["event"] == "row" else 0
    except (ValueError, KeyError, TypeError):
        return 0


def _finite(value: Any) -> Any:
    """The value with None for numbers that JSON does not have."""
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
