"""What each tactic of a schedule did: memory, time and collectives after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape

from autopart.explain.effects import TacticEffect, effects_of
from autopart.plan import Plan
from autopart.quantities import bytes_text, seconds_text
from autopart.report.terminal import plain_table
from autopart.reports import Report
from autopart.state import State


def show_tactics(terminal: Console, plan: Plan) -> None:
    """The tactics of a plan, see ``show_effects``."""
    untiled = Report.of(State(plan.problem))
    show_effects(terminal, untiled.metrics, effects_of(plan.schedule, untiled, plan.reports))


def show_effects(terminal: Console, untiled: Mapping[str, float], effects: Sequence[TacticEffect]) -> None:
    """One row a tactic: figures after it and by how much they changed, and collectives that came and went.

    Args:
        terminal: where to.
        untiled: metrics with nothing tiled.
        effects: what the tactics did, in order.
    """
    table = plain_table("Tactic by tactic")
    table.add_column("", justify="right", style="dim", no_wrap=True)
    table.add_column("tactic", overflow="fold")
    table.add_column("a device", justify="right", no_wrap=True)
    table.add_column("a step", justify="right", no_wrap=True)
    table.add_column("collectives", no_wrap=True)
    table.add_row("", "nothing tiled", *_figures(untiled), "", style="dim")
    for effect in effects:
        memory, step = _figures(effect.metrics)
        table.add_row(
            f"{effect.number}", escape(effect.label),
            f"{memory}\n{signed(effect.peak_memory_bytes, 'bytes')}", f"{step}\n{signed(effect.step_s, 's')}",
            changed(effect.collectives),
        )  # fmt: skip
    terminal.print(table)


def _figures(metrics: Mapping[str, float]) -> tuple[str, str]:
    return bytes_text(metrics["peak_memory_bytes"]), seconds_text(metrics["step_s"])


def signed(amount: float, unit: str) -> str:
    """By how many ``bytes`` or ``s`` something changed: ``-3.20 GiB``."""
    text = bytes_text(abs(amount)) if unit == "bytes" else seconds_text(abs(amount))
    return f"{'+' if amount > 0 else '-' if amount < 0 else '±'}{text}"


def changed(more: Mapping[str, int], between: str = "\n") -> str:
    """Collectives that came and went: ``+128 all_reduce``, by default a line each."""
    return between.join(f"{count:+d} {kind}" for kind, count in more.items()) or "as before"
