"""Predicted peak memory beside the compiler's, and what fits beside what it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from autopart.benchmarks.accuracy.figures import median_error, relative_error, worst_error
from autopart.benchmarks.accuracy.verdict import ARGUMENT, DONE, PEAK, REFUSED, TEMPORARY, Verdict
from autopart.text.quantities import bytes_text

MARGIN = 0.1
"""Part of a device's memory by which a program must fit, or not fit, for the prediction to be held to it."""

FITS, TOO_LARGE, CLOSE = "fits", "too large", "close"


@dataclass(frozen=True)
class Peak:
    """Peak memory of one program.

    Attributes:
        program, device: its name, and that of the device profile.
        usable_bytes: memory of a device that is left for a program.
        predicted_bytes: the predicted peak.
        verdict: the compiler's.
    """

    program: str
    device: str
    usable_bytes: int
    predicted_bytes: float
    verdict: Verdict

    @property
    def error(self) -> float:
        """Relative error of the prediction; of a program that compiles."""
        return relative_error(self.predicted_bytes, self.verdict.memory_bytes[PEAK])

    @property
    def prediction(self) -> str:
        """``fits`` with a margin to spare, ``too large`` by a margin, or ``close``."""
        part = self.predicted_bytes / self.usable_bytes
        return FITS if part <= 1 - MARGIN else TOO_LARGE if part >= 1 + MARGIN else CLOSE

    @property
    def contradicted(self) -> bool:
        """Whether the compiler refuses what should fit, or compiles what should not."""
        return (self.prediction, self.verdict.status) in ((FITS, REFUSED), (TOO_LARGE, DONE))

    def to_json(self) -> dict[str, Any]:
        """The row as plain JSON values; bytes of what is refused are not known."""
        memory = self.verdict.memory_bytes
        return {
            "program": self.program,
            "device": self.device,
            "predicted_bytes": self.predicted_bytes,
            "prediction": self.prediction,
            "status": self.verdict.status,
            "text": self.verdict.text,
            "peak_bytes": memory.get(PEAK),
            "argument_bytes": memory.get(ARGUMENT),
            "temporary_bytes": memory.get(TEMPORARY),
            "error": self.error if memory else None,
        }


def section(peaks: Sequence[Peak]) -> dict[str, Any]:
    """The section of the JSON document; ``programs`` are those that compiled, and errors are of them."""
    compiled = [peak for peak in peaks if peak.verdict.status == DONE]
    errors = [peak.error for peak in compiled]
    worst = worst_error(errors)
    return {
        "programs": len(compiled),
        "median_error": median_error(errors),
        "worst_error": None if worst is None else abs(worst),
        "worst_program": max(compiled, key=lambda peak: abs(peak.error)).program if compiled else None,
        "fits": {
            f"{prediction}, {status}": sum((p.prediction, p.verdict.status) == (prediction, status) for p in peaks)
            for prediction in (FITS, CLOSE, TOO_LARGE)
            for status in (DONE, REFUSED)
        },
        "contradicted": [peak.program for peak in peaks if peak.contradicted],
        "rows": [peak.to_json() for peak in peaks],
    }


def table(peaks: Sequence[Peak]) -> Table:
    """A row a program, and what the errors come to."""
    figures = section(peaks)
    caption = "No program compiled."
    if figures["programs"]:
        caption = (
            f"{figures['programs']} programs compiled: median error {figures['median_error']:.1%}, worst "
            f"{figures['worst_error']:.1%}. {len(figures['contradicted'])} fit or not against the prediction."
        )
    out = Table(title="Peak memory of a device: predicted, and by XLA's TPU compiler", caption=caption)
    for column in ("program", "predicted", "compiler", "error", "arguments", "predicted to", "compiler"):
        out.add_column(column, justify="left" if column in ("program", "predicted to") else "right")
    for peak in peaks:
        memory, known = peak.verdict.memory_bytes, peak.verdict.status == DONE
        out.add_row(
            peak.program, bytes_text(peak.predicted_bytes),
            bytes_text(memory[PEAK]) if known else "", f"{peak.error:+.1%}" if known else "",
            bytes_text(memory[ARGUMENT]) if known else "",
            {FITS: "fit", TOO_LARGE: "be too large", CLOSE: "be close"}[peak.prediction],
            {DONE: "compiles"}.get(peak.verdict.status, peak.verdict.status),
            style="red" if peak.contradicted else "",
        )  # fmt: skip
    return out


def faults(peaks: Sequence[Peak]) -> list[str]:
    """A line for each program of which the compiler says the opposite."""
    return [
        f"{peak.program}: predicted to need {bytes_text(peak.predicted_bytes)} of {bytes_text(peak.usable_bytes)}, and "
        + (f"compiles with {bytes_text(peak.verdict.memory_bytes[PEAK])}" if peak.verdict.status == DONE else "refused")
        for peak in peaks
        if peak.contradicted
    ]
