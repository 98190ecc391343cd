"""What launchers of sweeps have in common: hydra composes the runs, a pool runs them, and each end is told."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.utils import JobReturn
from omegaconf import DictConfig
from rich.console import Console

from autopart.cli.run_status import Stage, Status, read_status, write_status
from autopart.cli.sweeps.job import Job
from autopart.cli.terminal import console
from autopart.errors import USER_ERRORS
from autopart.search.interrupt import deferred_interrupt
from autopart.text import seconds_text

PLUGINS: Final = Path(__file__).parent / "plugins"
"""Where hydra finds them: it takes plugins from folders ``hydra_plugins`` on Python's path, and from nowhere else."""

_ELSEWHERE = "its folder is on the disk of another machine. Fix: hydra.sweep.dir=... on a file system that all share"


@dataclass(frozen=True)
class Ended:
    """The end of a job's process.

    Attributes:
        job: whose.
        seconds: that the job took; zero where that is not known.
        why: what ended the process; empty where the job came to its end, well or not.
    """

    job: Job
    seconds: float = 0.0
    why: str = ""


class Pool(Protocol):
    """Processes that run jobs, several at once."""

    def run(self, jobs: Sequence[Job], interrupted: Callable[[], bool]) -> Iterator[Ended]:
        """Runs the jobs; yields each when it ends, in whatever order.

        Once it is interrupted no job begins; those at work are told to end, and waited for.
        """


class PoolLauncher(BasicLauncher):
    """A launcher of jobs that run in a pool.

    The function that hydra calls for each run returns its ``Job``, and does not run it.
    """

    @abstractmethod
    def pool(self) -> Pool:
        """The pool."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Runs a batch of a sweep, and shows a line for each run that ended.

        Raises:
            KeyboardInterrupt: it was interrupted.
            SystemExit: there is nowhere to run it.
        """
        assert self.config is not None
        composed = super().launch(job_overrides, initial_job_idx)
        jobs: list[Job] = [done.return_value for done in composed]
        for job in jobs:
            job.announce()
        title = f"of {len(jobs)} runs in {Path(self.config.hydra.sweep.dir).resolve()}"
        terminal = console(stderr=True)
        with terminal.status(f"0 {title}") as status, deferred_interrupt() as interrupted:
            try:
                for number, ended in enumerate(self.pool().run(jobs, interrupted), 1):
                    _note(ended)
                    _tell(terminal, f"{number} of {len(jobs)}", ended)
                    status.update(f"{number} {title}")
            except USER_ERRORS as error:
                terminal.print(f"error: {error}", markup=False, soft_wrap=True)
                for job in jobs:
                    _note(Ended(job, why=str(error)))
                sys.exit(2)
            if interrupted():
                raise KeyboardInterrupt
        return composed


def is_pool(launcher: DictConfig) -> bool:
    """Whether hydra's launcher by this configuration is one of these."""
    return str(launcher.get("_target_")).startswith("hydra_plugins.autopart_launchers.")


def _note(ended: Ended) -> None:
    """Says in the run folder what the job itself could not say."""
    status = read_status(ended.job.folder)
    if status is not None and status.stage != Stage.FAILED:  # Else it said itself that it ended well, or why not.
        write_status(ended.job.folder, Status(Stage.FAILED, ended.why or _ELSEWHERE, status.host, status.pid))


def _tell(terminal: Console, number: str, ended: Ended) -> None:
    status = read_status(ended.job.folder)
    took = f" in {seconds_text(ended.seconds)}" if ended.seconds else ""
    said = f"done{took}" if status is None else f"failed{took}: {status.text()}"
    terminal.print(f"{number}: {ended.job.folder.name} {said}", markup=False, soft_wrap=True)
