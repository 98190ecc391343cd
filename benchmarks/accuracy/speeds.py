"""Predicted compute time beside the cycles that the TPU's compiler counts: do they put programs in one order?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from autopart.benchmarks.accuracy.figures import spearman
from autopart.text.quantities import seconds_text


@dataclass(frozen=True)
class Speed:
    """Compute of one program, without collectives.

    Attributes:
        program, device: its name, and that of the device profile.
        predicted_s: predicted seconds of a step.
        cycles: the compiler's, of a step.
    """

    program: str
    device: str
    predicted_s: float
    cycles: float


def section(speeds: Sequence[Speed]) -> dict[str, Any]:
    """The section of the JSON document: rank correlation over all programs, and over those of each device."""
    return {
        "programs": len(speeds),
        "spearman": _rank(speeds),
        "spearman_by_device": {device: _rank(_of(speeds, device)) for device in _devices(speeds)},
        "rows": [vars(speed) for speed in speeds],
    }


def _devices(speeds: Sequence[Speed]) -> list[str]:
    return sorted({speed.device for speed in speeds})


def _of(speeds: Sequence[Speed], device: str) -> list[Speed]:
    return [speed for speed in speeds if speed.device == device]


def _rank(speeds: Sequence[Speed]) -> float | None:
    return spearman([speed.predicted_s for speed in speeds], [speed.cycles for speed in speeds])


def table(speeds: Sequence[Speed]) -> Table:
    """A row a program, those of a device together."""
    ranks = [("all", _rank(speeds)), *((device, _rank(_of(speeds, device))) for device in _devices(speeds))]
    told = ", ".join(f"{name} {rank:.3f}" for name, rank in ranks if rank is not None)
    out = Table(
        title="Compute of a step, without collectives", caption=f"Spearman's rank correlation: {told or 'none'}"
    )
    for column in ("program", "predicted", "compiler", "cycles in a predicted second"):
        out.add_column(column, justify="left" if column == "program" else "right")
    for device in _devices(speeds):
        for speed in _of(speeds, device):
            rate = f"{speed.cycles / speed.predicted_s / 1e9:.2f} G" if speed.predicted_s else ""
            out.add_row(speed.program, seconds_text(speed.predicted_s), f"{speed.cycles / 1e6:.1f} M cycles", rate)
        out.add_section()
    return out
