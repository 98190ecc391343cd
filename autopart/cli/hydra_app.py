"""Runs and sweeps by hydra: over models, meshes, schedules, goals and seeds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from autopart.cli.compare import compare_runs
from autopart.cli.run_job import run_job
from autopart.cli.sweeps.job import Job, run_here
from autopart.cli.sweeps.launcher import PLUGINS, is_pool
from autopart.cli.terminal import console
from autopart.errors import USER_ERRORS, PlanError

_INTERRUPTED: Final = 130
"""The exit status of what Ctrl-C ended, as shells know it."""


def hydra_app(apply_only: bool = False) -> int:
    """Runs the hydra app on ``sys.argv``; returns the exit status: 0, or 2 if a run failed.

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
        app()
    except SystemExit as end:  # Of a single run, or hydra's own.
        status = end.code if isinstance(end.code, int) else 1
    except KeyboardInterrupt:
        status = _INTERRUPTED
    for sweep in sweeps:
        status = _show_sweep(sweep, status)
    return status


def _run_alone(config: DictConfig, folder: Path, apply_only: bool) -> None:
    try:
        run_job(config, folder, apply_only)
    except USER_ERRORS as error:
        console(stderr=True).print(f"error: {error}", markup=False, soft_wrap=True)
        sys.exit(2)


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
