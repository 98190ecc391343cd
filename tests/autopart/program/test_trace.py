"""From a JAX function to a flat graph: names, carried state, inlining, generators, barriers, effects, identity."""

from __future__ import annotations

import cProfile
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.experimental import io_callback
from jax.experimental import pallas as pl

from autopart.benchmarks.models import t32
from autopart.costmodel.mesh import Mesh
from autopart.emit.localise import bind
from autopart.emit.lower import lower
from autopart.emit.spmd import spmd
from autopart.errors import TraceError
from autopart.partitioning.jax_mesh import abstract_mesh
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.canonical import params_text
from autopart.program.graph import ARGUMENT, Graph, Literal
from autopart.program.trace import trace
from tests.autopart.cases import CASES, Subject, difference, fault, normal, problem_on, random_state, run, subject

ROOT = Path(__file__).resolve().parents[3]


def array(*shape: int, dtype: Any = jnp.float32) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)


def primitives(graph: Graph) -> list[str]:
    return [op.primitive for op in graph.ops if op.primitive != ARGUMENT]


def evaluate(graph: Graph, *args: Any) -> Any:
    """Runs the graph op by op."""
    flat = [*jax.tree.leaves(args), *[a.constant for a in graph.arguments if a.constant is not None]]
    env: dict[int, Any] = {a.value: x for a, x in zip(graph.arguments, flat, strict=True)}
    for op in graph.ops:
        if op.primitive == ARGUMENT:
            continue
        operands = [np.asarray(o.value, o.dtype) if isinstance(o, Literal) else env[o] for o in op.operands]
        results = operands if op.barrier >= 0 else bind(op, operands, op.params)
        env.update(zip(op.results, results, strict=True))
    return jax.tree.unflatten(graph.out_tree, [env[o.value] for o in graph.outputs])


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_graph_does_what_the_function_does(name: str) -> None:
    case = subject(name)
    assert difference(evaluate(case.graph, *case.args), case.answer, case.args) == ""


def test_arguments_and_outputs_are_named_by_their_tree_paths() -> None:
    def step(params: Any, batch: Any) -> Any:
        x = batch["x"] @ params["layers"][0]["mlp"]["up"]
        return {"layers": [{"mlp": {"up": params["layers"][0]["mlp"]["up"] * 2.0}}]}, x.sum()

    graph = trace(step, {"layers": [{"mlp": {"up": array(4, 4)}}]}, {"x": array(8, 4)}, donate_argnums=(0,))
    assert [a.name for a in graph.arguments] == ["params/layers/0/mlp/up", "batch/x"]
    assert [(o.name, o.carried) for o in graph.outputs] == [("params/layers/0/mlp/up", 0), ("out/1", -1)]
    assert [a.donated for a in graph.arguments] == [True, False]


def test_names_are_unique_even_where_paths_are_not() -> None:
    graph = trace(lambda d: d["a"]["b"] + d["a/b"], {"a": {"b": array(2)}, "a/b": array(2)})
    assert [a.name for a in graph.arguments] == ["d/a/b", "d/a/b#2"]


def test_arguments_without_a_name_of_their_own_are_numbered() -> None:
    graph = trace(lambda *xs: xs[0] + xs[1], array(2), array(2))
    assert [a.name for a in graph.arguments] == ["arg0", "arg1"]


class Moments(NamedTuple):
    mu: Any
    nu: Any


@pytest.mark.parametrize(
    ("fn", "args", "donated", "carried"),
    [
        # The whole result is the donated argument.
        (lambda d: {"a": d["a"] + 1, "b": d["b"]}, ({"a": array(4), "b": array(4)},), (0,), [0, 1]),
        (lambda m: Moments(m.mu + 1, m.nu * 2), (Moments(array(4), array(4)),), (0,), [0, 1]),
        # One result of several, in another order.
        (lambda p, s: (s["s"].sum(), s, p), ({"p": array(4)}, {"s": array(4)}), (0, 1), [-1, 1, 0]),
        (lambda c, t: (c @ t, c.at[0].set(t)), (array(4, 8), array(8)), (0,), [-1, 0]),
        # Not donated, of another shape or dtype: not carried.
        (lambda p: p + 1, (array(4),), (), [-1]),
        (lambda p: p[:2], (array(4),), (0,), [-1]),
        (lambda p: p.astype(jnp.bfloat16), (array(4),), (0,), [-1]),
        # Part of a donated argument comes back under its own path.
        (lambda d: ({"a": d["a"] + d["key"]},), ({"a": array(4), "key": array(4)},), (0,), [0]),
    ],
)
def test_carried_outputs(fn: Callable[..., Any], args: Any, donated: tuple[int, ...], carried: list[int]) -> None:
    assert [o.carried for o in trace(fn, *args, donate_argnums=donated).outputs] == carried


