"""What the searches of a run tell while they run, as rows that trackers keep."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from autopart.costmodel.mesh import Mesh
from autopart.search import Goals, Improvement, Observer, Progress
from autopart.tracking.tracker import Row

PERIOD_S: Final = 1.0
"""Between rows of progress."""


class Curves:
    """All searches of a run: one after another, or in turns on several meshes.

    Args:
        log: is handed each row: of every improvement, and of progress now and then.
        period_s: between rows of progress, in seconds.
        by_mesh: whether rows name their mesh.
    """

    def __init__(self, log: Callable[[Row], None], period_s: float = PERIOD_S, by_mesh: bool = False) -> None:
        self._log, self._period_s, self._by_mesh = log, period_s, by_mesh
        self._searches: list[_Curve] = []
        self._waiting: _Curve | None = None
        self._last_simulations, self._last_s, self._told_at = 0, 0.0, time.monotonic()
        self.seconds = 0.0

    @property
    def simulations(self) -> int:
        """States evaluated by all searches."""
        return sum(curve.simulations for curve in self._searches)

    def search(self, stage: int, mesh: Mesh, goals: Goals) -> Observer:
        """The observer of a search that begins."""
        self._searches.append(_Curve(self, stage, dict(mesh.axes) if self._by_mesh else None, goals))
        return self._searches[-1]

    def leads(self, curve: _Curve) -> bool:
        """Whether no other search of its stage has a better state."""
        return all(curve.rank <= other.rank for other in self._searches if other.rank and other.stage == curve.stage)

    def improved(self, curve: _Curve) -> None:
        """Logs what is new."""
        self._waiting = None
        self._log(curve.row(None))

    def progressed(self, curve: _Curve) -> None:
        """Logs where a search stands, if it is time."""
        self._waiting = curve
        if time.monotonic() - self._told_at >= self._period_s:
            self.flush()

    def flush(self) -> None:
        """Logs what has not been logged of progress."""
        if self._waiting is None:
            return
        lapse = self.seconds - self._last_s
        rate = (self.simulations - self._last_simulations) / lapse if lapse > 0 else None
        self._told_at, self._last_simulations, self._last_s = time.monotonic(), self.simulations, self.seconds
        self._log(self._waiting.row(rate))
        self._waiting = None


class _Curve:
    """An observer of one search.

    Attributes:
        stage: its number.
        simulations: states that it evaluated, those of a folded program that did not do included.
        rank: of its best state; the smaller the better; empty before there is one.
    """

    def __init__(self, curves: Curves, stage: int, mesh: dict[str, int] | None, goals: Goals) -> None:
        self.stage, self.simulations = stage, 0
        self.rank: tuple[float, ...] = ()
        self._curves, self._mesh, self._goals = curves, mesh, goals
        self._root: tuple[float, ...] = ()
        self._best: tuple[float, ...] = ()
        self._depth, self._before, self._begun_s = 0, 0, curves.seconds

    def on_improvement(self, improvement: Improvement) -> None:
        """Logs it."""
        if improvement.simulation == 1:  # The root: the search begins, or begins again on the whole program.
            self._root, self._before, self._begun_s = improvement.metrics, self.simulations, self._curves.seconds
        self._best, self.rank = improvement.metrics, self._goals.rank(improvement.metrics)
        self._depth = max(self._depth, len(improvement.actions))
        self._at(improvement.simulation, improvement.seconds)
        self._curves.improved(self)

    def on_progress(self, progress: Progress) -> None:
        """Logs it now and then."""
        self._depth = progress.depth
        self._at(progress.simulations, progress.seconds)
        self._curves.progressed(self)

    def row(self, simulations_per_s: float | None) -> Row:
        """Where it stands."""
        return Row(
            simulations=self._curves.simulations,
            seconds=self._curves.seconds,
            simulations_per_s=simulations_per_s,
            stage=self.stage,
            mesh=self._mesh,
            depth=self._depth,
            value=self._goals.value(self._best, self._root),
            binding=self._goals.binding(self._best),
            leads=self._curves.leads(self),
            best=dict(zip(self._goals.metric_names, self._best, strict=True)),
        )

    def _at(self, simulation: int, seconds: float) -> None:
        self.simulations = self._before + simulation
        self._curves.seconds = max(self._curves.seconds, self._begun_s + seconds)
