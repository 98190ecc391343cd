"""The two laws on host devices: the same answer as the whole program, and the collectives that were counted."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autopart.benchmarks.models import mlp, t32
from autopart.costmodel.mesh import Mesh
from autopart.emit.lower import lower
from autopart.emit.spmd import spec, spmd
from autopart.emit.stablehlo import count_collectives, lowered_collectives
from autopart.errors import PlanError
from autopart.partitioning.jax_mesh import abstract_mesh
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.trace import trace
from autopart.sharding.propagate import TILE
from tests.autopart.cases import CASES, MESHES, Subject, fault, problem_on, random_state, subject, subject_of_step

SEEDS = 3


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("name", sorted(CASES))
def test_random_states_of_small_programs(name: str, seed: int) -> None:
    case = subject(name)
    rng = np.random.default_rng([seed, sorted(CASES).index(name)])
    state = random_state(problem_on(case.graph, MESHES[seed % len(MESHES)]), rng, 1 + int(rng.integers(9)))
    assert fault(state, case) == ""


@functools.cache
def model(name: str) -> Subject:
    steps = {"mlp": lambda: mlp.step("tiny"), "t32": lambda: t32.step("tiny", layers=1)}
    return subject_of_step(steps[name]())


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", ["mlp", "t32"])
def test_random_states_of_models(name: str, seed: int) -> None:
    case = model(name)
    rng = np.random.default_rng(seed)
    state = random_state(problem_on(case.graph, MESHES[1 + seed]), rng, 4)
    assert fault(state, case) == ""


def test_undoing_leaves_the_program_that_was() -> None:
    case = subject("dense")
    state = random_state(problem_on(case.graph, {"a": 4, "b": 2}), np.random.default_rng(5), 6)
    while state.depth:
        state.undo()
    assert not lower(state).collective_counts()
    assert fault(state, case) == ""


def test_another_tree_of_arguments_is_refused() -> None:
    graph = trace(lambda d: d["a"] + 1, {"a": jax.ShapeDtypeStruct((8,), jnp.float32)})
    problem = Problem.of(graph, Mesh({"a": 4}, device="cpu"))
    step = spmd(lower(State(problem)), abstract_mesh(problem.mesh))
    with pytest.raises(PlanError, match="called with"):
        step({"b": jnp.ones(8)})


def test_a_mesh_whose_axes_jit_may_not_touch_is_taken_too() -> None:
    case = subject("dense")
    state = random_state(problem_on(case.graph, {"a": 4, "b": 2}), np.random.default_rng(1), 4)
    mesh = jax.make_mesh((4, 2), ("a", "b"), axis_types=(jax.sharding.AxisType.Explicit,) * 2)
    loss, _ = jax.jit(spmd(lower(state), mesh))(*case.args)
    np.testing.assert_allclose(loss, case.answer[0], rtol=1e-5)
    explicit = jax.sharding.AbstractMesh((4, 2), ("a", "b"), axis_types=(jax.sharding.AxisType.Explicit,) * 2)
    lowered = jax.jit(spmd(lower(state), explicit)).trace(*case.args).lower(lowering_platforms=("cpu",))
    assert count_collectives(lowered.compiler_ir("stablehlo"), state.problem.mesh) == lower(state).collective_counts()


@pytest.mark.parametrize(
    ("axes", "entries"),
    [
        (((), ()), ()),
        ((("a",), ()), ("a",)),
        (((), ("a", "b")), (None, ("a", "b"))),
        ((("b",), ("a",)), ("b", "a")),
    ],
)
def test_specs_leave_out_trailing_whole_dimensions(
    axes: tuple[tuple[str, ...], ...], entries: tuple[object, ...]
) -> None:
    assert spec(axes) == jax.sharding.PartitionSpec(*entries)


@pytest.mark.parametrize(
    ("dtype", "size"),
    [("bfloat16", 2), ("float32", 4), ("int8", 1), ("uint8", 1), ("float8_e4m3fn", 1), ("complex64", 8)],
)
def test_bytes_of_collectives_are_counted_in_every_dtype(dtype: str, size: int) -> None:
    graph = trace(lambda x: jax.lax.rev(x, (0,)), jax.ShapeDtypeStruct((8, 3), jnp.dtype(dtype)))
    problem = Problem.of(graph, Mesh({"a": 4}, device="cpu"))
    state = State(problem)
    state.apply(state.steps([(1, graph.ops[-1].index, 0, 0)]))
    state.apply(state.steps([(TILE, 0, 0, 0)]))
    program = lower(state)
    assert lowered_collectives(program) == program.collective_counts() == {("all_gather", ("a",), 8 * 3 * size): 1}


def test_bools_are_reduced_as_bytes() -> None:
    graph = trace(lambda x: jnp.any(x, 0), jax.ShapeDtypeStruct((8, 16), jnp.bool_))
    state = State(Problem.of(graph, Mesh({"a": 4}, device="cpu")))
    state.apply(state.steps([(TILE, 0, 0, 0)]))
    program = lower(state)
    assert lowered_collectives(program) == program.collective_counts() == {("all_reduce", ("a",), 16): 1}


def test_collectives_inside_of_regions_are_counted() -> None:
    mesh = Mesh({"a": 4}, device="cpu")
    abstract = abstract_mesh(mesh)
    spread = jax.sharding.PartitionSpec("a")

    def body(x: Any) -> Any:
        return jax.lax.fori_loop(0, 3, lambda _, c: jax.lax.ppermute(c, "a", [(i, (i + 1) % 4) for i in range(4)]), x)

    step = jax.jit(jax.shard_map(body, mesh=abstract, in_specs=spread, out_specs=spread, check_vma=False))
    traced = step.trace(jax.ShapeDtypeStruct((8,), jnp.float32)).lower(lowering_platforms=("cpu",))
    counts = count_collectives(traced.compiler_ir("stablehlo"), mesh)
    assert counts == {("collective_permute", ("a",), 8 * 4): 1}


@pytest.mark.parametrize("how", ["lookup", "slice"])
def test_a_position_out_of_bounds_is_clamped_in_a_tile_that_was_cut_from_more(how: str) -> None:
    """Compilers merge a slice of a slice into one, and then clamp to the bounds of the larger array."""

    def fn(x: Any, at: Any) -> Any:
        table = x.reshape(2, 4, 5)
        if how == "lookup":
            return table.at[:, at[None]].get(mode="clip")
        return jax.lax.dynamic_slice(table, (0, at, 0), (2, 1, 5), allow_negative_indices=False)

    args = (jnp.arange(40).reshape(1, 8, 5), jnp.int32(4))
    case = Subject(trace(fn, *args), args, jax.jit(fn)(*args))
    state = State(problem_on(case.graph, {"a": 2, "b": 4}))
    for axis in (1, 0):
        state.apply(state.steps([(TILE, 0, 1, axis)]))
    assert fault(state, case) == ""