def test_an_argument_is_carried_at_most_once() -> None:
    graph = trace(lambda p: (p + 1, p + 2), array(4), donate_argnums=(0,))
    assert [o.carried for o in graph.outputs] == [0, -1]


def test_the_train_step_carries_all_parameters_and_moments() -> None:
    step = t32.step("tiny")
    graph = trace(step.fn, *step.args, donate_argnums=step.donate_argnums)
    carried = [o for o in graph.outputs if o.carried >= 0]
    assert len(carried) == len(graph.outputs) - 1
    assert all(o.name == graph.arguments[o.carried].name for o in carried)


@jax.custom_vjp
def twice(x: Any) -> Any:
    return 2.0 * jnp.sin(x)


twice.defvjp(lambda x: (twice(x), x), lambda x, g: (2.0 * g * jnp.cos(x),))


def test_nested_calls_are_inlined() -> None:
    inner = jax.jit(lambda x: jax.nn.silu(jax.nn.relu(x)))
    graph = trace(lambda x: jax.jit(lambda y: inner(y) + twice(y))(x) + jax.checkpoint(jnp.sin)(x), array(4))
    assert not {"jit", "pjit", "custom_jvp_call", "custom_vjp_call", "remat2"} & set(primitives(graph))
    x = normal(np.random.default_rng(0), 4)
    want = jax.nn.silu(jax.nn.relu(x)) + twice(x) + jnp.sin(x)
    np.testing.assert_allclose(evaluate(graph, x), want, rtol=1e-6)


def test_a_recomputed_layer_is_kept_apart_by_one_joint_barrier() -> None:
    def loss(w: Any, x: Any) -> Any:
        return jax.checkpoint(lambda w, x: jnp.sin(jnp.sin(x @ w)))(w, x).sum()

    args = (array(8, 8), array(16, 8))
    graph = trace(jax.grad(loss), *args)
    barriers = [op for op in graph.ops if op.barrier >= 0]
    assert len({op.barrier for op in barriers}) == 1
    assert len(barriers) >= 2  # The weight and the input at least.
    state = State(Problem.of(graph, Mesh({"a": 4}, "cpu")))
    step = jax.jit(spmd(lower(state), abstract_mesh(state.problem.mesh)))
    text = step.trace(*args).lower(lowering_platforms=("cpu",)).as_text()
    assert text.count("optimization_barrier") == 1
    after = text[text.index("optimization_barrier") :]
    assert "stablehlo.dot_general" in after  # What is recomputed stands behind the barrier.
    assert "stablehlo.sine" in after


def test_remat_that_is_not_differentiated_or_may_be_merged_needs_no_barrier() -> None:
    layer = jax.checkpoint(lambda x: jnp.sin(x @ x), prevent_cse=False)
    assert "optimization_barrier" not in primitives(trace(jax.grad(lambda x: layer(x).sum()), array(4, 4)))
    assert "optimization_barrier" not in primitives(trace(jax.checkpoint(jnp.sin), array(4)))


def test_dead_code_and_dead_constants_are_gone() -> None:
    held = jnp.arange(4.0)
    graph = trace(lambda x: (x * 2, jnp.cos(x) + held)[0], array(4))
    assert primitives(graph) == ["mul"]
    assert [a.name for a in graph.arguments] == ["x"]


def test_generators_are_made_anew_for_each_use() -> None:
    def fn(x: Any, s: Any) -> Any:
        rows = lax.broadcasted_iota(jnp.float32, (4, 4), 0)
        filled = jnp.broadcast_to(s, (4, 4))
        return x + rows, x * rows, x - filled, x / filled

    graph = trace(fn, array(4, 4), array())
    made = primitives(graph)
    assert made.count("iota") == 2
    assert made.count("broadcast_in_dim") == 2
    for op in graph.ops:
        if op.primitive in ("iota", "broadcast_in_dim"):
            assert sum(op.results[0] in other.operands for other in graph.ops) == 1


