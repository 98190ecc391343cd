"""Whole runs that are tracked: their curves, files; resumed, in stages, on several meshes, in sweeps, in Python."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autopart import AnyMesh, Auto, FitMemory, InfeasibleError, Mesh, partition
from autopart.benchmarks.models import mlp
from autopart.cli.resume import resume_run
from autopart.cli.run_job import run_job
from autopart.goals.named_goals import AnyGoal
from autopart.search import Budget, Minimise
from autopart.tracking import Composite, JsonLines
from tests.autopart.cli.test_run_job import configured
from tests.autopart.commands import HANG_S, autopart
from tests.autopart.tracking.offline import OfflineRun, read_offline
from tests.autopart.tracking.rows import Memory

TINY = ("model=mlp", "mesh=cpu_4x2", "model.fields.preset=tiny")
OFFLINE = ("tracking=all", "tracking.mode=offline")
FILES = {"plan.json", "schedule.py", "metrics.json", "tree.html", "report.html"}


def lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "tracking.jsonl").read_text().splitlines()]


def rows(run: Path) -> list[dict[str, Any]]:
    return [line for line in lines(run) if line["event"] == "row"]


def offline_runs(run: Path) -> list[OfflineRun]:
    return [read_offline(folder) for folder in sorted((run / "wandb").glob("offline-run-*"))]


def test_a_run_has_its_curves_files_and_summary_in_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_job(configured(*TINY, *OFFLINE, "search.simulations=60"), tmp_path)
    shown = capsys.readouterr()
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    [run] = offline_runs(tmp_path)
    assert f"wandb sync {next((tmp_path / 'wandb').glob('offline-run-*'))}" in shown.out.replace("\n", "")
    assert "wandb:" not in shown.out + shown.err
    improvements = [(i["simulation"], i["metrics"]["step_s"]) for i in metrics["search"]["improvements"]]
    curve = run.curve("best/step_s")
    assert set(improvements) <= set(curve)
    assert curve == sorted({(r["simulations"], r["best"]["step_s"]) for r in rows(tmp_path)})
    assert curve[-1] == (60, metrics["metrics"]["step_s"])
    assert run.curve("search/simulations_per_s")[-1][0] == 60
    assert run.config["search"]["simulations"] == 60
    assert {f"plan/{name}": figure for name, figure in metrics["metrics"].items()}.items() <= run.summary.items()
    assert run.summary["search/transpositions"] == metrics["search"]["transpositions"]
    assert lines(tmp_path)[-1]["summary"].items() <= run.summary.items()
    [files] = run.artifacts.values()
    assert set(files) == set(lines(tmp_path)[-2]["files"]) == FILES
    assert files["plan.json"].read_bytes() == (tmp_path / "plan.json").read_bytes()
    assert "<html" in (tmp_path / "tree.html").read_text()
    assert run.summary["tree/_type"] == "html-file"


def test_a_run_that_is_not_tracked_leaves_nothing_of_it(tmp_path: Path) -> None:
    run_job(configured(*TINY, "search.simulations=9"), tmp_path)
    assert not {"tree.html", "tracking.jsonl", "wandb", "wandb.json"} & {path.name for path in tmp_path.iterdir()}


def test_the_same_plan_with_and_without(tmp_path: Path) -> None:
    run_job(configured(*TINY, "search.simulations=60"), tmp_path / "without")
    run_job(configured(*TINY, "tracking=jsonl", "search.simulations=60"), tmp_path / "with")
    for name in ("plan.json", "schedule.py"):
        assert (tmp_path / "with" / name).read_bytes() == (tmp_path / "without" / name).read_bytes()


def test_a_resumed_run_goes_on_with_the_same_curve(tmp_path: Path) -> None:
    run_job(configured(*TINY, *OFFLINE, "search.simulations=40"), tmp_path)
    resume_run(tmp_path, ["search.simulations=90"])
    runs = offline_runs(tmp_path)
    assert len(runs) == 2
    assert len({run.id for run in runs}) == 1
    steps = [int(r["_step"]) for run in runs for r in run.rows]
    assert steps == sorted(set(steps))
    told = [r["simulations"] for r in rows(tmp_path)]
    assert told == sorted(told)
    assert (told[-1], steps[-1]) == (90, 90)
    assert [line["resumed"] for line in lines(tmp_path) if line["event"] == "begin"] == [False, True]


def test_a_run_may_be_tracked_from_when_it_is_resumed(tmp_path: Path) -> None:
    run_job(configured(*TINY, "search.simulations=40"), tmp_path)
    resume_run(tmp_path, ["search.simulations=60", "tracking.jsonl=true"])
    assert rows(tmp_path)[0]["simulations"] == 1
    assert rows(tmp_path)[-1]["simulations"] == 60


def test_stages_are_one_curve_with_their_number(tmp_path: Path) -> None:
    run_job(configured(*TINY, "tracking=jsonl", "goals=staged", "search.simulations=60"), tmp_path)
    told = [(r["simulations"], r["stage"]) for r in rows(tmp_path)]
    assert told == sorted(told)
    assert {stage for _, stage in told} == {0, 1}
    search = json.loads((tmp_path / "metrics.json").read_text())["search"]
    assert told[-1][0] == search["simulations"] == lines(tmp_path)[-1]["summary"]["search/simulations"]


def test_each_mesh_has_a_curve(tmp_path: Path) -> None:
    run_job(
        configured(TINY[0], TINY[2], "mesh=auto", "devices=4", "mesh.device=cpu", "search.simulations=200", *OFFLINE),
        tmp_path,
    )
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    shapes = {tuple(r["mesh"].items()) for r in rows(tmp_path)}
    assert shapes == {tuple(s["axes"].items()) for s in metrics["search"]["shapes"] if s["states"]}
    assert len(shapes) > 1
    [run] = offline_runs(tmp_path)
    for shape in shapes:
        assert run.curve("_".join(f"{axis}{size}" for axis, size in shape) + "/step_s")
    assert min(figure for _, figure in run.curve("best/step_s")) == pytest.approx(metrics["metrics"]["step_s"])
    told = [r["simulations"] for r in rows(tmp_path)]
    assert told == sorted(told)


def test_a_plan_that_does_not_fit_is_told_as_no_success(tmp_path: Path) -> None:
    with pytest.raises(InfeasibleError):
        run_job(configured(*TINY, *OFFLINE, "goals.memory_gib=0.00001", "search.simulations=20"), tmp_path)
    [run] = offline_runs(tmp_path)
    assert run.exit_code == 1
    assert set(next(iter(run.artifacts.values()))) == FILES
    assert lines(tmp_path)[-1]["ok"] is False


def test_a_run_that_ends_in_an_error_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("autopart.cli.run_job.partition_graph", broken)
    with pytest.raises(RuntimeError):
        run_job(configured(*TINY, *OFFLINE), tmp_path)
    assert lines(tmp_path)[-1] == {"event": "finish", "ok": False, "summary": {"error": "a mistake of ours"}}
    [run] = offline_runs(tmp_path)
    assert (run.exit_code, run.summary["error"]) == (1, "a mistake of ours")


def test_a_schedule_that_is_applied_is_tracked_too(tmp_path: Path) -> None:
    run_job(configured(*TINY, "search.simulations=9"), tmp_path / "first")
    schedule = f"schedule={tmp_path / 'first'}"
    run_job(configured(*TINY, schedule, "tracking=jsonl"), tmp_path / "second", apply_only=True)
    assert [line["event"] for line in lines(tmp_path / "second")] == ["begin", "files", "finish"]
    assert lines(tmp_path / "second")[1]["files"] == ["plan.json", "schedule.py", "metrics.json", "report.html"]


def test_the_runs_of_a_sweep_share_a_group(tmp_path: Path) -> None:
    done = autopart(tmp_path, "-m", *TINY, *OFFLINE, "search.simulations=9", "search.seed=0,1")
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == ""
    [sweep] = (tmp_path / "runs").iterdir()
    runs = sorted(path for path in sweep.iterdir() if path.is_dir())
    found = [run for path in runs for run in offline_runs(path)]
    assert [(run.group, run.name) for run in found] == [(sweep.name, path.name) for path in runs]
    assert len({run.id for run in found}) == 2
    assert {lines(path)[0]["group"] for path in runs} == {sweep.name}


def test_from_python_with_a_tracker_of_ones_own(tmp_path: Path) -> None:
    step, memory = mlp.step("tiny"), Memory()
    several = Composite([memory, JsonLines(tmp_path / "rows.jsonl")])
    goals: list[AnyGoal] = [FitMemory(), Minimise("communication_bytes_on:model"), Minimise("step_s")]
    plan = partition(
        step.fn, *step.args, mesh=Mesh({"data": 4, "model": 2}, "cpu"), goals=goals,
        tactics=[Auto(budget=Budget(30))], listen=several,
    )  # fmt: skip
    assert memory.rows[-1].simulations == 30
    assert "communication_bytes_on:model" in memory.rows[-1].best
    assert memory.summary["plan/step_s"] == plan.metrics["step_s"]
    assert set(memory.files) == {"plan.json", "schedule.py", "tree.html"}
    assert memory.files["schedule.py"] == plan.schedule_source()
    assert memory.ok
    assert memory.run is not None
    assert "Auto(" in memory.run.config["tactics"][0]
    impossible: list[AnyGoal] = [FitMemory(1.0), Minimise("step_s")]
    told = Memory()
    with pytest.raises(InfeasibleError):
        partition(
            step.fn, *step.args, mesh=AnyMesh(4, "cpu"), goals=impossible, tactics=[Auto(budget=Budget(10))],
            listen=[told],
        )  # fmt: skip
    assert told.ok is False
    assert "plan.json" in told.files
    assert told.rows[0].mesh is not None


def test_wandb_is_imported_by_those_alone_who_track_with_it() -> None:
    code = "import sys, autopart, autopart.cli.main, autopart.tracking; sys.exit('wandb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=HANG_S).returncode == 0
