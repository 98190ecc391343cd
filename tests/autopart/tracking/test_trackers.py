"""What every tracker does, those that we ship and one of a user's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autopart.tracking import Composite, JsonLines, Row, TrackedRun, Tracker, Wandb
from tests.autopart.tracking.offline import read_offline
from tests.autopart.tracking.rows import RUN, Memory, row

Kept = list[tuple[int, float]]
"""(simulations, step_s) of the rows that a tracker kept."""


class Kind:
    """A kind of tracker: how one is made for a folder, and what it has kept there; ``None`` if it keeps nothing."""

    def __init__(self, make: Callable[[Path], Tracker], kept: Callable[[Path, Tracker], Kept] | None) -> None:
        self.make, self.kept = make, kept


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]


def of_lines(folder: Path, tracker: Tracker) -> Kept:
    return [(i["simulations"], i["best"]["step_s"]) for i in lines(folder) if i["event"] == "row"]


def of_wandb(folder: Path, tracker: Tracker) -> Kept:
    runs = [read_offline(path) for path in sorted((folder / "wandb").glob("offline-run-*"))]
    assert len({run.id for run in runs}) == 1
    return [point for run in runs for point in run.curve("best/step_s")]


def of_memory(folder: Path, tracker: Tracker) -> Kept:
    assert isinstance(tracker, Memory)
    return [(i.simulations, i.best["step_s"]) for i in tracker.rows]


KINDS = {
    "jsonl": Kind(lambda folder: JsonLines(folder / "rows.jsonl"), of_lines),
    "wandb offline": Kind(lambda folder: Wandb(folder, mode="offline"), of_wandb),
    "wandb disabled": Kind(lambda folder: Wandb(folder, mode="disabled"), None),
    "composite": Kind(lambda folder: Composite([JsonLines(folder / "rows.jsonl"), Memory()]), of_lines),
    "a user's own": Kind(lambda folder: Memory(), of_memory),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def tell(tracker: Tracker, run: TrackedRun, rows: list[Row], files: Path) -> int:
    """Tells a whole run; returns what the tracker said that it has."""
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


def test_a_tracker_keeps_rows_in_order(kind: Kind, tmp_path: Path) -> None:
    tracker = kind.make(tmp_path / "kept")
    assert isinstance(tracker.name, str)
    assert tracker.name
    assert tell(tracker, RUN, [row(1, 0.9), row(7, 0.5), row(20, 0.5)], tmp_path / "files") == 0
    if kind.kept is not None:
        assert kind.kept(tmp_path / "kept", tracker) == [(1, 0.9), (7, 0.5), (20, 0.5)]


def test_figures_that_are_no_numbers_harm_nobody(kind: Kind, tmp_path: Path) -> None:
    odd = row(2, float("inf"), simulations_per_s=None, value=float("nan"))
    tell(kind.make(tmp_path / "kept"), RUN, [odd, row(3)], tmp_path / "files")


def test_a_run_without_rows_files_and_group_is_one_too(kind: Kind, tmp_path: Path) -> None:
    tracker = kind.make(tmp_path)
    tracker.begin(replace(RUN, group=None, config={}))
    tracker.attach([])
    tracker.finish({}, False)


def test_a_run_that_goes_on_is_the_same_run(kind: Kind, tmp_path: Path) -> None:
    folder, tracker = tmp_path / "kept", kind.make(tmp_path / "kept")
    tell(tracker, RUN, [row(1, 0.9), row(7, 0.5)], tmp_path / "files")
    if kind.kept is None:
        return
    again = tracker if isinstance(tracker, Memory) else kind.make(folder)
    known = tell(again, replace(RUN, resumed=True), [row(8, 0.4)], tmp_path / "files")
    assert known == (0 if isinstance(again, Composite) else 7)  # In a composite each skips what it has by itself.
    assert kind.kept(folder, again) == [(1, 0.9), (7, 0.5), (8, 0.4)]


def test_a_run_that_begins_anew_leaves_no_old_rows(tmp_path: Path) -> None:
    for simulations in (5, 2):
        tell(JsonLines(tmp_path / "rows.jsonl"), RUN, [row(simulations)], tmp_path / "files")
    assert of_lines(tmp_path, Memory()) == [(2, 0.5)]


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
    assert of_lines(tmp_path, first) == [(3, 0.5)]
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