def test_closed_over_constants_come_last_and_once() -> None:
    held = jnp.arange(16.0).reshape(4, 4)
    scalar = jnp.float32(3.0)
    inner = jax.jit(lambda x: x @ held)
    graph = trace(lambda x: inner(x @ held) * scalar, array(4, 4))
    assert [a.name for a in graph.arguments] == ["x", "constants/0"]
    assert graph.arguments[1].constant is not None
    x = normal(np.random.default_rng(0), 4, 4)
    np.testing.assert_allclose(evaluate(graph, x), x @ held @ held * scalar, rtol=1e-5)


def odd_outputs(x: Any) -> Any:
    y = x * 2
    return {"literal": 3.0, "again": (y, y), "argument": x, "twice": x, "zeros": jnp.zeros(4), "none": None}


def test_every_output_is_a_value_of_its_own() -> None:
    graph = trace(odd_outputs, array(4))
    values = [o.value for o in graph.outputs]
    assert len(set(values)) == len(values)
    assert all(graph.ops[graph.values[v].producer].primitive != ARGUMENT for v in values)
    x = normal(np.random.default_rng(0), 4)
    got, want = evaluate(graph, x), jax.jit(odd_outputs)(x)
    assert difference(got, want) == ""


def test_casts_of_literals_are_folded() -> None:
    graph = trace(lambda x: jnp.pad(x, 1), array(4))
    assert primitives(graph) == ["pad"]


def test_python_numbers_stay_weakly_typed() -> None:
    def scale(s: Any, x: Any) -> Any:
        return x * s

    x = jnp.ones(4, jnp.bfloat16)
    graph = trace(scale, 2.0, x)
    assert graph.values[graph.outputs[0].value].dtype == jax.jit(scale)(2.0, x).dtype == jnp.bfloat16


def test_source_lines_point_at_the_user() -> None:
    graph = trace(lambda x: jnp.cos(x) + 1, array(4))
    cosine = next(op for op in graph.ops if op.primitive == "cos")
    assert re.search(r"test_trace\.py:\d+", graph.source_line(cosine))
    assert graph.source_line(graph.ops[0]) == ""


def test_source_lines_inside_of_jax_point_at_the_call() -> None:
    graph = trace(lambda key: jax.random.normal(key, (4,)), jax.random.key(0))
    assert all("test_trace.py" in graph.source_line(op) for op in graph.ops if op.primitive != ARGUMENT)


def test_to_networkx_has_ops_as_nodes_and_values_as_edges() -> None:
    graph = trace(lambda x, w: jnp.tanh(x @ w) @ w, array(2, 4), array(4, 4))
    drawn = graph.to_networkx()
    assert [drawn.nodes[n]["label"] for n in drawn] == ["x", "w", "dot_general", "tanh", "dot_general"]
    assert sorted((a, b, e["operand"]) for a, b, e in drawn.edges(data=True)) == [
        (0, 2, 0), (1, 2, 1), (1, 4, 1), (2, 3, 0), (3, 4, 0),
    ]  # fmt: skip
    assert drawn.edges[0, 2, 0]["shape"] == (2, 4)


# What cannot be traced.


def failing(x: Any) -> Any:
    return x @ jnp.ones((3, 3))


@pytest.mark.parametrize(
    ("fn", "args", "donate", "message"),
    [
        (failing, (array(4, 4),), (), r"cannot trace failing: .*\n(.*\n)*Fix: "),
        (lambda x: x, (array(4),), (1,), r"donate_argnums \[1\] out of range: .* 1 arguments"),
        (lambda x: x, (array(4),), (-2,), r"donate_argnums \[-2\] out of range"),
        (lambda x: x["a"], ({"a": "text"},), (), "argument 'x/a' is 'text' of type str, which is not an array"),
        (lambda x: x, (object(),), (), "argument 'x' .* which is not an array"),
        (
            lambda x: io_callback(np.asarray, array(4), x),
            (array(4),),
            (),
            "'io_callback' at .*test_trace.py.* side effect",
        ),
        (lambda x: "text", (array(4),), (), "cannot trace"),
    ],
)
def test_what_cannot_be_traced_says_why(
    fn: Callable[..., Any], args: tuple[Any, ...], donate: tuple[int, ...], message: str
) -> None:
    with pytest.raises(TraceError, match=message):
        trace(fn, *args, donate_argnums=donate)


