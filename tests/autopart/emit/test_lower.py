"""Which collectives stand where: golden counts of small programs and of the published schedules."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from autopart.benchmarks.models import t32
from autopart.costmodel.mesh import Mesh
from autopart.emit.lower import Apply, Move, Program, by_kind, lower
from autopart.emit.stablehlo import lowered_collectives
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.graph import Graph
from autopart.program.trace import trace
from autopart.sharding.propagate import ATOMIC, TILE

MESH = {"a": 4, "b": 2}
Row = tuple[str, int, str]


def array(*shape: int, dtype: Any = jnp.float32) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)


def tiled(graph: Graph, rows: Sequence[Row], axes: dict[str, int] | None = None) -> Program:
    """The program after tiling (argument, dimension, axis) one after another; also judges the emitted program."""
    problem = Problem.of(graph, Mesh(axes or MESH, device="cpu"))
    state = State(problem)
    for name, dim, axis in rows:
        op = problem.argument_ops[name]
        state.apply(state.steps([(TILE, op, dim, problem.mesh.axis_names.index(axis))]))
    program = lower(state)
    assert lowered_collectives(program) == program.collective_counts()
    return program


def moves(program: Program) -> list[tuple[Any, ...]]:
    """Kind, axes and full bytes of every collective, in order."""
    return [(move.kind, move.axes, move.full_bytes) for move in program.collectives()]


def test_an_untiled_program_communicates_nothing() -> None:
    program = tiled(trace(lambda x, w: x @ w, array(8, 4), array(4, 8)), [])
    assert moves(program) == []
    assert program.arguments == (((), ()), ((), ()))


def test_partial_sums_through_a_linear_chain_are_reduced_once() -> None:
    def fn(dq: Any, dk: Any, dv: Any, wq: Any, wk: Any, wv: Any) -> Any:
        return dq @ wq + dk @ wk + dv @ wv

    graph = trace(fn, *[array(8, 16)] * 3, *[array(16, 4)] * 3)
    program = tiled(graph, [(name, 0, "a") for name in ("wq", "wk", "wv")])
    assert moves(program) == [("all_reduce", ("a",), 8 * 4 * 4)]


def test_a_bias_is_added_after_the_reduction() -> None:
    graph = trace(lambda x, w, b: (x @ w) * 2.0 + b, array(8, 16), array(16, 4), array(4))
    program = tiled(graph, [("w", 0, "a")])
    [reduction] = [n for n, step in enumerate(program.steps) if isinstance(step, Move) and step.kind == "all_reduce"]
    after = [graph.ops[s.op].primitive for s in program.steps[reduction:] if isinstance(s, Apply)]
    assert "add" in after
    assert "dot_general" not in after


def test_a_sum_that_all_readers_want_tiled_is_scattered() -> None:
    graph = trace(lambda x, w, y: (jnp.tanh(x @ w), y), array(8, 16), array(16, 4), array(8, 4))
    problem = Problem.of(graph, Mesh(MESH, device="cpu"))
    state = State(problem)
    tanh = next(op.index for op in graph.ops if op.primitive == "tanh")
    state.apply(state.steps([(ATOMIC, problem.argument_ops["y"], 0, 0)]))
    dot = next(op.index for op in graph.ops if op.primitive == "dot_general")
    contracting = next(n for n, f in enumerate(problem.rules[dot].factors) if f.kind)
    state.apply(state.steps([(TILE, dot, contracting, 0)]))
    state.apply(state.steps([(TILE, tanh, 0, 0)]))
    program = lower(state)
    assert moves(program) == [("reduce_scatter", ("a",), 8 * 4 * 4)]
    assert program.outputs[0] == (("a",), ())
    assert lowered_collectives(program) == program.collective_counts()


def steps_on(state: State, primitive: str, number: int, factor: int, axis: int) -> None:
    """Tiles a factor of the ``number``-th op of a primitive."""
    ops = [op.index for op in state.problem.graph.ops if op.primitive == primitive]
    state.apply(state.steps([(TILE, ops[number], factor, axis)]))


def test_a_tile_that_changes_dimension_is_an_all_to_all() -> None:
    graph = trace(lambda x: jnp.cumsum(jnp.cumsum(x, 0), 1), array(8, 8))
    state = State(Problem.of(graph, Mesh(MESH, device="cpu")))
    steps_on(state, "cumsum", 0, 0, 0)
    steps_on(state, "cumsum", 1, 0, 0)
    program = lower(state)
    assert moves(program) == [("all_to_all", ("a",), 8 * 8 * 4)]
    assert lowered_collectives(program) == program.collective_counts()


def test_weights_are_gathered_for_each_use_and_activations_once() -> None:
    def fn(w: Any, x: Any) -> Any:
        y = jnp.tanh(x)
        return jnp.cumsum(w, 0), jnp.cumsum(w * 1.0, 0), jnp.cumsum(w, 0) * 2, jnp.cumsum(y, 0), jnp.cumsum(y, 0) * 2

    graph = trace(fn, array(8, 3), array(8, 5))
    program = tiled(graph, [("w", 0, "a"), ("x", 0, "a")])
    counts = {size: n for (_, _, size), n in program.collective_counts().items()}
    assert by_kind(program.collective_counts())["all_gather"] == sum(counts.values())
    assert counts[8 * 5 * 4] == 1
    assert counts[8 * 3 * 4] == 3


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("b", "a")])
def test_axes_nest_in_the_order_in_which_they_came(first: str, second: str) -> None:
    graph = trace(lambda x: x * 2.0, array(16))
    program = tiled(graph, [("x", 0, first), ("x", 0, second)])
    assert program.arguments == (((first, second),),)
    assert program.outputs == (((first, second),),)
    multiply = next(op for op in graph.ops if op.primitive == "mul")
    assert program.local_shape(multiply, 0) == (2,)
    assert program.axes_of_factor(multiply.index, 0) == (first, second)
    assert program.parts(multiply.index, 0) == 8


def product_then_tanh(rows: int) -> tuple[State, dict[str, int], int, int]:
    """A product and its one reader, nothing tiled: the state, the product's factors, and both ops."""
    graph = trace(lambda x, w: jnp.tanh(x @ w), array(rows, 8), array(8, 4))
    state = State(Problem.of(graph, Mesh(MESH, device="cpu")))
    dot, tanh = (next(op.index for op in graph.ops if op.primitive == name) for name in ("dot_general", "tanh"))
    return state, {f.label: n for n, f in enumerate(state.problem.rules[dot].factors)}, dot, tanh


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_sum_is_scattered_over_two_axes_whichever_nests_outside(order: tuple[int, int]) -> None:
    state, factors, dot, tanh = product_then_tanh(16)
    for axis in (0, 1):
        state.apply(state.steps([(TILE, dot, factors["j"], axis)]))
    for axis in order:
        state.apply(state.steps([(TILE, tanh, 0, axis)]))
    program = lower(state)
    assert program.outputs == ((tuple("ab"[axis] for axis in order), ()),)
    assert by_kind(program.collective_counts())["reduce_scatter"] == 2
    assert lowered_collectives(program) == program.collective_counts()


