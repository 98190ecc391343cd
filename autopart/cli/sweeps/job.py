"""One run of a sweep, and what a process does that was made for it."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from autopart.cli.host_devices import use_host_devices
from autopart.cli.run_folder import write_config
from autopart.cli.run_job import run_job
from autopart.cli.run_status import Stage, Status, reported, write_status
from autopart.cli.terminal import console
from autopart.errors import USER_ERRORS, PlanError

LOG = "run.log"
"""What a run says that has no terminal, in its folder."""

_WIDTH = "120"


@dataclass(frozen=True)
class Job:
    """A run that is to be; it is pickled to the process that runs it.

    Attributes:
        config: its configuration as plain values.
        folder: its run folder, from the root on.
        directory: where it runs, which relative names start at and modules of the user lie in.
        apply_only: apply the schedule and do not search.
    """

    config: dict[str, Any]
    folder: Path
    directory: Path
    apply_only: bool

    def announce(self) -> None:
        """Says in the run folder what is to run there, so that one that never begins is told too."""
        write_status(self.folder, Status(Stage.WAITING))
        with suppress(PlanError):  # A full disk is told by what else cannot be written.
            write_config(self.folder, self.config)


def run_here(job: Job) -> None:
    """Runs it in this process; an error is shown, and noted in the run folder, and ends no other run."""
    try:
        with reported(job.folder):  # Also what is refused before it has begun.
            run_job(OmegaConf.create(job.config), job.folder, job.apply_only)
    except USER_ERRORS as error:
        console(stderr=True).print(f"error: {error}", markup=False, soft_wrap=True)
    except Exception:
        traceback.print_exc()


def run_apart(job: Job) -> float:
    """Runs it in this process, made for it, with its output in its folder; returns the seconds that it took."""
    began = time.monotonic()
    if job.directory.is_dir():  # On another machine it may not be there.
        os.chdir(job.directory)
    os.environ.setdefault("COLUMNS", _WIDTH)
    use_host_devices()
    with _said_to(job.folder / LOG):
        run_here(job)
    return time.monotonic() - began


@contextmanager
def _said_to(path: Path) -> Iterator[None]:
    """Sends what this process, and what compiled code in it, writes to the terminal to a file instead."""
    path.parent.mkdir(parents=True, exist_ok=True)
    streams = (sys.stdout, sys.stderr)
    kept = [os.dup(number) for number in (1, 2)]
    try:
        with path.open("wb") as file:
            for number in (1, 2):
                os.dup2(file.fileno(), number)
        with open(1, "w", buffering=1, closefd=False) as out, open(2, "w", buffering=1, closefd=False) as err:
            sys.stdout, sys.stderr = out, err
            yield
    finally:
        sys.stdout, sys.stderr = streams
        for number, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)
