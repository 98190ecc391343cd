"""What every tracker does, those that we ship and one of a user's own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autopart.testing import TrackerConformance
from autopart.testing.trackers import Kept, tell
from autopart.tracking import Composite, JsonLines, Tracker, Wandb
from tests.autopart.tracking.offline import read_offline
from tests.autopart.tracking.rows import RUN, Memory, row


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]


def of_lines(folder: Path) -> Kept:
    return [(i["simulations"], i["best"]["step_s"]) for i in lines(folder) if i["event"] == "row"]


def of_wandb(folder: Path) -> Kept:
    runs = [read_offline(path) for path in sorted((folder / "wandb").glob("offline-run-*"))]
    assert len({run.id for run in runs}) == 1
    return [point for run in runs for point in run.curve("best/step_s")]


class TestJsonLines(TrackerConformance):
    def make(self, folder: Path) -> Tracker:
        return JsonLines(folder / "rows.jsonl")

    def kept(self, folder: Path, tracker: Tracker) -> Kept:
        return of_lines(folder)


class TestWandbOffline(TrackerConformance):
    def make(self, folder: Path) -> Tracker:
        return Wandb(folder, mode="offline")

    def kept(self, folder: Path, tracker: Tracker) -> Kept:
        return of_wandb(folder)


class TestWandbDisabled(TrackerConformance):
    def make(self, folder: Path) -> Tracker:
        return Wandb(folder, mode="disabled")


class TestComposite(TrackerConformance):
    knows = False  # Each skips what it has by itself.

    def make(self, folder: Path) -> Tracker:
        return Composite([JsonLines(folder / "rows.jsonl"), Memory()])

    def kept(self, folder: Path, tracker: Tracker) -> Kept:
        return of_lines(folder)


class TestOneOfAUsers(TrackerConformance):
    @pytest.fixture(autouse=True)
    def _remembers(self) -> None:
        self.memory = Memory()

    def make(self, folder: Path) -> Tracker:
        return self.memory

    def kept(self, folder: Path, tracker: Tracker) -> Kept:
        assert isinstance(tracker, Memory)
        return [(i.simulations, i.best["step_s"]) for i in tracker.rows]


def test_the_laws_can_fail(tmp_path: Path) -> None:
    class Forgets(TestJsonLines):
        def kept(self, folder: Path, tracker: Tracker) -> Kept:
            return super().kept(folder, tracker)[1:]

    with pytest.raises(AssertionError):
        Forgets().test_rows_are_kept_in_order(tmp_path)


def test_a_run_that_begins_anew_leaves_no_old_rows(tmp_path: Path) -> None:
    for simulations in (5, 2):
        tell(JsonLines(tmp_path / "rows.jsonl"), RUN, [row(simulations)], tmp_path / "files")
    assert of_lines(tmp_path) == [(2, 0.5)]


def test_lines_are_what_the_documentation_says(tmp_path: Path) -> None:
    tell(JsonLines(tmp_path / "rows.jsonl"), RUN, [row(4, mesh={"data": 2})], tmp_path / "files")
    begin, told, files, end = lines(tmp_path)
    assert begin.pop("time").startswith("20")
    assert begin == {
        "event": "begin", "version": 1, "name": "a run", "group": "a sweep", "config": RUN.config, "resumed": False,
        "is_any_mesh": False,
    }  # fmt: skip
    assert told == {
        "event": "row", "simulations": 4, "seconds": 0.4, "simulations_per_s": 10.0, "stage": 0, "mesh": {"data": 2},
        "depth": 2, "value": 0.25, "binding": "step_s", "leads": True, "best": {"step_s": 0.5},
    }  # fmt: skip
    assert files == {"event": "files", "files": ["plan.json", "tree.html"]}
    assert end == {"event": "finish", "ok": True, "summary": {"plan/step_s": 0.25, "search/stop": "simulations"}}
    text = (Path(__file__).parents[3] / "docs" / "tracking.md").read_text()
    assert all(f"`{name}`" in text for name in (*begin, *told, *files, *end, "time"))


def test_each_line_is_on_its_way_at_once_and_a_cut_one_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    first = JsonLines(path)
    first.begin(RUN)
    first.log(row(3))
    whole = path.read_bytes()
    assert of_lines(tmp_path) == [(3, 0.5)]
    path.write_bytes(whole + b'{"event": "row", "simula')
    second = JsonLines(path)
    assert second.begin(replace(RUN, resumed=True)) == 3
    assert path.read_bytes().startswith(whole)
    assert [line["event"] for line in lines(tmp_path)] == ["begin", "row", "begin"]


def test_what_stands_in_the_offline_folder_of_wandb(tmp_path: Path) -> None:
    tracker = Wandb(tmp_path, "a-project", mode="offline", tags=("x", "y"))
    shaped = row(9, 0.4, mesh={"data": 2, "model": 4}, leads=False, simulations_per_s=None)
    tell(tracker, RUN, [row(1, 0.9), shaped], tmp_path / "files")
    [folder] = (tmp_path / "wandb").glob("offline-run-*")
    run = read_offline(folder)
    assert (run.name, run.group, run.project, run.tags) == ("a run", "a sweep", "a-project", ("x", "y"))
    assert {name: run.config[name] for name in RUN.config} == RUN.config
    assert run.curve("best/step_s") == [(1, 0.9)]
    assert run.curve("data2_model4/step_s") == [(9, 0.4)]
    assert run.curve("search/simulations_per_s") == [(1, 10.0)]
    assert (run.summary["plan/step_s"], run.summary["search/stop"], run.exit_code) == (0.25, "simulations", 0)
    [(name, files)] = run.artifacts.items()
    assert name == f"plan:plan-{run.id}"
    assert files["plan.json"].read_text() == '{"a": 1}'
    assert all(path.is_relative_to(folder) for path in files.values())
    assert (folder / "files" / run.summary["tree/path"]).read_text() == "<p>tree</p>"