def test_moves_of_an_axis_of_one_device_count_for_nothing() -> None:
    graph = trace(lambda x, w: x @ w, array(8, 16), array(16, 4))
    program = tiled(graph, [("w", 0, "one"), ("w", 0, "a")], {"a": 4, "one": 1})
    assert program.collective_counts() == {("all_reduce", ("a",), 8 * 4 * 4): 1}


def test_by_kind_names_every_kind() -> None:
    assert by_kind({("all_gather", ("a",), 8): 2, ("all_gather", ("b",), 8): 1}) == {
        "all_gather": 3, "all_reduce": 0, "reduce_scatter": 0, "all_to_all": 0, "collective_permute": 0,
    }  # fmt: skip


def test_a_carried_output_returns_in_its_arguments_layout() -> None:
    def step(p: Any, x: Any) -> Any:
        return p - 0.1 * jnp.sum(x, 0), jnp.sum(p)

    program = tiled(trace(step, array(8), array(16, 8), donate_argnums=(0,)), [("p", 0, "a"), ("x", 0, "b")])
    assert program.outputs[0] == program.arguments[0] == (("a",),)


# The layout kernel scatters a sum onto a dimension without asking whether what is left of it divides: here
# dimension 0 (size 4) is made in 2 parts over b, and its reader wants it in 4 parts over a only.
def test_a_sum_is_not_scattered_onto_a_dimension_that_another_axis_leaves_too_short() -> None:
    state, factors, dot, tanh = product_then_tanh(4)
    state.apply(state.steps([(ATOMIC, tanh, 0, 1)]))
    state.apply(state.steps([(TILE, dot, factors["j"], 0)]))
    state.apply(state.steps([(TILE, dot, factors["i"], 1)]))
    state.apply(state.steps([(TILE, tanh, 0, 0)]))
    program = lower(state)
    assert lowered_collectives(program) == program.collective_counts()


