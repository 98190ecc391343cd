"""One run from its beginning to its end, as a tracker hears of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Final

from autopart.costmodel.mesh import Mesh
from autopart.errors import InfeasibleError, PlanError
from autopart.files import write_text
from autopart.plan.document import save_plan
from autopart.plan.plan import Plan
from autopart.planner.listener import Listener
from autopart.search import Goals, Observer
from autopart.tracking.curves import PERIOD_S, Curves
from autopart.tracking.tracker import TrackedRun, Tracker

TREE_PAGE: Final = "tree.html"


class Tracking(Listener):
    """A context in which a run is searched and ended; one that ends otherwise is told as failed.

    Attributes:
        told: where trackers say that one may look; empty before the end.

    Args:
        tracker: who hears of it.
        run: the run.
        period_s: between rows of progress, in seconds.
    """

    def __init__(self, tracker: Tracker, run: TrackedRun, period_s: float = PERIOD_S) -> None:
        self.told = ""
        self._tracker, self._run, self._ended = tracker, run, False
        self._curves = Curves(tracker.log, period_s, run.is_any_mesh)

    def __enter__(self) -> Tracking:
        self._tracker.begin(self._run)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if isinstance(error, InfeasibleError) and not self._ended:
            self.end_with(error.plan, ok=False)
        if not self._ended:
            self._finish({"error": str(error) or type(error).__name__}, ok=False)

    def on_search(self, stage: int, mesh: Mesh, goals: Goals) -> Observer:
        """The curve of a search that begins."""
        return self._curves.search(stage, mesh, goals)

    def end(self, plan: Plan, files: Sequence[Path], ok: bool = True) -> None:
        """Tells what the run came to: files that hold it, and the last figures."""
        self._curves.flush()
        self._tracker.attach(files)
        self._finish(summary_of(plan), ok)

    def end_with(self, plan: Plan, ok: bool = True) -> None:
        """The same for a plan that has no files yet; where there is no room for any, without them."""
        with TemporaryDirectory() as folder:
            files: list[Path] = []
            with suppress(OSError, PlanError):
                files = write_files(Path(folder), plan)
            self.end(plan, files, ok)

    def _finish(self, summary: dict[str, Any], ok: bool) -> None:
        self._ended = True
        self._curves.flush()
        self.told = self._tracker.finish(summary, ok)


def write_files(folder: Path, plan: Plan) -> list[Path]:
    """Writes ``plan.json``, ``schedule.py`` and, after a search, the page of its tree."""
    save_plan(plan, folder / "plan.json")
    write_text(folder / "schedule.py", plan.schedule_source())
    return [folder / "plan.json", folder / "schedule.py", *write_tree_page(folder, plan)]


def write_tree_page(folder: Path, plan: Plan) -> list[Path]:
    """Writes the page in which one walks through what the search saw, if there was one."""
    if plan.tree is None:
        return []
    write_text(folder / TREE_PAGE, plan.tree.explorer().page("Search tree"))
    return [folder / TREE_PAGE]


def summary_of(plan: Plan) -> dict[str, Any]:
    """The last figures of a run, flat: ``plan/METRIC``, ``collectives/KIND`` and how the search went."""
    counts: dict[str, int] = {}
    for (kind, *_), count in plan.program.collective_counts().items():
        counts[f"collectives/{kind}"] = counts.get(f"collectives/{kind}", 0) + count
    names = ("simulations", "seconds", "nodes", "transpositions", "stop", "instead_of_stages", "not_folded")
    story = {f"search/{name}": plan.search[name] for name in names if name in plan.search}
    if plan.search.get("seconds"):
        story["search/simulations_per_s"] = plan.search["simulations"] / plan.search["seconds"]
    return {f"plan/{name}": figure for name, figure in plan.metrics.items()} | counts | story
