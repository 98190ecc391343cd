"""Two saved plans side by side: what moved, which tactics and collectives differ, what it costs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autopart.costmodel.mesh import Mesh
from autopart.partitioning.problem import Problem
from autopart.plan.diff import Change, PlanDiff, Traffic, compare_plans
from autopart.plan.document import save_plan
from autopart.plan.plan import Plan, plan_of
from autopart.plan.saved import SavedPlan, load_plan
from autopart.tactics.manual import Atomic, Manual, Tactic
from autopart.tactics.strategies import Megatron
from tests.autopart.plan.test_changes import network
from tests.autopart.tiny import MESH, problem_of, tiny

DATA = Manual({"batch": 0}, "batch", "data parallel")
MODEL = Manual({"params/layers/{0,2}/w": 1}, "model")
WHOLE = Atomic(("params/layers/1/w",), "batch")


def read(plan: Plan, folder: Path) -> SavedPlan:
    save_plan(plan, folder / "plan.json")
    return load_plan(folder)


def diff_of(folder: Path, a: list[Tactic], b: list[Tactic]) -> PlanDiff:
    plans = [read(plan_of(tiny("mlp"), schedule), folder) for schedule in (a, b)]
    return compare_plans(*plans)


def test_equal_plans_differ_in_nothing(tmp_path: Path) -> None:
    diff = diff_of(tmp_path, [DATA, MODEL], [DATA, MODEL])
    assert diff.same_program
    assert diff.same_mesh
    assert diff.tactics == ((" ", DATA), (" ", MODEL))
    assert not any((diff.arguments, diff.outputs, diff.inside, diff.types, diff.only_a, diff.only_b, diff.by_size))
    assert all(row.counts[0] == row.counts[1] and row.nbytes[0] == row.nbytes[1] for row in diff.traffic)
    assert all(a == b for a, b in diff.metrics.values())


def test_what_moved_is_told_by_path_with_both_specs(tmp_path: Path) -> None:
    diff = diff_of(tmp_path, [DATA], [DATA, MODEL])
    assert Change("params/layers/0/w", "P()", "P(None, 'model')") in diff.arguments
    assert Change("params/layers/1/w", "P()", "P('model')") in diff.arguments
    assert "batch/x" not in {row.path for row in diff.arguments}
    assert diff.outputs == ()  # Those that become arguments are told as arguments.
    back = diff_of(tmp_path, [DATA, MODEL], [DATA])
    assert {Change(row.path, row.after, row.before) for row in back.arguments} == set(diff.arguments)


def test_an_output_of_its_own_that_moved_is_told(tmp_path: Path) -> None:
    problem = problem_of(*network(1))
    plans = [read(plan_of(problem, schedule), tmp_path) for schedule in ([], [Manual({"x": 0}, "batch")])]
    diff = compare_plans(*plans)
    assert diff.outputs == (Change("out", "P()", "P('batch')"),)


def test_tactics_are_aligned(tmp_path: Path) -> None:
    diff = diff_of(tmp_path, [DATA, WHOLE, MODEL], [DATA, MODEL, Megatron("model")])
    assert diff.tactics == ((" ", DATA), ("-", WHOLE), (" ", MODEL), ("+", Megatron("model")))


def test_collectives_come_and_go_and_the_figures_are_those_of_the_plans(tmp_path: Path) -> None:
    diff = diff_of(tmp_path, [DATA], [DATA, MODEL])
    plans = [plan_of(tiny("mlp"), schedule) for schedule in ([DATA], [DATA, MODEL])]
    counts = [plan.program.executed_counts() for plan in plans]
    for row in diff.traffic:
        for side in (0, 1):
            mine = {k: n for k, n in counts[side].items() if k[:2] == (row.kind, row.axes)}
            assert row.counts[side] == sum(mine.values())
            assert row.nbytes[side] == sum(key[2] * n for key, n in mine.items())
    model = next(row for row in diff.traffic if row.axes == ("model",))
    assert model == Traffic("all_reduce", ("model",), (0, model.counts[1]), (0, model.nbytes[1]))
    assert model.counts[1] > 0
    assert sum(after - before for before, after in diff.by_size.values()) == sum(counts[1].values()) - sum(
        counts[0].values()
    )
    assert diff.metrics == {name: (value, plans[1].metrics[name]) for name, value in plans[0].metrics.items()}


def test_values_inside_are_told_where_data_moves_in_one_plan_only(tmp_path: Path) -> None:
    diff = diff_of(tmp_path, [DATA], [DATA, MODEL])
    assert diff.inside
    assert all("mlp.py:" in row.path for row in diff.inside)
    assert any(row.before == "nothing moves" and row.after.startswith("P(") for row in diff.inside)


def test_lines_that_shifted_and_layers_that_were_added_are_no_move(tmp_path: Path) -> None:
    a, b = (
        read(plan_of(problem_of(*network(n)), [Manual({"params/layers/*/up": 1}, "model")]), tmp_path) for n in (2, 3)
    )  # fmt: skip
    diff = compare_plans(a, b)
    assert not diff.same_program
    assert len(a.constraints) == 1
    assert a.constraints[0].count == 2
    assert b.constraints[0].count == 3
    assert diff.inside == diff.arguments == ()
    assert set(diff.only_b) == {"params/layers/2/down", "params/layers/2/up"}
    assert diff.only_b["params/layers/2/up"] == "float32[16,32]"
    assert diff.only_a == {}


def test_other_types_and_meshes_are_told(tmp_path: Path) -> None:
    a = read(plan_of(problem_of(*network(1)), []), tmp_path)
    wide = Problem.of(problem_of(*network(1, width=64)).graph, Mesh({"batch": 2, "model": 4}, "cpu"))
    diff = compare_plans(a, read(plan_of(wide, []), tmp_path))
    assert not diff.same_mesh
    assert Change("params/layers/0/up", "float32[16,32]", "float32[16,64]") in diff.types
    assert [row.path for row in diff.types] == ["params/layers/0/down", "params/layers/0/up"]
    assert diff.arguments == ()


def test_as_json_every_path_stands_by_itself(tmp_path: Path) -> None:
    document = json.loads(json.dumps(diff_of(tmp_path, [DATA, WHOLE], [DATA, MODEL]).to_json()))
    assert document["same_program"] is document["same_mesh"] is True
    assert document["meshes"] == [MESH.to_json()] * 2
    assert [row["in"] for row in document["tactics"]] == ["both", "a", "b"]
    assert document["tactics"][1]["tactic"] == "Atomic"
    assert {"path": "params/layers/0/w", "before": "P()", "after": "P(None, 'model')"} in document["moved"]["arguments"]
    assert all(row["runs"][0] != row["runs"][1] for row in document["collectives"])
    assert document["metrics"]["step_s"][0] == pytest.approx(plan_of(tiny("mlp"), [DATA, WHOLE]).metrics["step_s"])
