"""How a run is doing, in its folder: while it has not ended well, ``status.json`` says why."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from autopart.errors import PlanError
from autopart.files import write_json

STATUS = "status.json"


class Stage(StrEnum):
    """How far a run has come; one that ended well has no status at all."""

    WAITING = "waiting"
    RUNNING = "running"
    FAILED = "failed"


@dataclass(frozen=True)
class Status:
    """What stands in the way of a run, or stood.

    Attributes:
        stage: how far it has come.
        why: of one that failed: its error, or what is known of the end of its process.
        host, pid: the process that it runs in; empty and zero where none was there yet.
    """

    stage: Stage
    why: str = ""
    host: str = ""
    pid: int = 0

    def text(self) -> str:
        """In a line; long errors are cut to their first line."""
        match self.stage:
            case Stage.WAITING:
                return "has not begun"
            case Stage.RUNNING:
                return f"has not ended: at work as process {self.pid} on {self.host}, or killed"
            case Stage.FAILED:
                return self.why.partition("\n")[0]


def write_status(folder: Path, status: Status) -> None:
    """Writes it if there is room on the disk: that there is none is told by what else cannot be written."""
    with suppress(PlanError):
        write_json(folder / STATUS, asdict(status))


def read_status(folder: Path) -> Status | None:
    """What stands in a run folder; ``None`` where the run ended well, or what stands there is damaged."""
    try:
        said = json.loads((folder / STATUS).read_text(encoding="utf-8"))
        return Status(Stage(said["stage"]), str(said["why"]), str(said["host"]), int(said["pid"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


@contextmanager
def reported(folder: Path) -> Iterator[None]:
    """Within, the folder says that a run is at work; afterwards why it failed, or nothing."""
    host, pid = socket.gethostname(), os.getpid()
    write_status(folder, Status(Stage.RUNNING, "", host, pid))
    try:
        yield
    except BaseException as error:
        write_status(folder, Status(Stage.FAILED, _why(error), host, pid))
        raise
    with suppress(OSError):
        (folder / STATUS).unlink(missing_ok=True)


def _why(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    name = type(error).__name__
    return f"{name}: {error}" if str(error) else name
