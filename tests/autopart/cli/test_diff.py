"""``autopart diff``: what the tables say, whole at any width."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from autopart.cli.diff import diff_runs
from autopart.costmodel.mesh import Mesh
from autopart.errors import PlanError
from autopart.partitioning.problem import Problem
from autopart.plan.document import save_plan
from autopart.plan.plan import plan_of
from autopart.tactics.manual import Manual
from tests.autopart.plan.test_changes import network
from tests.autopart.tiny import problem_of, tiny

DATA = Manual({"batch": 0}, "batch", "data parallel")
MODEL = Manual({"params/layers/{0,2}/w": 1}, "model")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for name, plan in (
        ("a", plan_of(tiny("mlp"), [DATA])),
        ("b", plan_of(tiny("mlp"), [DATA, MODEL])),
        ("c", plan_of(problem_of(*network(2)), [])),
        ("d", plan_of(Problem.of(problem_of(*network(4, width=64)).graph, Mesh({"batch": 8}, "cpu")), [])),
    ):
        save_plan(plan, folder / name / "plan.json")
    return folder


def shown(runs: Path, a: str, b: str, width: int = 100, as_json: bool = False) -> str:
    file = io.StringIO()
    diff_runs(runs / a, runs / b, Console(file=file, width=width, emoji=False, highlight=False), as_json)
    return file.getvalue()


def test_what_differs_is_in_tables(runs: Path) -> None:
    text = shown(runs, "a", "b")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert f"A {runs / 'a'}" in lines
    assert "data parallel on batch" in lines
    assert "+ Manual on model" in lines
    assert "params/layers/{0,2}/w: 1" in lines
    assert "params/layers/{0,2}/w" not in lines
    assert "params/layers/*/w ×2 P() P(None, 'model')" in lines
    assert any(line.startswith("all_reduce model 0 ") for line in lines)
    plans = [plan_of(tiny("mlp"), schedule) for schedule in ([DATA], [DATA, MODEL])]
    before, after = (plan.metrics["peak_memory_bytes"] for plan in plans)
    row = next(line for line in lines if line.startswith("peak memory a device"))
    assert row.endswith(f"{(after - before) / before:+.1%}")
    assert "differ" not in text


def test_equal_plans_are_three_lines_and_the_figures(runs: Path) -> None:
    text = shown(runs, "a", "a")
    assert "The tactics are the same (1)." in text
    assert "The collectives are the same." in text
    assert "moved" not in text
    row = next(line for line in text.splitlines() if "step time" in line)
    assert row.split()[-1] == "="


def test_other_programs_and_meshes_are_said_and_compared_by_path(runs: Path) -> None:
    text = " ".join(shown(runs, "c", "d").split())
    assert "The programs differ (" in text
    assert "The meshes differ: Mesh({'batch': 4, 'model': 2}, device='cpu') in A, Mesh({'batch': 8}" in text
    assert "params/layers/*/up ×2 float32[16,32] float32[16,64]" in text
    assert "Only in B: params/layers/*/up (×2, first params/layers/2/up) float32[16,64]" in text
    assert "Only in A" not in text


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_no_line_is_wider_than_the_terminal_and_none_is_cut(runs: Path, width: int) -> None:
    text = shown(runs, "a", "b", width)
    tables = text.split("\n", 2)[2]  # After the names of the runs, which stand whole.
    assert all(len(line) <= width for line in tables.splitlines())
    assert "…" not in text


def test_json_is_json(runs: Path) -> None:
    document = json.loads(shown(runs, "a", "b", 40, as_json=True))
    assert document["same_program"] is True
    assert len(document["moved"]["arguments"]) > 2


def test_a_run_that_is_not_there_is_told(runs: Path) -> None:
    with pytest.raises(PlanError, match=r"no plan at .*absent"):
        shown(runs, "a", "absent")
