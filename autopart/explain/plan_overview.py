"""A whole plan explained: what binds it, what its collectives and its memory are, what each tactic bought."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table

from autopart.explain.collective_rows import CollectiveRow, rows_of, rows_table
from autopart.explain.collectives import selected
from autopart.explain.peak_memory import residents_at_peak, summary
from autopart.explain.subject import Subject
from autopart.explain.tactic_effects import TacticEffect, effects_of, effects_table
from autopart.text import Part, Readable, bytes_text, plain_table, seconds_text

NEARLY_FULL = 0.9
"""Part of the usable memory from which on memory is said to bind."""

_MOST = 10
"""Rows of collectives and of tensors that are shown."""


@dataclass(frozen=True)
class Bound:
    """One thing that a plan is limited by.

    Attributes:
        what: ``memory``, ``compute``, or ``link`` with its axes.
        share: of memory: peak over usable bytes; of others: busy seconds over seconds of a step.
        amount: bytes, or busy seconds.
        unit: ``bytes`` or ``s``.
    """

    what: str
    share: float
    amount: float
    unit: str

    @property
    def used(self) -> str:
        """The amount in words."""
        return bytes_text(self.amount) if self.unit == "bytes" else seconds_text(self.amount)


@dataclass(frozen=True)
class HeldTensor:
    """Tensors of one kind that are alive at the memory peak: what, its role, local bytes of all, how many."""

    what: str
    role: str
    nbytes: float
    count: int


@dataclass(frozen=True, repr=False)
class PlanExplanation(Readable):
    """A plan at a glance.

    Attributes:
        metrics: see ``analysis.METRICS``.
        untiled: the same with nothing tiled.
        usable_bytes: memory of a device.
        binding: which of ``bounds`` binds: memory that is full or nearly; else what a step waits for longest, compute
            or, where more of the communication is exposed than compute takes, the busiest link.
        bounds: memory, compute and every link that is used.
        tactics: what each did.
        collectives: equal ones of equal layers in one row, dearest first.
        held: what is alive at the memory peak, largest first.
    """

    metrics: Mapping[str, float]
    untiled: Mapping[str, float]
    usable_bytes: float
    binding: str
    bounds: tuple[Bound, ...]
    tactics: tuple[TacticEffect, ...]
    collectives: tuple[CollectiveRow, ...]
    held: tuple[HeldTensor, ...]

    def parts(self) -> Iterable[Part]:
        """Tables: what binds, what tactics did, the dearest collectives, the largest tensors at the memory peak."""
        yield _bounds_table(self)
        yield effects_table(self.untiled, self.tactics)
        yield rows_table(self.collectives, _MOST)
        yield _held_table(self.held[:_MOST])


def explain_plan(subject: Subject) -> PlanExplanation:
    """The plan at a glance."""
    metrics = subject.report.metrics
    usable = float(subject.problem.mesh.device_profile.hbm_usable_bytes)
    bounds = _bounds(subject, usable)
    held = tuple(HeldTensor(*row) for row in summary(residents_at_peak(subject.state)))
    return PlanExplanation(
        metrics, subject.untiled.metrics, usable, _binding(metrics, bounds), bounds,
        effects_of(subject.schedule, subject.untiled, subject.reports), tuple(rows_of(selected(subject, ""))), held,
    )  # fmt: skip


def _bounds(subject: Subject, usable: float) -> tuple[Bound, ...]:
    metrics, mesh = subject.report.metrics, subject.problem.mesh
    step, stream = metrics["step_s"], subject.problem.costs.stream
    busy: dict[int, float] = {}
    for move in subject.program.collectives():
        for link in {int(stream[mesh.axis_names.index(axis)]) for axis in move.axes}:
            busy[link] = busy.get(link, 0.0) + move.seconds * move.trips
    links = [(_link_name(subject, link), seconds) for link, seconds in busy.items() if seconds]
    peak = metrics["peak_memory_bytes"]
    return (
        Bound("memory", peak / usable, peak, "bytes"),
        Bound("compute", metrics["compute_s"] / step if step else 0.0, metrics["compute_s"], "s"),
        *(Bound(name, s / step, s, "s") for name, s in sorted(links, key=lambda item: -item[1])),
    )


def _link_name(subject: Subject, stream: int) -> str:
    axes = [n for n, s in zip(subject.axis_names, subject.problem.costs.stream, strict=True) if int(s) == stream]
    return f"link of {' and '.join(axes)}"


def _binding(metrics: Mapping[str, float], bounds: tuple[Bound, ...]) -> str:
    memory, compute, *links = bounds
    if memory.share >= NEARLY_FULL:
        return memory.what
    return links[0].what if links and metrics["exposed_s"] > metrics["compute_s"] else compute.what


def _bounds_table(plan: PlanExplanation) -> Table:
    table = plain_table("What binds")
    for heading in ("", "used", "share"):
        table.add_column(heading, justify="left" if not heading else "right")
    for bound in plan.bounds:
        binds = bound.what == plan.binding
        verdict = " (does not fit)" if bound.unit == "bytes" and bound.share > 1.0 else " (binds)"
        table.add_row(
            f"{bound.what}{verdict if binds else ''}", bound.used, f"{bound.share:.0%}", style="bold" if binds else ""
        )  # fmt: skip
    return table


def _held_table(tensors: Iterable[HeldTensor]) -> Table:
    table = plain_table("At the memory peak")
    for heading in ("tensor", "role", "count", "bytes"):
        table.add_column(heading, overflow="fold", justify="right" if heading in ("count", "bytes") else "left")
    for held in tensors:
        table.add_row(escape(held.what), held.role, f"{held.count}", bytes_text(held.nbytes))
    return table