def test_references_are_refused() -> None:
    def fn(x: Any) -> Any:
        held = jax.new_ref(x)
        held[...] = x * 2
        return held[...]

    with pytest.raises(TraceError, match="side effect"):
        trace(fn, array(8))


# What is left out, and what is kept whole.


def hand_made_mesh() -> Any:
    return jax.make_mesh((4, 2), ("z", "y"), axis_types=(jax.sharding.AxisType.Auto,) * 2)


def by_hand(check_vma: bool) -> Callable[..., Any]:
    """A function that is partitioned by hand, with every kind of collective, in a loop too."""
    spec: Any = jax.sharding.PartitionSpec

    def body(x: Any, w: Any) -> Any:
        y = lax.psum(x @ w, "z")
        turned = lax.ppermute(x, "z", [(k, (k + 1) % 4) for k in range(4)]) * (1 + lax.axis_index("z"))
        scattered = lax.psum_scatter(y, "y", scatter_dimension=0, tiled=True)
        swapped = lax.all_to_all(x, "y", 0, 1, tiled=True)
        whole = lax.psum(jnp.sum(lax.all_gather(x, "y", axis=0, tiled=True) ** 2), ("z", "y"))

        def row(carry: Any, r: Any) -> tuple[Any, None]:
            return carry + lax.psum(jax.nn.relu(r), "z"), None

        start = jnp.zeros(w.shape[1])
        start = lax.pcast(start, ("y",), to="varying") if check_vma else start
        return y, turned, scattered, swapped, whole, lax.psum(lax.scan(row, start, y)[0], "y"), lax.pmax(x, "y")

    def fn(x: Any, w: Any) -> Any:
        mapped = jax.shard_map(
            body, mesh=hand_made_mesh(), in_specs=(spec("y", "z"), spec("z")), check_vma=check_vma,
            out_specs=(spec("y"), spec("y", "z"), spec("y"), spec("y", "z"), spec(), spec(), spec(None, "z")),
        )  # fmt: skip
        return mapped(x * 2, w)

    return fn


@pytest.mark.parametrize("check_vma", [True, False])
def test_what_is_partitioned_by_hand_is_taken_whole_with_a_warning(check_vma: bool) -> None:
    rng = np.random.default_rng(0)
    args = normal(rng, 8, 16), normal(rng, 16, 4)
    with pytest.warns(UserWarning, match=r"'shard_map' \(first at .*test_trace.py.*by hand"):
        graph = trace(by_hand(check_vma), *args)
    assert not {"shard_map", "psum", "psum_invariant", "ppermute", "axis_index"} & set(primitives(graph))
    case = Subject(graph, args, jax.device_get(jax.jit(by_hand(check_vma))(*args)))
    for seed in range(6):
        state = random_state(problem_on(graph, {"a": 4, "b": 2}), np.random.default_rng(seed), 6)
        assert fault(state, case) == "", seed


def test_a_hand_partitioned_body_that_cannot_be_mapped_is_refused() -> None:
    spec: Any = jax.sharding.PartitionSpec

    def body(x: Any) -> Any:
        return io_callback(np.asarray, x, x)

    mapped = jax.shard_map(
        body, mesh=hand_made_mesh(), in_specs=spec("z"), out_specs=spec("z"), check_vma=False
    )  # fmt: skip
    with pytest.raises(TraceError, match=r"side effect|cannot be mapped"):
        trace(mapped, array(8))


def doubled_kernel(x_ref: Any, o_ref: Any) -> None:
    o_ref[...] = x_ref[...] * 2


def test_a_hand_written_kernel_is_kept_whole_with_a_warning() -> None:
    def fn(x: Any, w: Any) -> Any:
        double = pl.pallas_call(doubled_kernel, out_shape=jax.ShapeDtypeStruct((8, 8), x.dtype), interpret=True)
        return double(x @ w) @ w

    rng = np.random.default_rng(0)
    args = normal(rng, 8, 8), normal(rng, 8, 8)
    graph = trace(fn, *args)
    with pytest.warns(UserWarning, match="'pallas_call' .*hand-written kernel"):
        state = State(Problem.of(graph, Mesh({"a": 4, "b": 2}, device="cpu")))
    state.apply(state.steps([(0, 0, 0, 0), (0, 1, 1, 1)]))
    assert fault(state, Subject(graph, args, jax.jit(fn)(*args))) == ""


