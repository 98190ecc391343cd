"""``autopart resume``: the search of a run goes on from its journal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autopart import AnyMesh, Auto, DataParallel, Mesh, Plan, partition
from autopart.benchmarks.models import mlp
from autopart.cli.resume import resume_run
from autopart.cli.run_folder import JOURNAL, read_run
from autopart.cli.run_job import run_job
from autopart.cost.metrics import STEP_S
from autopart.errors import PlanError, TacticError
from autopart.search import Budget, JournalError
from autopart.search.journal import read_journal
from tests.autopart.cli.test_run_job import configured

SMALL = ("model=mlp", "mesh=cpu_4x2", "model.fields.preset=tiny")
FILES = ("plan.json", "schedule.py")


def texts(run: Path) -> list[str]:
    return [(run / name).read_text() for name in FILES]


def states(run: Path) -> int:
    return sum(len(section.states) for section in read_journal(run / JOURNAL).sections)


def test_a_larger_budget_goes_on_as_one_search(tmp_path: Path) -> None:
    run_job(configured(*SMALL, "search.simulations=40"), tmp_path / "run")
    assert states(tmp_path / "run") == 40
    resume_run(tmp_path / "run", ["search.simulations=90"])
    run_job(configured(*SMALL, "search.simulations=90"), tmp_path / "whole")
    assert texts(tmp_path / "run") == texts(tmp_path / "whole")
    assert states(tmp_path / "run") == 90
    one, other = (json.loads((tmp_path / name / "metrics.json").read_text())["search"] for name in ("run", "whole"))
    assert one["simulations"] == other["simulations"] == 90
    assert [i["simulation"] for i in one["improvements"]] == [i["simulation"] for i in other["improvements"]]


def test_damage_is_told_and_searched_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_job(configured(*SMALL, "search.simulations=40"), tmp_path / "run")
    before, journal = texts(tmp_path / "run"), tmp_path / "run" / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-30])
    resume_run(tmp_path / "run", [])
    assert "is cut or damaged; what follows is not used" in capsys.readouterr().err.replace("\n", " ")
    assert texts(tmp_path / "run") == before
    journal.write_text("a letter")
    with pytest.raises(JournalError, match="is no journal of a search"):
        resume_run(tmp_path / "run", [])


def test_a_killed_search_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = [
        sys.executable, "-m", "autopart.cli", *SMALL, "search.simulations=100000", "search.stall=100000",
        f"hydra.run.dir={folder}",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while process.poll() is None and not ((folder / JOURNAL).exists() and states(folder) > 300):
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    held = read_journal(folder / JOURNAL)
    best = held.sections[0].improvements[-1]
    assert not (folder / "plan.json").exists()
    resume_run(folder, ["search.simulations=10"])
    assert read_run(folder).plan.metrics["step_s"] <= best.metrics[STEP_S] * (1 + 1e-9)
    figures = json.loads((folder / "metrics.json").read_text())
    assert figures["search"]["simulations"] >= 300
    resume_run(folder, [f"search.simulations={states(folder) + 20}"])
    assert states(folder) == figures["search"]["simulations"] + 20


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["model=t32"], "model=t32: a resumed run takes NAME=VALUE of search, goals"),
        (["search.speed=3"], "speed"),
        (["search.simulations"], "takes NAME=VALUE"),
    ],
)
def test_what_cannot_be_changed_is_told(tmp_path: Path, overrides: list[str], said: str) -> None:
    run_job(configured(*SMALL, "search.simulations=5"), tmp_path)
    with pytest.raises(PlanError, match=said):
        resume_run(tmp_path, overrides)


def test_no_run_and_no_journal_are_told(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="no configuration at"):
        resume_run(tmp_path, [])
    run_job(configured(*SMALL, "search.simulations=5"), tmp_path)
    (tmp_path / JOURNAL).unlink()
    with pytest.raises(PlanError, match="has no journal"):
        resume_run(tmp_path, [])


def test_stages_go_on_each_where_it_was(tmp_path: Path) -> None:
    staged = (*SMALL, "goals=staged", "search.simulations=60")
    run_job(configured(*staged), tmp_path / "run")
    whole, journal = texts(tmp_path / "run"), tmp_path / "run" / JOURNAL
    sections = read_journal(journal).sections
    assert len({section.header.game for section in sections}) == len(sections) >= 2
    journal.write_bytes(journal.read_bytes()[:-200])
    resume_run(tmp_path / "run", [])
    assert texts(tmp_path / "run") == whole


def test_searches_over_meshes_keep_no_journal_and_say_so(tmp_path: Path) -> None:
    run_job(
        configured(SMALL[0], SMALL[2], "mesh=auto", "devices=2", "mesh.device=cpu", "search.simulations=5"), tmp_path
    )
    assert not (tmp_path / JOURNAL).exists()
    with pytest.raises(PlanError, match="searched over meshes too"):
        resume_run(tmp_path, [])
    step, mesh = mlp.step("tiny"), AnyMesh(2, "cpu")
    with pytest.raises(TacticError, match="a journal keeps the search on one mesh"):
        partition(step.fn, *step.args, mesh=mesh, journal=tmp_path / "journal")
    with pytest.raises(TacticError, match="searches on one mesh"):
        partition(step.fn, *step.args, mesh=mesh, tactics=[Auto(backend="ray")])


def test_a_disk_that_is_full_is_told_and_the_plan_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(*SMALL, "search.simulations=40")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("autopart.cli.run_job.write_plan", full)
    monkeypatch.setattr("autopart.cli.run_job.write_incumbent", full)
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(PlanError, match=r"cannot be written to .*No space left on device\. Fix[\s\S]*SCHEDULE = \["):
        run_job(config, tmp_path)


def test_partition_goes_on_from_a_journal(tmp_path: Path) -> None:
    step, mesh = mlp.step("tiny"), Mesh({"data": 4, "model": 2}, "cpu")

    def searched(simulations: int, journal: Path | None) -> Plan:
        auto = Auto(budget=Budget(simulations))
        return partition(step.fn, *step.args, mesh=mesh, tactics=[DataParallel("data"), auto], journal=journal)

    searched(20, tmp_path / "journal")
    again = searched(50, tmp_path / "journal")
    assert again.schedule == searched(50, None).schedule
    sections = read_journal(tmp_path / "journal").sections
    assert [len(section.states) for section in sections] == [20, 30]
