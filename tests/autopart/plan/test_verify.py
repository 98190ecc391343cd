"""Verification finds what is wrong, and passes what is right."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autopart.benchmarks.models import mlp
from autopart.costmodel.mesh import Mesh
from autopart.errors import MeshError, PlanError, VerificationError
from autopart.partitioning.problem import Problem
from autopart.plan.document import save_plan
from autopart.plan.plan import Plan, plan_of
from autopart.plan.saved import SavedPlan, load_plan
from autopart.plan.verify import check_document, execute, host_mesh, random_inputs, verify
from autopart.program.step import Step
from autopart.program.trace import trace
from autopart.tactics.manual import Manual


def document_of(step: Step, mesh: Mesh, schedule: list[Manual], folder: Path) -> SavedPlan:
    graph = trace(step.fn, *step.args, donate_argnums=step.donate_argnums)
    save_plan(plan_of(Problem.of(graph, mesh), schedule), folder / "plan.json")
    return load_plan(folder / "plan.json")


@pytest.mark.parametrize(
    ("axes", "host"),
    [
        ({"data": 16, "model": 2}, {"data": 4, "model": 2}),
        ({"data": 32}, {"data": 8}),
        ({"a": 4, "b": 4, "c": 4, "d": 4}, {"a": 2, "b": 2, "c": 2, "d": 1}),
        ({"a": 3, "b": 2}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 6}, {"a": 1, "b": 2}),
    ],
)
def test_host_mesh(axes: dict[str, int], host: dict[str, int]) -> None:
    assert dict(host_mesh(Mesh(axes, "tpu_v3")).axes) == host


def test_a_right_plan_passes_at_both_sizes(tmp_path: Path) -> None:
    full, small = mlp.step(), mlp.step(preset="tiny")
    schedule = [Manual({"batch": 0}, "data"), Manual({"params/layers/0/w": 1}, "model")]
    document = document_of(full, Mesh({"data": 16, "model": 2}, "tpu_v3"), schedule, tmp_path)
    verification = verify(full, small, document)
    assert len(verification.outputs) == len(verification.jit_outputs) == 26
    assert all(row.equal for row in (*verification.outputs, *verification.jit_outputs))
    assert verification.collectives == verification.full_collectives
    assert verification.collectives["all_reduce"] > 0


def test_another_program_is_refused(tmp_path: Path) -> None:
    small = mlp.step(preset="tiny")
    document = document_of(small, Mesh({"data": 4, "model": 2}, "cpu"), [Manual({"batch": 0}, "data")], tmp_path)
    with pytest.raises(PlanError, match=r"is not the one that the plan was made for[^$]*batch/\{x,y\} .*-> \[32, 64\]"):
        verify(mlp.step(preset="tiny", batch=32), small, document)


def test_other_collectives_than_the_file_says_are_found(tmp_path: Path) -> None:
    small = mlp.step(preset="tiny")
    mesh = Mesh({"data": 4, "model": 2}, "cpu")
    document = document_of(small, mesh, [Manual({"batch": 0}, "data")], tmp_path)
    graph = trace(small.fn, *small.args, donate_argnums=small.donate_argnums)
    problem = Problem.of(graph, mesh)
    assert check_document(problem, document).schedule == document.schedule
    with pytest.raises(VerificationError, match="other collectives"):
        check_document(problem, dataclasses.replace(document, collectives={}))


def test_a_wrong_answer_is_found() -> None:
    """The original is swapped for one that adds a part in a million too much: the tolerance is not blind."""
    w, x = jax.ShapeDtypeStruct((16, 8), jnp.float32), jax.ShapeDtypeStruct((8, 16), jnp.float32)
    graph = trace(lambda w, x: x @ w, w, x)
    plan = plan_of(Problem.of(graph, Mesh({"data": 8}, "cpu")), [Manual({"x": 0}, "data")])
    execute(Step(lambda w, x: x @ w, (w, x)), plan)
    with pytest.raises(VerificationError, match="1 of 1 outputs"):
        execute(Step(lambda w, x: x @ w * 1.001, (w, x)), plan)


def test_too_few_devices_are_told() -> None:
    w = jax.ShapeDtypeStruct((64,), jnp.float32)
    plan = plan_of(Problem.of(trace(lambda w: w + 1, w), Mesh({"data": 64}, "cpu")), [])
    with pytest.raises(MeshError, match="needs 64 devices"):
        execute(Step(lambda w: w + 1, (w,)), plan)


def test_random_inputs_have_the_shapes_asked_for() -> None:
    shapes = (jax.ShapeDtypeStruct((3, 2), jnp.bfloat16), {"i": jax.ShapeDtypeStruct((4,), jnp.int32)})
    keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), 6))
    (made_keys,) = random_inputs([keys])
    assert (made_keys.shape, made_keys.dtype) == (keys.shape, keys.dtype)
    made = random_inputs(shapes)
    assert jax.tree.map(lambda a: (a.shape, np.dtype(a.dtype)), made) == jax.tree.map(
        lambda s: (s.shape, np.dtype(s.dtype)), shapes
    )
    assert json.dumps(np.asarray(made[0], np.float32).tolist()) == json.dumps(
        np.asarray(random_inputs(shapes)[0], np.float32).tolist()
    )


def plan_for(fn: Callable[..., Any], *args: Any) -> Plan:
    return plan_of(Problem.of(trace(fn, *args), Mesh({"data": 8}, "cpu")), [])


def test_equal_infinities_keys_and_python_numbers_are_no_difference() -> None:
    def masked(x: Any, factor: Any, key: Any) -> Any:
        return jnp.where(x > 0.5, -jnp.inf, x * factor), key

    args = (jax.ShapeDtypeStruct((16,), jnp.float32), 2.0, jax.eval_shape(lambda: jax.random.key(0)))
    execute(Step(masked, args), plan_for(masked, *args))


def test_a_program_of_coarse_floats_is_held_to_their_tolerance() -> None:
    def mean(a: Any, b: Any) -> Any:
        return (a @ b).astype(jnp.float32).mean()

    args = (jax.ShapeDtypeStruct((16, 64), jnp.bfloat16), jax.ShapeDtypeStruct((64, 8), jnp.bfloat16))
    (row,), _ = execute(Step(mean, args), plan_for(mean, *args))
    assert row.tolerance == 5e-2


def test_random_keys_that_are_donated_can_be_verified_again() -> None:
    def keep(key: Any, x: Any) -> Any:
        return key, x + 1.0

    args = (jax.random.key(0), jnp.ones((16,)))
    step = Step(keep, args, (0,), inputs=lambda seed: args)
    plan = plan_of(Problem.of(trace(keep, *args, donate_argnums=0), Mesh({"data": 8}, "cpu")), [])
    for _ in range(2):
        execute(step, plan)
