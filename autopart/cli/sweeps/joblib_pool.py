"""``hydra/launcher=joblib``: runs of a sweep side by side on this machine, without Ray."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from typing import Final, cast

from autopart.cli.sweeps.job import Job, run_apart
from autopart.cli.sweeps.launcher import Ended

_POLL_S: Final = 0.1


@dataclass(frozen=True)
class JoblibPool:
    """Runs jobs on this machine.

    Joblib says which job is next and how many run at once. Each has a process of its own, and not one of joblib's
    pool: where a process of that dies, joblib ends all others, and runs no more jobs.

    Attributes:
        n_jobs: how many run at once, as joblib counts: -1 is as many as there are CPUs, -2 one fewer.
    """

    n_jobs: int

    def run(self, jobs: Sequence[Job], interrupted: Callable[[], bool]) -> Iterator[Ended]:
        """See ``Pool``."""
        from joblib import Parallel, delayed

        pool = Parallel(self.n_jobs, backend="threading", return_as="generator_unordered", batch_size=1)
        yield from cast(Iterator[Ended], pool(delayed(_await)(job, interrupted) for job in jobs))


def _await(job: Job, interrupted: Callable[[], bool]) -> Ended:
    """Runs a job in a new process until that ends."""
    if interrupted():
        return Ended(job, why="interrupted")
    began = time.monotonic()
    process = get_context("spawn").Process(target=_with_its_parent, args=(job,), daemon=True)
    process.start()
    is_told = False
    while process.is_alive():
        process.join(_POLL_S)
        if interrupted() and not is_told and process.pid is not None:
            os.kill(process.pid, signal.SIGINT)  # A search ends with the best so far.
            is_told = True
    code = process.exitcode or 0
    name = signal.Signals(-code).name if code < 0 else f"exit status {code}"
    return Ended(job, time.monotonic() - began, f"its process ended without a word: {name}" if code else "")


def _with_its_parent(job: Job) -> None:
    """Runs a job; ends when the process that leads the sweep does, and hears of Ctrl-C from that alone."""
    os.setsid()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    run_apart(job)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