def test_debug_prints_are_left_out_with_one_warning_each() -> None:
    def fn(x: Any) -> Any:
        for _ in range(2):
            jax.debug.print("x {}", x)
            jax.debug.callback(print, x)
        return x * 2

    with pytest.warns(UserWarning, match="left out") as caught:
        graph = trace(fn, array(4))
    assert [str(w.message).split()[0] for w in caught] == ["'debug_print'", "'debug_callback'"]
    assert primitives(graph) == ["mul"]


def test_sharding_constraints_are_left_out() -> None:
    mesh = jax.make_mesh((8,), ("z",), axis_types=(jax.sharding.AxisType.Auto,))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("z"))
    with pytest.warns(UserWarning, match="'sharding_constraint'"):
        graph = trace(lambda x: lax.with_sharding_constraint(x * 2, sharding) + 1, array(8))
    assert primitives(graph) == ["mul", "add"]


KEYS = jax.random.split(jax.random.key(1), 8)
WHOLE: dict[str, tuple[Callable[..., Any], tuple[Any, ...], str]] = {
    "key of another generator": (
        lambda k, x: jax.random.normal(k, (8, 8)) @ x, (jax.random.key(0, impl="rbg"), jnp.ones((8, 8))), "random_bits",
    ),
    "rejection": (
        lambda k, x: jax.random.gamma(k, 1.0 + x * x) @ x, (jax.random.key(0), jnp.ones((8, 8))), "random_gamma",
    ),
    "pure callback": (
        lambda x: jax.pure_callback(lambda a: np.asarray(a) * 2, array(8, 8), x @ x) @ x,
        (jnp.ones((8, 8)),),
        "pure_callback",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_what_has_no_rule_is_kept_whole_with_the_right_answer(name: str) -> None:
    fn, args, primitive = WHOLE[name]
    graph = trace(fn, *args)
    with pytest.warns(UserWarning, match=f"no sharding rule for primitive '({primitive})'") as caught:
        problem = Problem.of(graph, Mesh({"a": 4, "b": 2}, device="cpu"))
    named = [str(w.message).split("'")[1] for w in caught]
    assert len(set(named)) == len(named)
    state = State(problem)
    for argument in graph.arguments:
        op = graph.values[argument.value].producer
        if graph.values[argument.value].shape == (8, 8):
            state.apply(state.steps([(0, op, 0, 0)]))
            break
    want = jax.jit(fn)(*args)
    assert difference(run(lower(state), args), want) == ""


DRAWS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "typed key": (lambda k, x: jax.random.normal(k, (8, 8)) @ x, (jax.random.key(0), jnp.ones((8, 8)))),
    "keys": (
        lambda ks, x: (jax.vmap(lambda k, r: jax.random.uniform(k, (8,)) + r)(ks, x @ x), ks),
        (KEYS, jnp.ones((8, 8))),
    ),
    "raw key": (lambda k, x: jax.random.uniform(k, (8, 8)) @ x, (jax.random.PRNGKey(0), jnp.ones((8, 8)))),
    "closed-over key": (lambda x: jax.random.bernoulli(KEYS[0], 0.5, (8, 8)) * x, (jnp.ones((8, 8)),)),
}


@pytest.mark.parametrize("name", sorted(DRAWS))
def test_random_numbers_are_counted_and_hashed_so_that_they_partition(name: str) -> None:
    fn, args = DRAWS[name]
    graph = trace(fn, *args)
    assert "random_bits" not in primitives(graph)
    state = State(Problem.of(graph, Mesh({"a": 4, "b": 2}, device="cpu")))
    [op] = [op for op in graph.ops if op.primitive == "threefry2x32"]
    state.apply(state.steps([(0, op.index, 0, 0), (0, op.index, 1, 1)]))
    assert lower(state).local_shape(op, 0) == (2, 4)
    assert difference(run(lower(state), args), jax.jit(fn)(*args)) == ""


# Identity.


def fingerprint_of(fn: Callable[..., Any], *args: Any, donate: tuple[int, ...] = ()) -> str:
    return trace(fn, *args, donate_argnums=donate).fingerprint()


def test_equal_programs_have_equal_fingerprints() -> None:
    def layer(x: Any) -> Any:
        return lax.scan(lambda c, r: (jnp.tanh(c + r), None), x[0], x)[0]

    def same(x: Any) -> Any:
        return lax.scan(lambda carry, row: (jnp.tanh(carry + row), None), x[0], x)[0]

    assert fingerprint_of(layer, array(4, 4)) == fingerprint_of(same, array(4, 4))


SQUARE = array(4, 4)
VARIANTS: list[tuple[Callable[..., Any], tuple[Any, ...], tuple[int, ...]]] = [
    (lambda x: x @ x, (SQUARE,), ()),
    (lambda x: x @ x, (SQUARE,), (0,)),
    (lambda x: x @ x.T, (SQUARE,), ()),
    (lambda x: jnp.einsum("ij,kj->ik", x, x), (SQUARE,), ()),
    (lambda x: x @ x, (array(4, 4, dtype=jnp.bfloat16),), ()),
    (lambda y: y @ y, (SQUARE,), ()),
    (lambda x: jnp.sum(x, 0), (SQUARE,), ()),
    (lambda x: jnp.sum(x, 1), (SQUARE,), ()),
    (lambda x: jnp.cumsum(x, 0), (SQUARE,), ()),
    (lambda x: jnp.cumsum(x, 1), (SQUARE,), ()),
    (lambda x: x.reshape(2, 8), (SQUARE,), ()),
    (lambda x: x.reshape(8, 2), (SQUARE,), ()),
    (lambda x: x * 2.0, (SQUARE,), ()),
    (lambda x: x * 3.0, (SQUARE,), ()),
    (lambda x: x + jnp.arange(4.0), (SQUARE,), ()),
    (lambda x: x + np.arange(4.0, dtype=np.float32), (SQUARE,), ()),
    (lambda x: x + np.arange(1.0, 5.0, dtype=np.float32), (SQUARE,), ()),
    (lambda x: lax.scan(lambda c, r: (c + r, None), x[0], x)[0], (SQUARE,), ()),
    (lambda x: lax.scan(lambda c, r: (c - r, None), x[0], x)[0], (SQUARE,), ()),
    (lambda x: lax.scan(lambda c, r: (c + r, None), x[0], x, reverse=True)[0], (SQUARE,), ()),
    (lambda x: x.at[jnp.array([0, 1])].get(mode="clip"), (SQUARE,), ()),
    (lambda x: x.at[jnp.array([0, 1])].get(mode="fill"), (SQUARE,), ()),
    (lambda x: lax.slice(x, (0, 0), (2, 4)), (SQUARE,), ()),
    (lambda x: lax.slice(x, (1, 0), (3, 4)), (SQUARE,), ()),
]


def test_different_programs_have_different_fingerprints() -> None:
    found = [fingerprint_of(fn, *args, donate=donate) for fn, args, donate in VARIANTS]
    assert len(set(found)) == len(found)


CODE = """
import jax, jax.numpy as jnp
from jax import lax
from autopart.program.trace import trace
def fn(x):
    y = lax.reduce(x, jnp.float32(0), lambda a, b: a * b, (0,))
    z = lax.scan(lambda c, r: (jax.nn.relu(c + r), None), y, x)[0]
    return x.at[jnp.array([0, 1])].add(z) + jnp.arange(4.0), jax.random.normal(jax.random.key(1), (4,))
print(trace(fn, jax.ShapeDtypeStruct((4, 4), jnp.float32)).fingerprint())
"""


def test_fingerprints_are_equal_in_every_process() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", CODE], cwd=ROOT, env={"PYTHONHASHSEED": seed, "JAX_PLATFORMS": "cpu", "PATH": ""},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1
    assert re.fullmatch(r"[0-9a-f]{32}\n", found.pop())


def test_parameters_are_written_without_addresses() -> None:
    graph = trace(lambda x: lax.reduce(x, np.float32(0), lambda a, b: a * b, (0,)), array(4, 4))
    for op in graph.ops:
        assert not re.search(r"0x[0-9a-f]{5,}", params_text(op.params))


def test_a_fingerprint_takes_work_in_proportion_to_the_program() -> None:
    def calls(layers: int) -> float:
        """Calls of functions for each op; that, and no time, is the same on every machine."""
        step = t32.step(layers=layers)
        graph = trace(step.fn, *step.args, donate_argnums=step.donate_argnums)
        profile = cProfile.Profile()
        profile.runcall(graph.fingerprint)
        return sum(entry.callcount for entry in profile.getstats()) / len(graph.ops)

    assert calls(32) < 1.2 * calls(4)


def test_problems_of_cases_warn_of_nothing_that_has_a_rule() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("dense", "attention", "writes", "pieces"):
            assert problem_on(subject(name).graph, {"a": 8}).rules
