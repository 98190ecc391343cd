"""One run: searching or applying, from a configuration to a run folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from autopart.cli.load import load_step
from autopart.cli.run_folder import (
    JOURNAL,
    METRICS_FILE,
    REPORT,
    SCHEDULE,
    read_run,
    write_config,
    write_incumbent,
    write_plan,
    write_report,
)
from autopart.cli.run_status import reported
from autopart.cli.settings import StagedGoals, any_mesh_of, auto_of, check_model, flag, goals_of, tracking_of
from autopart.cli.tactic_table import show_tactics
from autopart.cli.terminal import SearchBar, console, show_plan
from autopart.cli.verify import verify_run
from autopart.cost.metrics import METRICS
from autopart.costmodel.mesh import Mesh
from autopart.errors import USER_ERRORS, AutopartError, InfeasibleError, PlanError, SettingError
from autopart.partitioning.mesh_shapes import AnyMesh
from autopart.partitioning.problem import Problem
from autopart.plan.plan import Plan
from autopart.plan.saved import PLAN_FILE, SavedPlan
from autopart.plan.schedule_file import NamedSchedule, load_schedule
from autopart.planner.api import partition_graph
from autopart.planner.auto import Auto
from autopart.planner.checks import AnyTactic
from autopart.planner.listener import Listener, Listeners
from autopart.planner.tracked_run import TREE_PAGE, Tracking, write_tree_page
from autopart.program.graph import Graph
from autopart.program.trace import trace_step
from autopart.search import Journal
from autopart.tactics.manual import Tactic
from autopart.tracking.tracker import TrackedRun

_SECTIONS: Final = ("model", "mesh", "goals", "search", "schedule", "verify", "report")


def run_job(config: DictConfig, folder: Path, apply_only: bool = False, resume: bool = False) -> None:
    """One run: trace, apply the schedule, search unless told not to, write the run folder, show the plan.

    The search goes on from the journal in the folder if it is to ``resume``, and else begins a new one. From when there
    is a folder until it has ended well, the folder says how it is doing; what is refused before leaves none.

    Raises:
        AutopartError, SearchError, CostModelError: bad input, or limits that no plan meets (what was found
            is written all the same).
    """
    terminal = console()
    plain = _checked(config)
    mesh = any_mesh_of(plain["mesh"], plain.get("device"), plain.get("devices"))
    goals, auto = goals_of(plain["goals"], mesh), auto_of(plain["search"], plain.get("ray"))
    then_verify, reports = flag(plain, "verify"), flag(plain, "report")
    told = TrackedRun(folder.name, None, plain, resume, isinstance(mesh, AnyMesh))
    tracking = tracking_of(plain.get("tracking"), told, folder, _warn_above)
    schedule = _schedule(plain["schedule"], apply_only)
    with terminal.status(f"tracing {plain['model']['name']}"):
        step = load_step(plain["model"]["target"], plain["model"]["fields"])
        graph = trace_step(step)
    if schedule.saved is not None:
        _compare(terminal, schedule.saved, Problem.of(graph, mesh if isinstance(mesh, Mesh) else schedule.saved.mesh))
    write_config(folder, plain)
    why = None
    with reported(folder), nullcontext() if tracking is None else tracking:
        try:
            if apply_only:
                plan = partition_graph(graph, mesh, goals=goals.wanted, tactics=schedule.tactics)
            else:
                with _journal(folder, resume, mesh) as journal:
                    plan = _searched(graph, mesh, goals, schedule.tactics, auto, folder, journal, tracking)
        except InfeasibleError as error:
            plan, why = error.plan, error
        _write(folder, plan)
        _show(terminal, plan, by_hand=bool(schedule.tactics))
        nearest = "The nearest plan is in" if why is not None and not apply_only else "Run folder:"
        terminal.print(f"{nearest} {folder}", markup=False, soft_wrap=True)
        if reports:
            _report(terminal, folder, plan, str(plain["model"]["name"]))
        if tracking is not None:
            _track(terminal, tracking, folder, plan, why is None)
        if then_verify and (why is None or apply_only):
            verify_run(read_run(folder), plain["model"]["target"], terminal)
        if why is not None:
            raise why


def check_settings(config: DictConfig) -> None:
    """Reads what settings a run has, and traces nothing.

    Raises:
        SettingError: one is unknown, missing, or of another kind than it takes. What else is wrong the run will say.
    """
    plain = _checked(config)
    mesh = AnyMesh(2, "cpu")  # Goals are read without a look at it.
    told = TrackedRun("", None, plain, False, False)
    readers: tuple[Callable[[], object], ...] = (
        lambda: any_mesh_of(plain["mesh"], plain.get("device"), plain.get("devices")),
        lambda: goals_of(plain["goals"], mesh),
        lambda: auto_of(plain["search"], plain.get("ray")),
        lambda: flag(plain, "verify"),
        lambda: flag(plain, "report"),
        lambda: tracking_of(plain.get("tracking"), told, Path(), _warn_above),
    )
    for reader in readers:
        try:
            reader()
        except SettingError:
            raise
        except USER_ERRORS:
            continue


def _show(terminal: Console, plan: Plan, by_hand: bool) -> None:
    """Shows the plan, first its tactics one by one where some were given ``by_hand``."""
    if by_hand:
        show_tactics(terminal, plan)
    show_plan(terminal, plan)


def _report(terminal: Console, folder: Path, plan: Plan, model: str) -> None:
    """Writes the report; where that fails the run is as good without."""
    try:
        with terminal.status("writing the report"):
            path = write_report(folder, plan, model)
    except AutopartError as error:
        _warn(f"no report: {error}")
        return
    terminal.print(f"Report: {path}", markup=False, soft_wrap=True)


def _checked(config: DictConfig) -> Any:
    """The configuration as plain values."""
    absent = [name for name in _SECTIONS if name not in config]
    if absent:
        raise SettingError(f"there is no {absent[0]}, which every run has. Fix: leave ~{absent[0]} out.")
    try:
        if config.get("device") is not None:
            config.mesh.device = str(config.device.get("name"))  # What device=NAME brings stands in for it.
        missing = sorted(str(key) for key in OmegaConf.missing_keys(config))
        plain: Any = OmegaConf.to_container(config, resolve=True) if not missing else None
    except OmegaConfBaseException as error:
        at = f"{error.full_key}: " if error.full_key else ""
        raise SettingError(f"{at}{str(error).splitlines()[0]}. Fix: give it a value.") from error
    if missing:
        raise SettingError(
            f"no value for {', '.join(missing)}. Fix: choose (autopart model=t32 mesh=tpu_v3_16x2) or name your own "
            "(autopart model.target=my_module.my_step); see autopart --help."
        )
    check_model(plain["model"])
    return plain


def _schedule(name: Any, apply_only: bool) -> NamedSchedule:
    if name is None and apply_only:
        raise PlanError("nothing to apply. Fix: autopart apply schedule=schedule.py model=... mesh=...; see --help.")
    return NamedSchedule(()) if name is None else load_schedule(str(name))


def _compare(terminal: Console, saved: SavedPlan, problem: Problem) -> None:
    """Shows in what the program differs from that of a plan file, where it does.

    Raises:
        PlanError: a tactic of the plan does not apply in full.
    """
    changes = saved.compare_problem(problem)
    if not changes.applies:
        raise PlanError(f"{changes}\nFix: take the schedule.py of the plan, edit the patterns, and apply that.")
    if not changes.is_same:
        terminal.print(str(changes), markup=False, soft_wrap=True)


@contextmanager
def _journal(folder: Path, resume: bool, mesh: Mesh | AnyMesh) -> Iterator[Journal | None]:
    """The journal of a run on one mesh; says what is damaged in it, and where it could not be written to its end."""
    if isinstance(mesh, AnyMesh):
        yield None
        return
    with closing(Journal(folder / JOURNAL, fresh=not resume)) as journal:
        if journal.damage:
            _warn(f"{journal.path}: {journal.damage}")
        try:
            yield journal
        finally:
            if journal.failed:
                _warn(f"{journal.failed}; what was found is kept all the same")


def _searched(
    graph: Graph,
    mesh: Mesh | AnyMesh,
    goals: StagedGoals,
    schedule: Sequence[Tactic],
    auto: Auto,
    folder: Path,
    journal: Journal | None,
    tracking: Tracking | None,
) -> Plan:
    """Applies the schedule and searches after it, keeping the best so far on disk."""
    with SearchBar(console(stderr=True), auto.budget.simulations) as bar:
        listeners: list[Listener] = [bar, _Incumbent(folder, mesh), *([] if tracking is None else [tracking])]
        every: list[AnyTactic] = [*schedule, *goals.searches(auto)]
        return partition_graph(
            graph, mesh, goals=goals.wanted, tactics=every, listener=Listeners(listeners), journal=journal
        )


class _Incumbent(Listener):
    """Keeps the best schedule so far in the run folder."""

    def __init__(self, folder: Path, mesh: Mesh | AnyMesh) -> None:
        self._folder, self._mesh = folder, None if isinstance(mesh, AnyMesh) else mesh

    def on_shape(self, mesh: Mesh) -> None:
        """Notes it."""
        self._mesh = mesh

    def on_best(self, tactics: Sequence[Tactic], metrics: Sequence[float]) -> None:
        """Writes it."""
        assert self._mesh is not None
        figures = dict(zip(METRICS, metrics, strict=False))  # What goals ask for beside these comes after.
        with suppress(OSError):  # A full disk does not end the search.
            write_incumbent(self._folder, self._mesh, tactics, figures)


def _write(folder: Path, plan: Plan) -> None:
    try:
        write_plan(folder, plan)
    except OSError as error:
        raise PlanError(
            f"the plan cannot be written to {folder}: {error.strerror}. Fix: make room, and apply its schedule:\n"
            f"{plan.schedule_source()}"
        ) from error


def _track(terminal: Console, tracking: Tracking, folder: Path, plan: Plan, ok: bool) -> None:
    """Hands trackers what the run left, and says where they have it."""
    with suppress(AutopartError):  # A full disk is told of where the plan is written.
        write_tree_page(folder, plan)
    names = (PLAN_FILE, SCHEDULE, METRICS_FILE, REPORT, TREE_PAGE)
    tracking.end(plan, [folder / name for name in names if (folder / name).is_file()], ok)
    if tracking.told:
        terminal.print(tracking.told, markup=False, soft_wrap=True)


def _warn_above(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)  # Which a live progress bar prints above itself.


def _warn(text: str) -> None:
    console(stderr=True).print(f"warning: {text}", markup=False, soft_wrap=True)
