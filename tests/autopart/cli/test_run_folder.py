"""The run folder: what is written is read again, and what is damaged is told."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from autopart.cli.run_folder import (
    CONFIG,
    INCUMBENT,
    METRICS_FILE,
    SCHEDULE,
    TREE,
    read_run,
    write_config,
    write_incumbent,
)
from autopart.cli.run_folder import write_plan as write
from autopart.costmodel.mesh import Mesh
from autopart.errors import PlanError
from autopart.plan.plan import Plan, plan_of
from autopart.plan.saved import PLAN_FILE
from autopart.planner.api import partition_graph
from autopart.planner.auto import Auto
from autopart.search import Budget, SearchTree
from autopart.tactics.as_json import from_json
from autopart.tactics.manual import Manual
from tests.autopart.tiny import MESH, tiny

SCHEDULED = (Manual({"batch": 0}, "batch"), Manual({"params/layers/0/w": 1}, "model"))
MODEL: dict[str, Any] = {"name": "mlp", "target": "autopart.benchmarks.models.mlp.step", "fields": {"preset": "tiny"}}


@functools.cache
def plan() -> Plan:
    return plan_of(tiny("mlp"), SCHEDULED)


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "first"  # Made on the way.
    write_config(folder, {"model": MODEL, "verify": False})
    write(folder, plan())
    run = read_run(folder)
    assert (run.folder, run.model) == (folder, MODEL)
    assert run.plan.schedule == SCHEDULED
    assert run.plan.mesh == plan().problem.mesh
    assert run.plan.fingerprint == plan().problem.graph.fingerprint()
    assert run.plan.metrics == plan().metrics
    assert run.plan.collectives == plan().program.collective_counts()


def test_a_plan_leaves_three_files_and_no_incumbent(tmp_path: Path) -> None:
    write_incumbent(tmp_path, MESH, SCHEDULED[:1], {"step_s": 1.0})
    assert [path.name for path in tmp_path.iterdir()] == [INCUMBENT]
    write(tmp_path, plan())
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([PLAN_FILE, SCHEDULE, METRICS_FILE])
    write(tmp_path, plan())  # There is no incumbent to remove now.


def test_an_incumbent_holds_the_schedule_and_its_figures(tmp_path: Path) -> None:
    write_incumbent(tmp_path, MESH, SCHEDULED, {"step_s": 0.25})
    write_incumbent(tmp_path, MESH, SCHEDULED[:1], {"step_s": 0.125})
    document = json.loads((tmp_path / INCUMBENT).read_text())
    assert tuple(from_json(tactic) for tactic in document["schedule"]) == SCHEDULED[:1]
    assert document["metrics"] == {"step_s": 0.125}
    assert Mesh.from_json(document["mesh"]) == MESH
    assert [path.name for path in tmp_path.iterdir()] == [INCUMBENT]  # No temporary file is left.


def test_the_figures_file_holds_the_figures(tmp_path: Path) -> None:
    recipes = {"BP(batch)": {"peak_memory_bytes": 1.0, "step_s": 2.0, "communication_s": 0.5}}
    compared = Plan(tiny("mlp"), SCHEDULED, recipes=recipes, search={"simulations": 7})
    write(tmp_path, compared)
    figures = json.loads((tmp_path / METRICS_FILE).read_text())
    assert figures == {
        "metrics": compared.metrics,
        "collectives": compared.report.collectives,
        "recipes": recipes,
        "search": {"simulations": 7},
    }
    assert (tmp_path / SCHEDULE).read_text() == compared.schedule_source()


def test_a_configuration_keeps_its_order_and_its_nothings(tmp_path: Path) -> None:
    config = {"zebra": None, "model": MODEL, "axes": {"data": 4, "batch": 2}}
    write_config(tmp_path, config)
    read = yaml.safe_load((tmp_path / CONFIG).read_text())
    assert read == config
    assert list(read) == list(config)
    assert list(read["axes"]) == ["data", "batch"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "model",
        "[1, 2]",
        "model: {target: [",
        "model: {fields: {}}",
        "model: {target: a.b}",
        "model: {target: 7, fields: {}}",
        "model: {target: a.b, fields: [1]}",
        "model: a.b",
        "other: {}",
        "\x00",
    ],
)
def test_a_damaged_configuration_is_told(tmp_path: Path, text: str) -> None:
    write(tmp_path, plan())
    (tmp_path / CONFIG).write_text(text)
    with pytest.raises(PlanError, match=r"config\.yaml is damaged"):
        read_run(tmp_path)


def test_a_configuration_that_is_no_text_is_told(tmp_path: Path) -> None:
    write(tmp_path, plan())
    (tmp_path / CONFIG).write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(PlanError, match=r"config\.yaml is damaged"):
        read_run(tmp_path)


def test_a_configuration_runs_no_code(tmp_path: Path) -> None:
    write(tmp_path, plan())
    witness = tmp_path / "witness"
    (tmp_path / CONFIG).write_text(f"model: !!python/object/apply:pathlib.Path.touch [{witness}]\n")
    with pytest.raises(PlanError, match="is damaged"):
        read_run(tmp_path)
    assert not witness.exists()


def test_missing_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="no plan at"):
        read_run(tmp_path)
    write(tmp_path, plan())
    with pytest.raises(PlanError, match="no configuration at"):
        read_run(tmp_path)


def test_a_search_leaves_its_tree_in_the_run(tmp_path: Path) -> None:
    searched = partition_graph(tiny("mlp").graph, tiny("mlp").mesh, tactics=[Auto(budget=Budget(30))])
    write(tmp_path, searched)
    assert searched.tree is not None
    assert SearchTree.load(tmp_path / TREE).keys.tolist() == searched.tree.keys.tolist()
    write(tmp_path, plan())  # A schedule by hand has none, and that of another plan goes.
    assert not (tmp_path / TREE).exists()
