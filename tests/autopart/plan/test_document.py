"""plan.json: round trip, damage at any place, atomic writing."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopart.benchmarks.models import mlp
from autopart.costmodel.mesh import Mesh
from autopart.errors import PlanError
from autopart.files import write_text
from autopart.partitioning.problem import Problem
from autopart.plan.document import document_text, save_plan, to_document
from autopart.plan.plan import Plan, plan_of
from autopart.plan.saved import load_plan
from autopart.program.trace import trace
from autopart.tactics.manual import FIRST_DIVISIBLE_DIM, Atomic, Manual, Tactic


@pytest.fixture(scope="module")
def plan() -> Plan:
    step = mlp.step(preset="tiny")
    graph = trace(step.fn, *step.args, donate_argnums=step.donate_argnums)
    problem = Problem.of(graph, Mesh({"data": 4, "model": 2}, "cpu"))
    schedule: list[Tactic] = [
        Manual({"batch": 0}, "data", "data parallel"),
        Atomic(("params/layers/0/w",), "model"),
        Manual({"params/layers/*/w": FIRST_DIVISIBLE_DIM}, "model"),
    ]
    return plan_of(problem, schedule)


@pytest.fixture(scope="module")
def text(plan: Plan) -> str:
    return document_text(to_document(plan))


def test_round_trip(plan: Plan, tmp_path: Path) -> None:
    save_plan(plan, tmp_path / "plan.json")
    read = load_plan(tmp_path / "plan.json")
    assert read.schedule == plan.schedule
    assert read.mesh == plan.problem.mesh
    assert read.fingerprint == plan.problem.graph.fingerprint()
    assert dict(read.collectives) == dict(plan.program.collective_counts())
    assert read.metrics == plan.metrics
    assert plan_of(plan.problem, read.schedule).state.key() == plan.state.key()


def test_every_argument_and_output_stands_with_its_type_and_layout(plan: Plan) -> None:
    document = to_document(plan)
    graph = plan.problem.graph
    assert document["arguments"]["batch/x"] == {"shape": [16, 64], "dtype": "float32", "spec": ["data", None]}
    assert set(document["arguments"]) == {a.name for a in graph.arguments}
    assert {n for n, row in document["arguments"].items() if row.get("donated")} == {
        a.name for a in graph.arguments if a.donated
    }  # fmt: skip
    weight = "params/layers/1/w"
    assert document["outputs"][weight]["spec"] == document["arguments"][weight]["spec"]


def test_the_text_has_one_argument_a_line(plan: Plan, text: str) -> None:
    lines = [line for line in text.splitlines() if line.startswith('  "')]
    assert len(lines) >= len(plan.problem.graph.arguments) + len(plan.problem.graph.outputs)
    assert sum(line.startswith('  "batch/x": {') for line in lines) == 1
    assert json.loads(text) == to_document(plan)


@settings(max_examples=60)
@given(place=st.integers(0, 10**6), kind=st.sampled_from(["cut", "flip", "drop"]))
def test_damage_anywhere_is_told(text: str, tmp_path_factory: pytest.TempPathFactory, place: int, kind: str) -> None:
    place %= len(text)
    damaged = {
        "cut": text[:place],
        "flip": text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :],
        "drop": text[:place] + text[place + 1 :],
    }[kind]
    path = tmp_path_factory.mktemp("damage") / "plan.json"
    path.write_text(damaged, encoding="utf-8")
    try:
        same = json.loads(damaged) == json.loads(text)
    except json.JSONDecodeError:
        same = False
    if same:
        load_plan(path)
    else:
        with pytest.raises(PlanError, match="plan"):
            load_plan(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"format": "else"}, "not a plan"), ({"version": 99}, "version 99"), ({"digest": "0"}, "damaged or was edited")],
)
def test_foreign_files_are_refused(text: str, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    (tmp_path / "plan.json").write_text(json.dumps({**json.loads(text), **change}))
    with pytest.raises(PlanError, match=said):
        load_plan(tmp_path / "plan.json")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="no plan at"):
        load_plan(tmp_path / "plan.json")


def test_a_full_disk_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "plan.json"
    write_text(path, "old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PlanError, match="No space left"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
