"""What each tactic of a schedule did, beside the state before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.markup import escape
from rich.table import Table

from autopart.explain.figures import Report, more_collectives
from autopart.tactics import Tactic, label
from autopart.text import bytes_text, plain_table, seconds_text, signed


@dataclass(frozen=True)
class TacticEffect:
    """What a tactic did.

    Attributes:
        number: its place in the schedule, from 1.
        label: the tactic in a few lines: name, axis, what it tiled.
        metrics: figures after it, see ``analysis.METRICS``.
        step_s: seconds by which a step changed.
        peak_memory_bytes: bytes by which the peak changed.
        collectives: kind -> how many more run in a step; kinds that did not change are left out.
    """

    number: int
    label: str
    metrics: Mapping[str, float]
    step_s: float
    peak_memory_bytes: float
    collectives: Mapping[str, int]


def effects_of(schedule: Sequence[Tactic], untiled: Report, reports: Sequence[Report]) -> tuple[TacticEffect, ...]:
    """What each tactic did.

    Args:
        schedule: the tactics.
        untiled: figures with nothing tiled.
        reports: figures after each tactic.
    """
    out, steps = [], pairwise((untiled, *reports))
    for number, (tactic, (before, after)) in enumerate(zip(schedule, steps, strict=True), start=1):
        out.append(TacticEffect(
            number, label(tactic, after.tiles), after.metrics,
            after.metrics["step_s"] - before.metrics["step_s"],
            after.metrics["peak_memory_bytes"] - before.metrics["peak_memory_bytes"],
            more_collectives(before.collectives, after.collectives),
        ))  # fmt: skip
    return tuple(out)


def effects_table(untiled: Mapping[str, float], effects: Sequence[TacticEffect]) -> Table:
    """One row a tactic: figures after it and by how much they changed, and collectives that came and went.

    Args:
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
    return table


def _figures(metrics: Mapping[str, float]) -> tuple[str, str]:
    return bytes_text(metrics["peak_memory_bytes"]), seconds_text(metrics["step_s"])


def changed(more: Mapping[str, int], between: str = "\n") -> str:
    """Collectives that came and went: ``+128 all_reduce``, by default a line each."""
    return between.join(f"{count:+d} {kind}" for kind, count in more.items()) or "as before"
