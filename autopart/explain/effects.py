"""What each tactic of a schedule did, beside the state before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from autopart.labels import label
from autopart.reports import Report, more_collectives
from autopart.tactics import Tactic


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
