"""A weight that is gathered again waits for the product before; the first gather of all waits for nothing."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from autopart.emit.lower import lower
from autopart.emit.spmd import spmd
from autopart.partitioning.jax_mesh import abstract_mesh
from autopart.partitioning.state import State
from autopart.plan.plan import plan_of
from autopart.tactics.manual import Manual, apply_schedule
from tests.autopart.tiny import MESH, array, problem_of

FSDP = (Manual({"x": 0}, "batch"), Manual({"w": 0, "v": 0}, "batch"))
ARGS = array(8, 16), array(16, 16), array(16, 16)


def there_and_back(x: Any, w: Any, v: Any) -> Any:
    """Reads w as a forward pass does, and again as the backward pass."""
    return jnp.einsum("bn,kn->bk", jnp.tanh(jnp.tanh(x @ w) @ v), w)


def lines(fn: Any, *args: Any) -> list[str]:
    """The lines of the explicit program's StableHLO that hold a barrier or a gather, in order."""
    state = State(problem_of(fn, *args))
    apply_schedule(state, FSDP)
    mesh = abstract_mesh(MESH)
    text = jax.jit(spmd(lower(state), mesh)).lower(*args).as_text()
    kinds = ("optimization_barrier", "all_gather")
    return [kind for line in text.splitlines() for kind in kinds if f"stablehlo.{kind}" in line]


def test_a_gather_that_repeats_an_earlier_one_is_held_back() -> None:
    assert lines(there_and_back, *ARGS) == ["all_gather", "all_gather", "optimization_barrier", "all_gather"]


def test_weights_that_are_gathered_once_are_not_held_back() -> None:
    assert lines(lambda x, w, v: jnp.tanh(x @ w) @ v, *ARGS) == ["all_gather", "all_gather"]


def test_what_is_held_back_is_the_weight_that_was_given() -> None:
    plan = plan_of(problem_of(there_and_back, *ARGS), FSDP)
    keys = jax.random.split(jax.random.key(0), 3)
    arrays = [jax.random.normal(key, a.shape, a.dtype) for key, a in zip(keys, ARGS, strict=True)]
    assert jnp.allclose(jax.jit(plan.spmd())(*arrays), there_and_back(*arrays), rtol=1e-5, atol=1e-5)
