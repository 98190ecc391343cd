"""What a tracker promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, TypeAlias

from autopart.testing.runs import RUN, row
from autopart.tracking import Row, TrackedRun, Tracker

Kept: TypeAlias = "list[tuple[int, float]]"
"""(simulations, step_s) of the rows that a tracker kept."""


def tell(tracker: Tracker, run: TrackedRun, rows: Sequence[Row], files: Path) -> int:
    """Tells a whole run, with two files that it leaves in a folder; returns what the tracker said that it has."""
    known = tracker.begin(run)
    for each in rows:
        tracker.log(each)
    files.mkdir(exist_ok=True)
    (files / "plan.json").write_text('{"a": 1}')
    (files / "tree.html").write_text("<p>tree</p>")
    tracker.attach([files / "plan.json", files / "tree.html"])
    told = tracker.finish({"plan/step_s": 0.25, "search/stop": "simulations"}, True)
    assert isinstance(told, str)
    return known


class TrackerConformance:
    """Tests of a tracker; derive from it and write ``make``, and ``kept`` to have looked at what is kept.

    Attributes:
        knows: whether ``begin`` of a run that goes on says up to where there are rows.
    """

    knows: ClassVar[bool] = True

    def make(self, folder: Path) -> Tracker:
        """A tracker that keeps in a folder; called again for the same folder it goes on there."""
        raise NotImplementedError

    def kept(self, folder: Path, tracker: Tracker) -> Kept | None:
        """The rows that are kept; ``None`` if nothing is."""
        return None

    def test_it_has_a_name(self, tmp_path: Path) -> None:
        """For warnings."""
        name = self.make(tmp_path).name
        assert isinstance(name, str)
        assert name

    def test_rows_are_kept_in_order(self, tmp_path: Path) -> None:
        """All of a run's."""
        tracker = self.make(tmp_path / "kept")
        assert tell(tracker, RUN, [row(1, 0.9), row(7, 0.5), row(20, 0.5)], tmp_path / "files") == 0
        assert self.kept(tmp_path / "kept", tracker) in (None, [(1, 0.9), (7, 0.5), (20, 0.5)])

    def test_figures_that_are_no_numbers_harm_nobody(self, tmp_path: Path) -> None:
        """A program may take forever, and a value may not be known."""
        odd = row(2, float("inf"), simulations_per_s=None, value=float("nan"))
        tell(self.make(tmp_path / "kept"), RUN, [odd, row(3)], tmp_path / "files")

    def test_a_run_without_rows_files_and_group_is_one_too(self, tmp_path: Path) -> None:
        """One that failed at once."""
        tracker = self.make(tmp_path)
        tracker.begin(replace(RUN, group=None, config={}))
        tracker.attach([])
        tracker.finish({}, False)

    def test_a_run_that_goes_on_is_the_same_run(self, tmp_path: Path) -> None:
        """Its rows follow those of before, and each is there once."""
        folder = tmp_path / "kept"
        tracker = self.make(folder)
        tell(tracker, RUN, [row(1, 0.9), row(7, 0.5)], tmp_path / "files")
        if self.kept(folder, tracker) is None:
            return
        again = self.make(folder)
        known = tell(again, replace(RUN, resumed=True), [row(8, 0.4)], tmp_path / "files")
        assert known == (7 if self.knows else 0)
        assert self.kept(folder, again) == [(1, 0.9), (7, 0.5), (8, 0.4)]
