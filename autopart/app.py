"""The search command: a hydra app that sweeps over models, meshes, goals and seeds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from autopart.analysis import METRICS
from autopart.api import partition_graph
from autopart.errors import AutopartError, InfeasibleError
from autopart.load import load_step
from autopart.report.terminal import SearchBar, console, show_plan
from autopart.runs import read_run, write_config, write_incumbent, write_plan
from autopart.settings import auto_of, flag, goals_of, mesh_of
from autopart.tactics import Tactic
from autopart.trace import trace_step
from autopart.verify_command import verify_run
from costmodel.errors import CostModelError
from search import SearchError

USER_ERRORS = (AutopartError, SearchError, CostModelError)


def search_app() -> int:
    """Runs the hydra app on ``sys.argv``; returns the exit status: 0, or 2 if a job failed."""
    failures: list[str] = []

    @hydra.main(version_base="1.3", config_path="pkg://configs", config_name="config")
    def app(config: DictConfig) -> None:
        try:
            run_job(config, Path(HydraConfig.get().runtime.output_dir))
        except USER_ERRORS as error:
            failures.append(str(error))
            console(stderr=True).print(f"error: {error}", markup=False, soft_wrap=True)
            if HydraConfig.get().mode == RunMode.RUN:
                sys.exit(2)

    app()
    return 2 if failures else 0


def run_job(config: DictConfig, folder: Path) -> None:
    """One search: trace, search, write the run folder, show the plan.

    Raises:
        AutopartError, SearchError, CostModelError: bad input, or limits that no plan meets (what was found
            is written all the same).
    """
    terminal = console()
    if config.get("device") is not None:
        config.mesh.device = str(config.device.get("name"))  # What device=NAME brings stands in for it.
    missing = sorted(str(key) for key in OmegaConf.missing_keys(config))
    if missing:
        raise AutopartError(
            f"no value for {', '.join(missing)}. Fix: choose (autopart model=t32 mesh=tpu_v3_16x2) or name your own "
            "(autopart model.target=my_module.my_step); see autopart --help."
        )
    plain: Any = OmegaConf.to_container(config, resolve=True)
    mesh = mesh_of(plain["mesh"], plain.get("device"))
    goals, auto, then_verify = goals_of(plain["goals"], mesh), auto_of(plain["search"]), flag(plain, "verify")
    with terminal.status(f"tracing {plain['model']['name']}"):
        step = load_step(plain["model"]["target"], plain["model"]["fields"])
        graph = trace_step(step)
    write_config(folder, plain)

    def keep(schedule: Sequence[Tactic], metrics: Sequence[float]) -> None:
        write_incumbent(folder, schedule, dict(zip(METRICS, metrics, strict=True)))

    try:
        with SearchBar(console(stderr=True), auto.budget.simulations) as bar:
            plan = partition_graph(graph, mesh, goals=goals, tactics=[auto], observer=bar, on_best=keep)
    except InfeasibleError as error:
        plan = error.plan
        write_plan(folder, plan)
        show_plan(terminal, plan)
        terminal.print(f"The nearest plan is in {folder}", markup=False, soft_wrap=True)
        raise
    write_plan(folder, plan)
    show_plan(terminal, plan)
    terminal.print(f"Run folder: {folder}", markup=False, soft_wrap=True)
    if then_verify:
        verify_run(read_run(folder), plain["model"]["target"], terminal)
