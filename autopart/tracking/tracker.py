"""What a tracker is: it hears that a run begins, of rows of figures, of files, and of the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class TrackedRun:
    """The run that begins.

    Attributes:
        name: what people call it.
        group: what the runs that belong together share, for example a sweep; none if ``None``.
        config: what was asked for, as plain values.
        resumed: whether it goes on from where it was.
        is_any_mesh: whether it searches over meshes too.
    """

    name: str
    group: str | None
    config: Mapping[str, Any]
    resumed: bool = False
    is_any_mesh: bool = False


@dataclass(frozen=True)
class Row:
    """Where a run stands.

    Attributes:
        simulations: states evaluated so far by all searches of the run.
        seconds: that they took.
        simulations_per_s: since the row before; ``None`` in rows that tell of an improvement.
        stage: number of the search among those of a schedule, from 0.
        mesh: size of each axis of the mesh that this search is on, where meshes are searched too, else ``None``.
        depth: of the deepest state of this search, in actions.
        value: of the best state of this search, in [0, 1], see ``search.Goals.value``; comparable within a stage.
        binding: the metric that holds that state back.
        leads: whether no other mesh has a better one.
        best: its metrics by name.
    """

    simulations: int
    seconds: float
    simulations_per_s: float | None
    stage: int
    mesh: Mapping[str, int] | None
    depth: int
    value: float
    binding: str
    leads: bool
    best: Mapping[str, float]


class Tracker(Protocol):
    """Keeps what it is told. It is called from one thread, in this order; it may take its time, and may fail."""

    @property
    def name(self) -> str:
        """What warnings call it."""
        ...

    def begin(self, run: TrackedRun) -> int:
        """Begin, or go on with, a run; return up to how many simulations there are rows already, mostly 0."""
        ...

    def log(self, row: Row) -> None:
        """Keep a row; rows come in the order of their simulations."""
        ...

    def attach(self, files: Sequence[Path]) -> None:
        """Keep what the run came to: the plan, its schedule, reports. Copy it: the files may not stay."""
        ...

    def finish(self, summary: Mapping[str, Any], ok: bool) -> str:
        """End; return in a line where to look, or nothing.

        Args:
            summary: the last figures, as plain values.
            ok: whether there is a plan that meets the limits.
        """
        ...
