"""``autopart compare RUN...``: several runs in one table in the terminal, as JSON or as one page."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from autopart.emit.document import write_text
from autopart.errors import PlanError
from autopart.lower import by_kind
from autopart.quantities import bytes_text, seconds_text
from autopart.report.page import Page, Row, table
from autopart.report.terminal import plain_table
from autopart.runs import CONFIG, INCUMBENT, read_run
from autopart.saved import PLAN_FILE

_HEADINGS = ("run", "model", "mesh", "a device", "a step", "exposed", "collectives", "tactics", "")
_NUMBERS = (3, 4, 5, 7)


@dataclass(frozen=True)
class RunRow:
    """A run beside others.

    Attributes:
        name: its folder, from the one that was asked for on.
        model: what it partitions; may be empty where the run crashed.
        mesh: axes and sizes, and the device.
        peak_memory_bytes, step_s, exposed_s: of its plan; ``None`` where there is none.
        fits: whether the peak is no more than a device has.
        collectives: kind -> how many run in a step.
        tactics: how many its schedule has.
        crashed: why there is no plan; empty where there is one.
    """

    name: str
    model: str = ""
    mesh: str = ""
    peak_memory_bytes: float | None = None
    step_s: float | None = None
    exposed_s: float | None = None
    fits: bool = False
    collectives: dict[str, int] = dataclasses.field(default_factory=dict)
    tactics: int = 0
    crashed: str = ""


def compare_runs(folders: Sequence[Path], terminal: Console, page: Path | None, as_json: bool) -> list[RunRow]:
    """Reads the runs, shows them in one table (those that fit and are fast first), and writes the page if asked to.

    Raises:
        PlanError: a folder holds no run, or the page cannot be written.
    """
    rows = sorted((row_of(*found) for folder in folders for found in runs_in(folder)), key=_order)
    if as_json:
        terminal.print(json.dumps([dataclasses.asdict(row) for row in rows], indent=1), markup=False, soft_wrap=True)
    else:
        _show(terminal, rows)
    if page is not None:
        write_text(page, page_of(rows))
        if not as_json:
            terminal.print(f"Page: {page}", markup=False, soft_wrap=True)
    return rows


def runs_in(folder: Path) -> Iterator[tuple[Path, str]]:
    """The run folders in a folder, itself if it is one, with the names by which they are told apart.

    Raises:
        PlanError: there are none.
    """
    if _is_run(folder):
        yield folder, folder.resolve().name
        return
    found = [path for path in sorted(folder.iterdir(), key=_natural) if _is_run(path)] if folder.is_dir() else []
    if not found:
        raise PlanError(f"no run in {folder}. Fix: name run folders, or the folder of a sweep that autopart -m left.")
    yield from ((path, f"{folder.resolve().name}/{path.name}") for path in found)


def _is_run(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (PLAN_FILE, CONFIG, INCUMBENT))


def _natural(path: Path) -> tuple[int, str]:
    head = path.name.partition("_")[0]
    return (int(head) if head.isdecimal() else 1 << 30), path.name


def row_of(folder: Path, name: str) -> RunRow:
    """What is said of a run; one without a whole plan is marked and not refused."""
    try:
        run = read_run(folder)
    except PlanError as error:
        at = "stopped before it was done" if not (folder / PLAN_FILE).exists() else str(error)
        return RunRow(name, crashed=at)
    plan, mesh = run.plan, run.plan.mesh
    peak = plan.metrics.get("peak_memory_bytes")
    axes = " × ".join(f"{axis} {size}" for axis, size in mesh.axes.items())
    return RunRow(
        name, str(run.model.get("name", run.model["target"])), f"{axes} {mesh.device_profile.name}", peak,
        plan.metrics.get("step_s"), plan.metrics.get("exposed_s"),
        peak is not None and peak <= mesh.device_profile.hbm_usable_bytes, by_kind(plan.runs), len(plan.schedule),
    )  # fmt: skip


def _order(row: RunRow) -> tuple[bool, bool, float]:
    return bool(row.crashed), not row.fits, row.step_s or 0.0


def _cells(row: RunRow) -> list[str]:
    if row.crashed:
        return [row.name, *[""] * 7, f"crashed: {row.crashed}"]
    kinds = ", ".join(f"{n} {kind}" for kind, n in row.collectives.items() if n) or "none"
    memory = "" if row.peak_memory_bytes is None else bytes_text(row.peak_memory_bytes)
    step, exposed = ("" if x is None else seconds_text(x) for x in (row.step_s, row.exposed_s))
    note = "" if row.fits else "does not fit"
    return [row.name, row.model, row.mesh, memory, step, exposed, kinds, str(row.tactics), note]


def _show(terminal: Console, rows: Sequence[RunRow]) -> None:
    shown = plain_table(f"{len(rows)} runs, the fastest that fits first")
    for place, heading in enumerate(_HEADINGS):
        shown.add_column(heading, overflow="fold", justify="right" if place in _NUMBERS else "left")
    for row in rows:
        shown.add_row(
            *(escape(cell) for cell in _cells(row)), style="red" if row.crashed else "" if row.fits else "dim"
        )
    terminal.print(shown)


def page_of(rows: Sequence[RunRow]) -> str:
    """The table as one page that loads nothing; names are escaped."""
    page = Page("Runs compared")
    body = [Row(_cells(row), "bad" if row.crashed else "" if row.fits else "dim") for row in rows]
    caption = "The fastest that fits first. Memory and seconds are estimates of one device and one step."
    page.add(table(_HEADINGS, body, _NUMBERS, caption))
    return page.html()
