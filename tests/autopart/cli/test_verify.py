"""``autopart verify``: what may be imported, what is too large, and what is shown."""

from __future__ import annotations

import functools
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from autopart.benchmarks.models import mlp
from autopart.cli.run_folder import Run
from autopart.cli.verify import show, verify_run
from autopart.costmodel.mesh import Mesh
from autopart.errors import PlanError
from autopart.partitioning.problem import Problem
from autopart.plan.document import save_plan
from autopart.plan.plan import plan_of
from autopart.plan.saved import SavedPlan, load_plan
from autopart.plan.verify import OutputCheck, Verification
from autopart.program.trace import trace
from autopart.tactics.manual import Manual

OURS = "autopart.benchmarks.models.mlp.step"


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> SavedPlan:
    step = mlp.step("tiny")
    graph = trace(step.fn, *step.args, donate_argnums=step.donate_argnums)
    path = tmp_path_factory.mktemp("run") / "plan.json"
    problem = Problem.of(graph, Mesh({"data": 4, "model": 2}, "cpu"))
    save_plan(plan_of(problem, [Manual({"batch": 0}, "data")]), path)
    return load_plan(path)


def terminal() -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=200, emoji=False, highlight=False), file


def run_of(document: SavedPlan, target: str, **fields: Any) -> Run:
    return Run(Path("folder"), document, {"target": target, "fields": fields, "verify": {}})


def test_a_model_of_ours_needs_no_word(document: SavedPlan) -> None:
    console, file = terminal()
    verification = verify_run(run_of(document, OURS, preset="tiny"), None, console)
    assert len(verification.outputs) == len(verification.jit_outputs) == 26
    assert "26 of 26 outputs equal" in file.getvalue()
    assert "Verified on 8 host devices (data 4 × model 2)" in file.getvalue()
    counted = f"{verification.collectives['all_reduce']} all_reduce"
    assert verification.collectives["all_reduce"] > 0
    assert file.getvalue().count(counted) == 2


@pytest.mark.parametrize("trusted", [None, "another.step", "hostile", "autopart.benchmarks.models.mlp.step"])
@pytest.mark.parametrize("prefix", ["", "benchmarks_models_", "x.benchmarks.models."])
def test_another_target_is_not_even_imported(
    document: SavedPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: str | None, prefix: str
) -> None:
    name = prefix.replace(".", "_") + "hostile"
    (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PlanError, match=rf"--target {prefix}hostile\.step"):
        verify_run(run_of(document, f"{prefix}hostile.step"), trusted, terminal()[0])
    assert name not in sys.modules


def test_a_target_that_the_caller_names_is_imported(
    document: SavedPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trusted_by_the_caller.py").write_text("from autopart.benchmarks.models.mlp import step\n")
    monkeypatch.syspath_prepend(tmp_path)
    target = "trusted_by_the_caller.step"
    verification = verify_run(run_of(document, target, preset="tiny"), target, terminal()[0])
    assert all(row.equal for row in verification.outputs)


def test_a_model_too_large_to_execute_is_refused(document: SavedPlan) -> None:
    with pytest.raises(PlanError, match=r"take \d+ GB: too much to execute here.*verify\.preset=tiny"):
        verify_run(run_of(document, "autopart.benchmarks.models.t32.step"), None, terminal()[0])


def test_the_small_preset_keeps_switches_and_brings_its_own_sizes(
    document: SavedPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[dict[str, Any]] = []

    def load(target: str, fields: dict[str, Any]) -> Any:
        calls.append(fields)
        return mlp.step("tiny")

    monkeypatch.setattr("autopart.cli.verify.load_step", load)
    monkeypatch.setattr("autopart.cli.verify.verify", lambda full, small, plan: example())
    fields = {"preset": "full", "batch": 64, "remat": False, "layers": None}
    preset = Run(Path("folder"), document, {"target": OURS, "fields": fields, "verify": {"preset": "tiny"}})
    verify_run(preset, None, terminal()[0])
    assert calls == [fields, {"remat": False, "preset": "tiny"}]
    calls.clear()
    resized = Run(Path("folder"), document, {"target": OURS, "fields": fields, "verify": {"batch": 8}})
    verify_run(resized, None, terminal()[0])
    assert calls == [fields, {**fields, "batch": 8}]


@functools.cache
def example() -> Verification:
    rows = (OutputCheck("params/[red]x[/red]", 2e-6, 1e-4), OutputCheck("count", 0.0, 0.0))
    full = {"all_gather": 0, "all_reduce": 3}
    return Verification(rows, rows, {"all_gather": 0, "all_reduce": 0}, full, Mesh({"data": 8}, "cpu"))


def test_the_table_shows_the_worst_output_by_its_name_and_the_counts() -> None:
    console, file = terminal()
    show(console, example())
    text = file.getvalue()
    assert text.count("2 of 2 outputs equal; largest relative difference 2.0e-06 (params/[red]x[/red])") == 2
    lines = {line.split(":")[0].strip(): line for line in text.splitlines() if "StableHLO" in line}
    assert "3 all_reduce" in lines["collectives, full size"]
    assert "none" in lines["collectives, executed"]
    assert "all_gather" not in text
