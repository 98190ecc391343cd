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

from autopart.emit.document import read_document, to_document, write_json, write_text
from autopart.errors import PlanError
from autopart.plan import Plan, plan_of
from autopart.problem import Problem
from autopart.tactics import FIRST_DIVISIBLE_DIM, Atomic, Manual, Tactic
from autopart.trace import trace
from benchmarks.models import mlp
from costmodel.mesh import Mesh


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
    return json.dumps(to_document(plan), indent=1)


def test_round_trip(plan: Plan, tmp_path: Path) -> None:
    write_json(tmp_path / "plan.json", to_document(plan))
    read = read_document(tmp_path / "plan.json")
    assert read.schedule == plan.schedule
    assert read.mesh == plan.problem.mesh
    assert read.fingerprint == plan.problem.graph.fingerprint()
    assert dict(read.collectives) == dict(plan.program.collective_counts())
    assert read.metrics == plan.metrics
    assert plan_of(plan.problem, read.schedule).state.key() == plan.state.key()


def test_specs_name_every_argument_and_output(plan: Plan) -> None:
    specs = to_document(plan)["specs"]
    assert specs["arguments"]["batch/x"][0] == "data"
    assert set(specs["arguments"]) == {a.name for a in plan.problem.graph.arguments}
    assert specs["outputs"]["params/layers/1/w"] == specs["arguments"]["params/layers/1/w"]


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
        read_document(path)
    else:
        with pytest.raises(PlanError, match="plan"):
            read_document(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"format": "else"}, "not a plan"), ({"version": 99}, "version 99"), ({"digest": "0"}, "damaged or was edited")],
)
def test_foreign_files_are_refused(text: str, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    (tmp_path / "plan.json").write_text(json.dumps({**json.loads(text), **change}))
    with pytest.raises(PlanError, match=said):
        read_document(tmp_path / "plan.json")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="no plan at"):
        read_document(tmp_path / "plan.json")


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
