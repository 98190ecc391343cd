"""A plan holds for the shapes that it was made for, and says so otherwise."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autopart.costmodel.mesh import Mesh
from autopart.errors import PlanError
from autopart.partitioning.problem import Problem
from autopart.plan.plan import Plan, plan_of
from autopart.program.trace import trace
from autopart.tactics.manual import Manual


@pytest.fixture(scope="module")
def plan() -> Plan:
    graph = trace(lambda x: x.mean(), jax.ShapeDtypeStruct((16, 8), jnp.float32))
    return plan_of(Problem.of(graph, Mesh({"data": 8}, "cpu")), [Manual({"x": 0}, "data")])


@pytest.mark.parametrize("way", ["spmd", "jit"])
def test_the_right_shape_runs_and_others_are_refused(plan: Plan, way: str) -> None:
    run = plan.spmd() if way == "spmd" else plan.jit()
    assert float(run(np.ones((16, 8), np.float32))) == 1.0
    for other in (np.ones((32, 8), np.float32), np.ones((16, 8), np.int32)):
        with pytest.raises(PlanError, match=r"made for 'x' of float32\[16, 8\]"):
            run(other)
