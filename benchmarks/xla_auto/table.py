"""The rows as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from autopart.quantities import bytes_text, seconds_text
from benchmarks.xla_auto.figures import Figures
from benchmarks.xla_auto.modelled import modelled
from benchmarks.xla_auto.rows import QUICKER, Row, document, model_figures

COLUMNS = (
    "program", "answer", "after", "peak memory", "Mcycles", "collectives", "bytes in them", "their time",
    "cycles and them", "model: peak", "model: step",
)  # fmt: skip


def table(rows: Sequence[Row]) -> Table:
    """Of each program XLA's answer, and ours by both ways out of a plan."""
    figures = document(rows)
    out = Table(
        title="XLA's auto-sharding and autopart, both compiled by XLA's TPU compiler (v5e:2x4)",
        caption=f"{figures['programs']} programs: plan.jit() takes no more cycles in {figures['no_slower']}, the answer "
        f"comes {QUICKER:.0f} times as soon in {figures['ten_times_quicker']}, both in {figures['both']}. "
        "Cycles are without collectives.",
    )  # fmt: skip
    for column in COLUMNS:
        out.add_column(column, justify="left" if column in ("program", "answer") else "right")
    for row in rows:
        _add(out, row)
        out.add_section()
    return out


def _add(out: Table, row: Row) -> None:
    name = row.program.name
    if row.theirs is None:
        out.add_row(name, "XLA: none")
    else:
        answer, figures = row.theirs
        metrics = modelled(row.problem, answer).metrics(row.problem)
        out.add_row(name, "XLA", seconds_text(answer.answer_s), *_compiled(figures), *_modelled(metrics))
    soon = "" if row.times_quicker is None else f" ({row.times_quicker:.0f}x)"
    for emit, figures in row.compiled.items():
        after = seconds_text(row.ours.answer_s) + soon
        out.add_row("", f"plan.{emit}()", after, *_compiled(figures), *_modelled(row.metrics))


def _compiled(figures: Figures) -> tuple[str, ...]:
    return (
        bytes_text(figures.peak_bytes),
        f"{figures.cycles / 1e6:.2f}",
        ", ".join(f"{count} {kind}" for kind, count in figures.by_kind.items()) or "none",
        bytes_text(figures.collective_bytes),
        seconds_text(figures.communication_s),
        seconds_text(figures.step_s),
    )


def _modelled(metrics: Sequence[float] | None) -> tuple[str, str]:
    if metrics is None:
        return "not possible", ""
    peak, step = model_figures(metrics)
    return bytes_text(peak), seconds_text(step)
