"""The figures of a state and of every step of a schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from autopart.cost import METRICS
from autopart.emit import Program, by_kind
from autopart.emit.lower import lower
from autopart.partitioning import Problem, State
from autopart.tactics import Tactic, tiles_text
from autopart.tactics.strategies import ArgumentStrategy
from autopart.text import bytes_text, seconds_text


@dataclass(frozen=True)
class Report:
    """The figures of a state.

    Attributes:
        metrics: by name, see ``analysis.METRICS`` (bytes and seconds of one device).
        collectives: how often each kind runs in a step; in a loop once for each trip.
        tiles: where it is that after a named strategy: the arguments that this tiled, as text.
    """

    metrics: dict[str, float]
    collectives: dict[str, int]
    tiles: str = ""

    @classmethod
    def of(cls, state: State, program: Program | None = None) -> Report:
        """The report of the current state, of which ``program`` may have been lowered already."""
        metrics = dict(zip(METRICS, (float(x) for x in state.metrics()), strict=True))
        return cls(metrics, by_kind((program or lower(state)).executed_counts()))

    def line(self) -> str:
        """One line for people."""
        kinds = ", ".join(f"{n} {kind}" for kind, n in self.collectives.items() if n) or "no collectives"
        memory, step = bytes_text(self.metrics["peak_memory_bytes"]), seconds_text(self.metrics["step_s"])
        return f"{memory} a device, {step} a step, {kinds}"


def reports_of(problem: Problem, schedule: Sequence[Tactic]) -> tuple[Report, ...]:
    """The figures after each tactic, and what it tiled."""
    state, out = State(problem), []
    for tactic in schedule:
        tiles = tiles_text(tactic.manual(state)) if isinstance(tactic, ArgumentStrategy) else ""
        state.apply(tactic.steps(state))
        out.append(replace(Report.of(state), tiles=tiles))
    return tuple(out)


def more_collectives(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """Kind -> how many more (or, below 0, fewer) there are; kinds of which there are as many are left out."""
    counts = {kind: after.get(kind, 0) - before.get(kind, 0) for kind in {**before, **after}}
    return {kind: count for kind, count in counts.items() if count}
