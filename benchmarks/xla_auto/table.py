"""The rows as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from autopart.benchmarks.xla_auto.figures import Figures
from autopart.benchmarks.xla_auto.modelled import modelled
from autopart.benchmarks.xla_auto.rows import QUICKER, Row, document
from autopart.cost.metrics import PEAK, STEP_S
from autopart.text.quantities import bytes_text, seconds_text

COLUMNS = ("program", "answer", "after", "peak", "Mcycles", "collectives", "they take", "in all", "model: peak", "step")


def table(rows: Sequence[Row]) -> Table:
    """Of each program XLA's answer, and ours by both ways out of a plan."""
    out = Table(
        title="XLA's auto-sharding and autopart, both compiled by XLA's TPU compiler (v5e:2x4)",
        caption=_caption(document(rows)),
    )
    for column in COLUMNS:
        out.add_column(column, justify="left" if column in ("program", "answer") else "right")
    for row in rows:
        _add(out, row)
        out.add_section()
    return out


def _caption(counts: Mapping[str, Any]) -> str:
    return (
        f"{counts['programs']} programs: plan.jit() takes no more cycles in {counts['no_slower']}; the answer is there "
        f"{QUICKER:.0f} times as soon in {counts['ten_times_quicker']}; both in {counts['both']}. Cycles are without "
        "collectives, whose bytes are in full along their axes and whose time is by the device profile."
    )


def _add(out: Table, row: Row) -> None:
    name = row.program.name
    if row.theirs is None:
        out.add_row(name, "XLA", "none")
    else:
        answer, figures = row.theirs
        metrics = modelled(row.problem, answer).metrics(row.problem)
        out.add_row(name, "XLA", f"{answer.answer_s:.1f} s", *_compiled(figures), *_modelled(metrics))
    soon = "" if row.times_quicker is None else f" ({row.times_quicker:.0f}x as soon)"
    after = f"{row.ours.answer_s:.1f} s{soon}"
    for emit, figures in row.compiled.items():
        out.add_row("", f"plan.{emit}()", after, *_compiled(figures), *_modelled(row.metrics))
        after = ""  # Both ways out are of one answer.


def _compiled(figures: Figures) -> tuple[str, ...]:
    count = sum(figures.collectives.values())
    moved = f"{count}: {bytes_text(figures.collective_bytes)}"
    cycles = f"{figures.cycles / 1e6:.2f}"
    seconds = seconds_text(figures.communication_s), seconds_text(figures.step_s)
    return bytes_text(figures.peak_bytes), cycles, moved, *seconds


def _modelled(metrics: Sequence[float] | None) -> tuple[str, str]:
    if metrics is None:
        return "no such state", ""
    return bytes_text(metrics[PEAK]), seconds_text(metrics[STEP_S])
