"""Rows as lines of JSON in a file; ``docs/tracking.md`` says what they hold."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from io import BufferedRandom
from pathlib import Path
from typing import Any, Final

from autopart.tracking.tracker import Row, TrackedRun

ROWS: Final = "tracking.jsonl"
"""The file of a run folder."""

VERSION: Final = 1


class JsonLines:
    """Keeps a run in a file, a JSON object a line, each line flushed as it is written.

    Args:
        path: the file; begun anew unless the run goes on.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._file: BufferedRandom | None = None

    @property
    def name(self) -> str:
        """``jsonl``."""
        return "jsonl"

    def begin(self, run: TrackedRun) -> int:
        """Opens the file. A last line that was cut is taken away.

        Raises:
            OSError: it cannot be written.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a+b" if run.resumed else "w+b")
        known = self._last_row() if run.resumed else 0
        self._write("begin", {"version": VERSION, "time": datetime.now(UTC).isoformat(), **asdict(run)})
        return known

    def log(self, row: Row) -> None:
        """Writes a row."""
        self._write("row", asdict(row))

    def attach(self, files: Sequence[Path]) -> None:
        """Writes the names of the files; the files stand in the run folder already."""
        self._write("files", {"files": [path.name for path in files]})

    def finish(self, summary: Mapping[str, Any], ok: bool) -> str:
        """Writes the summary and closes the file."""
        self._write("finish", {"ok": ok, "summary": dict(summary)})
        assert self._file is not None
        self._file.close()
        return ""

    def _last_row(self) -> int:
        """Simulations of the last whole row; cuts what follows the last whole line."""
        assert self._file is not None
        self._file.seek(0)
        text = self._file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._file.truncate(len(whole))
        return max((_simulations(line) for line in whole.splitlines()), default=0)

    def _write(self, event: str, fields: Mapping[str, Any]) -> None:
        assert self._file is not None
        self._file.write(json.dumps(_finite({"event": event, **fields}), allow_nan=False, default=str).encode() + b"\n")
        self._file.flush()


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
