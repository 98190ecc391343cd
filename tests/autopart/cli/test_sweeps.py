"""Sweeps whose runs are processes: one that dies, or is wrong, takes no other along and is told in the table."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from autopart.cli import run_job as app
from autopart.cli.run_status import STATUS, Stage, Status, read_status, reported, write_status
from autopart.cli.sweeps.job import Job, run_here
from autopart.errors import AutopartError
from tests.autopart.cli.test_main import MODULE
from tests.autopart.cli.test_run_job import TINY, configured
from tests.autopart.commands import HANG_S, autopart, autopart_here

ROOT = Path(__file__).parents[3]
DIES = """
import os, signal, sys

def dies():
    print("last words", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MODULE + DIES)
    return tmp_path


def why_not(run: Path) -> str:
    status = read_status(run)
    return "" if status is None else status.text()


@pytest.mark.parametrize(
    ("launcher", "said"),
    [
        (("hydra/launcher=ray", "hydra.launcher.cpus=2"), "killed, or crashed"),
        (("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"), "SIGKILL"),
    ],
)
def test_a_run_that_is_killed_and_one_that_is_wrong_leave_the_others(
    folder: Path, launcher: tuple[str, ...], said: str
) -> None:
    targets = "model.target=mine.step,mine.dies,mine.wrong,mine.step"
    done = autopart(
        folder, "-m", targets, "mesh=cpu_4x2", "search.simulations=30", "hydra.sweep.dir=sweep", *launcher
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert {f"{number} of 4:" for number in (1, 2, 3, 4)} <= {line[:7] for line in done.stderr.splitlines()}
    assert "4 runs of custom" in done.stdout
    assert f"Sweep folder: {folder / 'sweep'}" in done.stdout
    runs = [folder / "sweep" / f"{number}_custom" for number in range(4)]
    assert [(run / "plan.json").exists() for run in runs] == [True, False, False, True]
    whys = [why_not(run) for run in runs]
    assert whys[0] == whys[3] == ""
    assert said in whys[1]
    assert "must return an autopart.Step" in whys[2]
    for number in (1, 2):
        assert f"{number}_custom crashed: {whys[number]}" in done.stdout
    assert "last words" in (runs[1] / "run.log").read_text()
    assert "Collectives of a step" in (runs[0] / "run.log").read_text()
    table = json.loads(autopart_here(folder, "compare", "sweep", "--json").stdout)
    assert [bool(row["crashed"]) for row in table] == [False, False, True, True]


def test_runs_that_have_workers_of_their_own_find_room_for_them(folder: Path) -> None:
    done = autopart(
        folder, "-m", "model=mlp", "mesh=cpu_4x2", "model.fields.preset=tiny", "search.seed=0,1",
        "search.simulations=60", "search.backend=ray", "search.workers=2", "hydra/launcher=ray",
        "hydra.launcher.cpus=2", "hydra.sweep.dir=sweep",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name in ("0_mlp", "1_mlp"):
        workers = json.loads((folder / "sweep" / name / "metrics.json").read_text())["search"]["workers"]
        assert workers["joined"] >= 1
        assert not workers["alone"]


@pytest.mark.parametrize(
    "launcher",
    [("hydra/launcher=ray", "hydra.launcher.cpus=1"), ("hydra/launcher=joblib", "hydra.launcher.n_jobs=1")],
)
def test_ctrl_c_keeps_what_was_found_and_begins_no_other_run(folder: Path, launcher: tuple[str, ...]) -> None:
    arguments = [*TINY[:3], "search.simulations=100000000", "search.seed=0,1", "hydra.sweep.dir=sweep"]
    process = subprocess.Popen(
        [sys.executable, "-m", "autopart.cli", "-m", *arguments, *launcher],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    deadline = time.monotonic() + HANG_S
    while not list(folder.glob("sweep/*/incumbent.json")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=HANG_S)
    assert process.returncode == 130, err
    assert "2 runs of mlp" in out
    runs = [folder / "sweep" / name for name in ("0_mlp", "1_mlp")]
    assert sorted((run / "plan.json").exists() for run in runs) == [False, True]
    assert sorted(why_not(run) for run in runs) == ["", "interrupted"]


def test_a_sweep_that_hydra_refuses_leaves_no_runs(folder: Path) -> None:
    done = autopart(
        folder, "-m", "model=mlp,t32", "model.fields.preset=tiny", "hydra/launcher=joblib", "hydra.sweep.dir=sweep"
    )
    assert done.returncode == 1
    assert "no setting model.fields.preset" in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout
    assert not (folder / "sweep").exists()


def test_no_cluster_at_an_address_is_one_clear_message(folder: Path) -> None:
    done = autopart(folder, "-m", *TINY, "search.seed=0,1", "hydra/launcher=ray", "ray.address=127.0.0.1:1")
    assert done.returncode == 2
    assert "no Ray at address '127.0.0.1:1'" in done.stderr
    assert "Traceback" not in done.stderr


def test_apply_sweeps_too(folder: Path) -> None:
    (folder / "a.py").write_text('from autopart import Manual\nSCHEDULE = [Manual({"batch": 0}, "data")]\n')
    (folder / "b.py").write_text("import os\n")
    done = autopart(folder, "apply", "-m", *TINY, "schedule=a.py,b.py", "hydra/launcher=joblib", "hydra.sweep.dir=out")
    assert done.returncode == 2
    assert (folder / "out" / "0_mlp" / "plan.json").exists()
    assert not (folder / "out" / "0_mlp" / "journal.jsonl").exists()
    assert "1_mlp crashed: PlanError: b.py:1: import os" in done.stdout


def test_an_error_that_is_a_bug_is_noted_and_ends_no_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError("of a bug")

    monkeypatch.setattr(app, "trace_step", broken)
    config = OmegaConf.to_container(configured(*TINY), resolve=True)
    assert isinstance(config, dict)
    run_here(Job({str(key): value for key, value in config.items()}, tmp_path, tmp_path, apply_only=False))
    status = read_status(tmp_path)
    assert status is not None
    assert status.text() == "ZeroDivisionError: of a bug"
    assert "Traceback" in capsys.readouterr().err


def test_a_status_stands_while_a_run_is_at_work_and_goes_when_it_ended_well(tmp_path: Path) -> None:
    with reported(tmp_path):
        status = read_status(tmp_path)
        assert status is not None
        assert (status.stage, status.pid) == (Stage.RUNNING, os.getpid())
        assert "or killed" in status.text()
    assert read_status(tmp_path) is None
    with pytest.raises(AutopartError), reported(tmp_path):
        raise AutopartError("first line\nsecond line")
    status = read_status(tmp_path)
    assert status is not None
    assert status.text() == "AutopartError: first line"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"stage": "flying", "why": "", "host": "", "pid": 0}', "\x00"])
def test_a_status_that_is_damaged_is_none(tmp_path: Path, text: str) -> None:
    write_status(tmp_path, Status(Stage.WAITING))
    assert read_status(tmp_path) is not None
    (tmp_path / STATUS).write_text(text)
    assert read_status(tmp_path) is None
