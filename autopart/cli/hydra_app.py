"""Runs and sweeps by hydra: over models, meshes, schedules, goals and seeds."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from autopart.cli.compare import compare_runs
from autopart.cli.hydra_errors import explained
from autopart.cli.overrides import check_overrides
from autopart.cli.run_job import run_job
from autopart.cli.sweeps.job import Job, run_here
from autopart.cli.sweeps.launcher import PLUGINS, is_pool
from autopart.cli.terminal import console
from autopart.errors import USER_ERRORS, CommandLineError, PlanError

_INTERRUPTED: Final = 130
"""The exit status of what Ctrl-C ended, as shells know it."""

_FULL: Final = "HYDRA_FULL_ERROR"
"""Of the environment: 1 where hydra is to raise errors; a user who sets it is shown them whole."""


def hydra_app(apply_only: bool = False) -> int:
    """Runs the hydra app on ``sys.argv``; returns the exit status.

    It is 0, 1 for a wrong command line or a fault of the program, and 2 if a run failed by an error that is explained.

    Args:
        apply_only: apply the schedule and do not search.
    """
    if str(PLUGINS) not in sys.path:
        sys.path.append(str(PLUGINS))

    @hydra.main(version_base="1.3", config_path="pkg://autopart.configs", config_name="config")
    def app(config: DictConfig) -> Job | None:
        told = HydraConfig.get()
        folder = Path(told.runtime.output_dir)
        if told.mode == RunMode.RUN:
            _run_alone(config, folder, apply_only)
            return None
        if config.tracking.group is None:
            config.tracking.group = folder.parent.name
        sweeps.add(Path(told.sweep.dir))
        return _one_of_many(config, folder, apply_only, is_pool(told.launcher))

    sweeps: set[Path] = set()  # Of what runs in other processes by a launcher that is not ours nothing is heard.
    status = 0
    try:
        given = get_args_parser().parse_args()
        check_overrides(given.overrides)
        with _raising():
            app()
    except SystemExit as end:  # Of a single run, or hydra's own.
        status = end.code if isinstance(end.code, int) else 1
    except KeyboardInterrupt:
        status = _INTERRUPTED
    except USER_ERRORS as error:
        status = _told(error)
    except Exception as error:
        why = explained(error, given.config_dir)
        if why is None or os.environ.get(_FULL) == "1":
            raise
        status = _told(why)
    for sweep in sweeps:
        status = _show_sweep(sweep, status)
    return status


@contextmanager
def _raising() -> Iterator[None]:
    """Within, hydra raises what it refuses, where else it writes paragraphs of its own and exits."""
    before = os.environ.get(_FULL)
    os.environ[_FULL] = "1"
    try:
        yield
    finally:
        os.environ.pop(_FULL)
        if before is not None:
            os.environ[_FULL] = before


def _told(error: Exception) -> int:
    """Shows an error; returns the exit status."""
    console(stderr=True).print(f"error: {error}", markup=False, soft_wrap=True)
    return 1 if isinstance(error, CommandLineError) else 2


def _run_alone(config: DictConfig, folder: Path, apply_only: bool) -> None:
    try:
        run_job(config, folder, apply_only)
    except USER_ERRORS as error:
        sys.exit(_told(error))
    except Exception:  # A fault of the program, and not of what hydra was told.
        traceback.print_exc()
        sys.exit(1)


def _one_of_many(config: DictConfig, folder: Path, apply_only: bool, in_pool: bool) -> Job | None:
    """Runs one run of a sweep, or returns it where a pool is to run it."""
    plain: Any = OmegaConf.to_container(config, resolve=True)
    job = Job(plain, folder.resolve(), Path.cwd(), apply_only)
    if in_pool:
        return job
    job.announce()
    run_here(job)
    return None


def _show_sweep(folder: Path, status: int) -> int:
    """Shows the runs of a sweep in one table; returns the exit status: 2 if one failed and nothing worse happened."""
    terminal = console()
    try:
        rows = compare_runs([folder], terminal, None, as_json=False)
    except PlanError:  # Hydra refused it before any run, and said so.
        return status or 2
    terminal.print(f"Sweep folder: {folder.resolve()}", markup=False, soft_wrap=True)
    return status or (2 if any(row.crashed or row.failed for row in rows) else 0)
