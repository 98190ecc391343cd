"""A saved plan: what it says without tracing, and the way back to a full plan, on the same program and on others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import PartitionSpec as P

from autopart import Mesh, MeshError, PlanError, load_plan, plan_of, save_plan
from autopart.benchmarks.models import mlp
from autopart.emit.constraints import constraints
from autopart.plan.document import digest, document_text, to_document
from autopart.plan.saved import SavedPlan
from autopart.plan.verify import execute
from autopart.tactics.manual import Atomic, Manual
from tests.autopart.tiny import MESH, array, problem_of, tiny

SCHEDULE = (Manual({"batch": 0}, "batch", "data parallel"), Manual({"params/layers/{0,2}/w": 1}, "model"))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    save_plan(plan_of(tiny("mlp"), SCHEDULE), path)
    return path


@pytest.fixture(scope="module")
def saved(path: Path) -> SavedPlan:
    return load_plan(path)


def test_it_says_all_that_the_plan_does(path: Path, saved: SavedPlan) -> None:
    plan = plan_of(tiny("mlp"), SCHEDULE)
    assert (saved.schedule, saved.mesh, saved.metrics) == (plan.schedule, MESH, plan.metrics)
    assert saved.operations == len(plan.problem.graph.ops)
    assert saved.arguments == plan.arguments
    assert saved.constraints == constraints(plan.program)
    assert saved.collectives == plan.program.collective_counts()
    assert saved.runs == plan.program.executed_counts()
    assert load_plan(str(path)) == load_plan(path.parent) == saved


def test_runs_count_every_trip_of_a_loop(tmp_path: Path) -> None:
    def decode(w: Any, x: Any) -> Any:
        return jax.lax.scan(lambda h, _: (jnp.tanh(h @ w) @ w.T, None), x, None, length=5)[0]

    save_plan(
        plan_of(problem_of(decode, array(8, 16), array(8, 8)), [Manual({"w": 1}, "model")]), tmp_path / "plan.json"
    )
    saved = load_plan(tmp_path)
    assert sum(saved.runs.values()) == 5 * sum(saved.collectives.values()) > 0


def test_a_plan_and_its_file_give_the_same_specs(saved: SavedPlan) -> None:
    params = mlp.step("tiny").args[0]
    specs = saved.specs(params)
    assert specs == plan_of(tiny("mlp"), SCHEDULE).specs(params)
    assert specs["layers"][0]["w"] == P(None, "model")
    shardings = saved.shardings(params)
    assert shardings == plan_of(tiny("mlp"), SCHEDULE).shardings(params)
    assert dict(shardings["layers"][0]["w"].mesh.shape) == {"batch": 4, "model": 2}


def test_a_mesh_is_checked(saved: SavedPlan) -> None:
    params, plan = mlp.step("tiny").args[0], plan_of(tiny("mlp"), SCHEDULE)
    for source in (saved, plan):
        with pytest.raises(MeshError, match=r"must be a jax\.sharding\.Mesh"):
            source.shardings(params, jax.sharding.AbstractMesh((4, 2), ("batch", "model")))
        with pytest.raises(MeshError, match=r"the mesh has 8 over \{'batch': 8\}"):
            source.shardings(params, jax.make_mesh((8,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,)))


def test_the_same_program_gives_the_whole_plan_again_and_it_runs(saved: SavedPlan) -> None:
    step = mlp.step("tiny")
    plan = saved.apply(step.fn, *step.args, donate_argnums=step.donate_argnums)
    assert plan.state.key() == plan_of(tiny("mlp"), SCHEDULE).state.key()
    assert plan.metrics == saved.metrics
    execute(step, plan)


def test_another_mesh_needs_no_word(saved: SavedPlan) -> None:
    step, wider = mlp.step("tiny"), Mesh({"batch": 2, "model": 4}, "cpu")
    plan = saved.apply(step.fn, *step.args, mesh=wider, donate_argnums=step.donate_argnums)
    assert plan.problem.mesh == wider
    changes = saved.compare(step.fn, *step.args, mesh=wider, donate_argnums=step.donate_argnums)
    assert changes.same_program
    assert not changes.is_same
    assert "Mesh: Mesh({'batch': 4, 'model': 2}" in str(changes)


def test_a_mesh_that_lacks_an_axis_is_told(saved: SavedPlan) -> None:
    step = mlp.step("tiny")
    with pytest.raises(PlanError, match="no mesh axis 'model'"):
        saved.apply(step.fn, *step.args, mesh=Mesh({"batch": 8}, "cpu"), donate_argnums=step.donate_argnums)


def test_a_changed_program_is_refused_unless_it_is_allowed(saved: SavedPlan) -> None:
    step = mlp.step("tiny", batch=24)
    with pytest.raises(
        PlanError, match=r"shape: batch/\{x,y\} \(×2, first batch/x\) \[16, 64\] -> \[24, 64\][\s\S]*allow_changed=True"
    ):
        saved.apply(step.fn, *step.args, donate_argnums=step.donate_argnums)
    plan = saved.apply(step.fn, *step.args, donate_argnums=step.donate_argnums, allow_changed=True)
    assert plan.schedule == saved.schedule
    assert plan.specs(step.args[0]) == saved.specs(step.args[0])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tactics", [{"tactic": "Manual"}]),
        ("arguments", {"x": {"shape": [2], "dtype": "float32", "spec": [None, None]}}),
        ("arguments", {"x": {"shape": 7, "dtype": "float32", "spec": []}}),
        ("constraints", [{"at": "x"}]),
        ("constraints", 3),
        ("collectives", [{"kind": "all_reduce"}]),
        ("mesh", {}),
        ("metrics", []),
        ("program", None),
    ],
)
def test_a_file_of_other_form_is_told_though_its_digest_fits(tmp_path: Path, key: str, value: Any) -> None:
    document = to_document(plan_of(tiny("mlp"), [Atomic(("params",), "model")]))
    body = {k: v for k, v in document.items() if k != "digest"} | {key: value}
    (tmp_path / "plan.json").write_text(document_text({**body, "digest": digest(body)}))
    with pytest.raises(PlanError, match="is damaged"):
        load_plan(tmp_path)


def test_a_version_to_come_is_told_what_to_do(path: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps({**json.loads(path.read_text()), "version": 3}))
    with pytest.raises(PlanError, match=r"of version 3; this autopart reads up to 2\. Fix: apply the schedule\.py"):
        load_plan(tmp_path)
