"""What each tactic of a schedule did: memory, time and collectives after it."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from autopart.plan import Plan, Report
from autopart.quantities import bytes_text, seconds_text
from autopart.resolve import Resolve
from autopart.state import State
from autopart.tactics import Atomic, Dim, Manual, Tactic

_MOST_PATTERNS = 3


def show_tactics(terminal: Console, plan: Plan) -> None:
    """One row a tactic: figures after it, and which collectives it added and removed."""
    table = Table(title="Tactic by tactic", title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("tactic", overflow="fold")
    table.add_column("a device", justify="right", no_wrap=True)
    table.add_column("a step", justify="right", no_wrap=True)
    table.add_column("collectives", no_wrap=True)
    before = Report.of(State(plan.problem))
    table.add_row("nothing tiled", *_figures(before), "", style="dim")
    for tactic, report in zip(plan.schedule, plan.reports, strict=True):
        words = label(tactic, report.tiles)
        table.add_row(escape(words), *_figures(report), changed(before.collectives, report.collectives))
        before = report
    terminal.print(table)


def _figures(report: Report) -> tuple[str, str]:
    return bytes_text(report.metrics["peak_memory_bytes"]), seconds_text(report.metrics["step_s"])


def changed(before: dict[str, int], after: dict[str, int]) -> str:
    """Collectives that came and went between two reports: ``+128 all_reduce``, a line each."""
    counts = {kind: after.get(kind, 0) - before.get(kind, 0) for kind in {**before, **after}}
    return "\n".join(f"{count:+d} {kind}" for kind, count in counts.items() if count) or "as before"


def label(tactic: Tactic, tiles: str = "") -> str:
    """A tactic in a few lines: its name or its kind, the axis, and the first of its patterns.

    Args:
        tactic: the tactic.
        tiles: what a named strategy came to, patterns and dimensions with commas between.
    """
    if isinstance(tactic, Manual):
        items = [f"{pattern}: {dim.name if isinstance(dim, Dim) else dim}" for pattern, dim in tactic.tiles.items()]
    elif isinstance(tactic, Atomic):
        items = list(tactic.patterns)
    elif isinstance(tactic, Resolve):
        items = [f"{tactic.op}: {tactic.factor}"]
    else:
        items = tiles.split(", ") if tiles else []
    more = [f"and {len(items) - _MOST_PATTERNS} more"] if len(items) > _MOST_PATTERNS else []
    return "\n  ".join([f"{tactic.name or type(tactic).__name__} on {tactic.axis}", *items[:_MOST_PATTERNS], *more])
