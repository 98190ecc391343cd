"""A searched schedule, written down, leads to the same state, and applies to a grown model and another mesh."""

from __future__ import annotations

from pathlib import Path

import pytest

from autopart.benchmarks.models import t32
from autopart.costmodel.mesh import Mesh
from autopart.partitioning.problem import Problem
from autopart.plan.plan import Plan, plan_of
from autopart.plan.schedule_file import read_schedule
from autopart.plan.verify import check_collectives
from autopart.planner.api import partition_graph
from autopart.planner.auto import Auto
from autopart.program.trace import trace_step
from autopart.search import AtMost, Budget, Goal, Minimise
from autopart.tactics.manual import Manual
from autopart.tactics.strategies import Strategy
from tests.autopart.tiny import tiny_graph

MESH = Mesh({"batch": 4, "model": 2}, "tpu_v3")
TIGHT: list[Goal] = [AtMost("peak_memory_bytes", 0.9e6), Minimise("step_s")]


@pytest.fixture(scope="module")
def searched() -> Plan:
    return partition_graph(tiny_graph("t32"), MESH, goals=TIGHT, tactics=[Auto(budget=Budget(300))])


def written(plan: Plan, folder: Path) -> Path:
    path = folder / "schedule.py"
    path.write_text(plan.schedule_source(), encoding="utf-8")
    return path


def test_it_reads_as_an_expert_would_write_and_leads_to_the_same_state(searched: Plan, tmp_path: Path) -> None:
    path = written(searched, tmp_path)
    assert len(path.read_text(encoding="utf-8").splitlines()) < 25
    assert any(isinstance(tactic, Strategy) for tactic in searched.schedule)
    again = plan_of(searched.problem, read_schedule(path))
    assert again.schedule == searched.schedule
    assert again.state.key() == searched.state.key()
    assert again.metrics == searched.metrics


@pytest.mark.parametrize(
    ("layers", "axes"), [(2, {"batch": 4, "model": 4}), (5, {"batch": 4, "model": 2}), (3, {"batch": 8, "model": 2})]
)
def test_it_applies_to_more_layers_and_wider_meshes(
    searched: Plan, tmp_path: Path, layers: int, axes: dict[str, int]
) -> None:
    schedule = read_schedule(written(searched, tmp_path))
    grown = Problem.of(trace_step(t32.step("tiny", layers=layers)), Mesh(axes, "tpu_v3"))
    plan = plan_of(grown, schedule)
    assert plan.schedule == searched.schedule
    assert [row[0] for row in plan.layout_by_pattern()] == [row[0] for row in searched.layout_by_pattern()]
    check_collectives(plan)


def test_a_tactic_by_hand_stays_as_it_is_before_a_search(searched: Plan) -> None:
    by_hand = Manual({"params/layers/*/mlp/up": 1}, "model", "by hand")
    plan = partition_graph(
        tiny_graph("t32"), MESH, goals=TIGHT, tactics=[by_hand, Auto(axes=("batch",), budget=Budget(200))]
    )
    assert plan.schedule[0] == by_hand
    assert all(tactic.axis == "batch" for tactic in plan.schedule[1:])
    for name in ("params/layers/0/mlp/up", "params/layers/1/mlp/up"):
        assert plan.state.tiles_of_argument(name)["model"] == 1
    assert len(plan.reports) == len(plan.schedule) > 1