# The published figures, on two layers.

LAYERS = 2
BATCH, MODEL = 0, 1


@functools.cache
def t32_problem() -> Problem:
    step = t32.step("tiny", layers=LAYERS, remat=False)
    graph = trace(step.fn, *step.args, donate_argnums=step.donate_argnums)
    return Problem.of(graph, Mesh({"data": 4, "model": 2}, device="cpu"))


def tile_arguments(state: State, axis: int, dim_of: Callable[[str], int | None]) -> None:
    rows = [
        (TILE, op, dim, axis) for name, op in state.problem.argument_ops.items() if (dim := dim_of(name)) is not None
    ]
    state.apply(state.steps(rows))


def batch_parallel(state: State) -> None:
    tile_arguments(state, BATCH, lambda name: 0 if name.startswith("batch") else None)


def megatron(state: State) -> None:
    dims = {"qkv": 2, "up": 1}
    tile_arguments(state, MODEL, lambda name: dims.get(name.split("/")[-1]) if name.startswith("params") else None)


def zero_2(state: State) -> None:
    problem = state.problem
    whole = [op for n, op in problem.argument_ops.items() if n.startswith("params") and len(problem.shape_of(op)) > 1]
    state.apply(state.steps([(ATOMIC, op, 0, BATCH) for op in whole]))

    def first(name: str) -> int | None:
        shape = problem.shape_of(problem.argument_ops[name])
        if not name.startswith("opt_state") or len(shape) < 2:
            return None
        taken = state.tiles_of_argument(name).get("model")
        return next((d for d, size in enumerate(shape) if size % (4 * (2 if taken == d else 1)) == 0), None)

    tile_arguments(state, BATCH, first)


@pytest.mark.parametrize(
    ("tactics", "counts"),
    [
        ((batch_parallel,), {"all_reduce": 9 * LAYERS + 2}),
        ((megatron,), {"all_reduce": 4 * LAYERS}),
        (
            (batch_parallel, megatron, zero_2),
            {"all_gather": 4 * LAYERS + 1, "all_reduce": 9 * LAYERS + 1, "reduce_scatter": 4 * LAYERS + 1},
        ),
    ],
    ids=["BP", "MP", "BP+MP+Z2"],
)
def test_the_published_figures(tactics: tuple[Callable[[State], None], ...], counts: dict[str, int]) -> None:
    state = State(t32_problem())
    for tactic in tactics:
        tactic(state)
    program = lower(state)
    assert {kind: n for kind, n in by_kind(program.collective_counts()).items() if n} == counts
    assert lowered_collectives(program) == program.collective_counts()
