"""``autopart diff RUN_A RUN_B``: two plans side by side in the terminal, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from autopart.plan import Change, PlanDiff, Traffic, compare_plans, load_plan
from autopart.program import Bundle, bundled
from autopart.tactics import label
from autopart.text import bytes_text, seconds_text

_MOST_ROWS = 30
_STYLES = {"-": "red", "+": "green", " ": "dim"}
_METRICS = {
    "peak_memory_bytes": "peak memory a device",
    "step_s": "step time",
    "compute_s": "compute",
    "communication_s": "communication",
    "exposed_s": "communication exposed",
    "idle_s": "idle",
    "communication_bytes": "bytes communicated",
}
"""What people call the figures; others keep their names."""


def diff_runs(a: Path, b: Path, terminal: Console, as_json: bool = False) -> PlanDiff:
    """Compares the plans of two runs and shows what differs.

    Raises:
        PlanError: a plan is missing or damaged.
    """
    diff = compare_plans(load_plan(a), load_plan(b))
    if as_json:
        terminal.print(json.dumps(diff.to_json(), indent=1), markup=False, soft_wrap=True)
    else:
        show_diff(terminal, diff, str(a), str(b))
    return diff


def show_diff(terminal: Console, diff: PlanDiff, a: str, b: str) -> None:
    """Tables of what differs; parts in which nothing does are one line."""
    terminal.print(f"A  {a}\nB  {b}", markup=False, soft_wrap=True)
    _show_heads(terminal, diff)
    terminal.print(_tactics(diff))
    _show_changes(terminal, "Arguments that moved", "argument", diff.arguments, by_layer=True)
    _show_changes(terminal, "Outputs that moved", "output", diff.outputs, by_layer=True)
    _show_changes(terminal, "Values inside that moved", "made at", diff.inside)
    _show_changes(terminal, "Arguments of another type", "argument", diff.types, by_layer=True)
    for side, paths in (("A", diff.only_a), ("B", diff.only_b)):
        for bundle in bundled((path, (kind,)) for path, kind in paths.items()):
            terminal.print(f"Only in {side}: {bundle.line()}", markup=False, soft_wrap=True)
    terminal.print(_traffic(diff.traffic))
    terminal.print(_figures(diff))


def _show_heads(terminal: Console, diff: PlanDiff) -> None:
    same = diff.same_program and diff.same_mesh
    if same:
        return
    lines = []
    if not diff.same_program:
        lines.append(
            f"The programs differ ({diff.a.operations} ops in A, {diff.b.operations} in B): arguments are compared by "
            "path, values inside by the function that made them."
        )
    if not diff.same_mesh:
        meshes = " in A, ".join(repr(plan.mesh) for plan in (diff.a, diff.b))
        lines.append(f"The meshes differ: {meshes} in B.")
    terminal.print("\n".join(lines), markup=False, style="yellow")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _tactics(diff: PlanDiff) -> Table | str:
    if all(side == " " for side, _ in diff.tactics):
        return f"The tactics are the same ({len(diff.tactics)})."
    table = _table("Tactics", "", "tactic")
    for side, tactic in diff.tactics:
        table.add_row(side, escape(label(tactic)), style=_STYLES[side])
    return table


def _show_changes(terminal: Console, title: str, what: str, rows: Sequence[Change], by_layer: bool = False) -> None:
    if not rows:
        return
    pairs = [(row.path, (row.before, row.after)) for row in rows]
    bundles = bundled(pairs) if by_layer else [Bundle((path,), words) for path, words in pairs]
    table = _table(title, what, "", "A", "B")
    table.columns[0].no_wrap = by_layer and max(len(bundle.pattern) for bundle in bundles) <= terminal.width // 2
    table.columns[1].no_wrap, table.columns[1].justify = True, "right"
    for bundle in bundles[:_MOST_ROWS]:
        count = f"×{len(bundle.paths)}" if len(bundle.paths) > 1 else ""
        table.add_row(*(escape(text) for text in (bundle.pattern, count, *bundle.words)))
    if len(bundles) > _MOST_ROWS:
        table.caption = f"{len(bundles) - _MOST_ROWS} more with --json"
    terminal.print(table)


def _traffic(rows: Sequence[Traffic]) -> Table | str:
    changed = [row for row in rows if row.counts[0] != row.counts[1] or row.nbytes[0] != row.nbytes[1]]
    if not changed:
        return "The collectives are the same."
    table = _table("Collectives of a step", "collective", "axis", "A", "B", "", "bytes in A", "in B")
    for column in table.columns[2:]:
        column.justify, column.no_wrap = "right", True
    for row in rows:
        (before, after), sizes = row.counts, [bytes_text(size) if size else "" for size in row.nbytes]
        style = "" if row in changed else "dim"
        difference = f"{after - before:+d}" if after != before else ""
        table.add_row(row.kind, ", ".join(row.axes), str(before), str(after), difference, *sizes, style=style)
    return table


def _figures(diff: PlanDiff) -> Table:
    table = _table("What it costs (estimates)", "", "A", "B", "B - A", "")
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    for name, (before, after) in diff.metrics.items():
        text: Callable[[float], str] = bytes_text if name.endswith("bytes") else seconds_text
        change = after - before
        sign = "+" if change > 0 else "-" if change < 0 else ""
        share = f"{change / before:+.1%}" if before and change else ""
        table.add_row(
            _METRICS.get(name, name), text(before), text(after), f"{sign}{text(abs(change))}" if sign else "=", share
        )
    return table
