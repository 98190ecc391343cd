"""Rules of a user's own: registered, or carried by a function under ``custom_partitioning``."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import jax
import jax.extend.core as jex
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.experimental.custom_partitioning import custom_partitioning
from jax.interpreters import mlir

import autopart
from autopart.costmodel.mesh import Mesh
from autopart.emit.lower import lower
from autopart.errors import RuleError
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.graph import Graph
from autopart.program.trace import trace
from autopart.sharding.rules.rule import Rule
from autopart.sharding.rules.table import rules_of
from tests.autopart.cases import MESHES, Subject, fault, normal, random_state


def primitive(name: str, function: Any) -> jex.Primitive:
    """A primitive of a user's own, that does what ``function`` does."""
    made = jex.Primitive(name)
    made.def_impl(function)

    def abstract(*avals: Any, **params: Any) -> Any:
        out = jax.eval_shape(lambda *xs: function(*xs, **params), *avals)
        return jax.core.ShapedArray(out.shape, out.dtype)

    made.def_abstract_eval(abstract)
    mlir.register_lowering(made, mlir.lower_fun(function, multiple_results=False))
    return made


PRODUCT = primitive("my_product", lambda x, y: jnp.tanh(x) @ y)
LARGEST = primitive("my_largest", lambda x: jnp.max(x, -1))
COUNTED = primitive("my_counted", lambda x, *, start: x + start + lax.broadcasted_iota(x.dtype, x.shape, 0))
SPREAD = primitive("my_spread", lambda x, *, size: jnp.broadcast_to(x[:, None], (x.shape[0], size)))


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    for name in ("my_product", "my_largest", "my_counted", "my_spread"):
        autopart.unregister_rule(name)


def only_rule(graph: Graph, name: str) -> Rule:
    [rule] = [rule for rule, op in zip(rules_of(graph), graph.ops, strict=True) if op.primitive == name]
    return rule


def product_program(x: Any, w: Any, v: Any) -> Any:
    return jnp.sum(PRODUCT.bind(jnp.sin(x), w @ v), axis=0), PRODUCT.bind(x @ w, v) + 1.0


def soak(graph: Graph, args: tuple[Any, ...], answer: Any, states: int) -> int:
    """Tries random states; returns how many tiled ops of the user's there were."""
    case = Subject(graph, args, answer)
    own = [op.index for op in graph.ops if op.primitive.startswith("my_") or op.primitive == "custom_partitioning"]
    tiled = 0
    for seed in range(states):
        rng = np.random.default_rng(seed)
        problem = Problem.of(graph, Mesh(MESHES[seed % len(MESHES)], device="cpu"))
        state = random_state(problem, rng, int(rng.integers(2, 16)))
        tiled += int((state.marks.tile[own] >= 0).sum())
        assert fault(state, case) == "", seed
    return tiled


def test_a_registered_product_partitions_with_its_sum() -> None:
    rng = np.random.default_rng(0)
    args = (normal(rng, 8, 16), normal(rng, 16, 8), normal(rng, 8, 16))
    graph = trace(product_program, *args)
    with autopart.register_rule(PRODUCT, "... i k, k j -> ... i j", reduction_factors=("k",)):
        rules = zip(rules_of(graph), graph.ops, strict=True)
        texts = [rule.text() for rule, op in rules if op.primitive == PRODUCT.name]
        assert texts == ["i k, k j -> i j; sum={k}"] * 2
        assert soak(graph, args, jax.jit(product_program)(*args), 12) > 10
    with pytest.warns(UserWarning, match=r"'my_product' \(first at .*test_register.py.*register_rule\('my_product'"):
        rules_of(graph)


def test_other_monoids() -> None:
    x = normal(np.random.default_rng(1), 8, 4, 16)
    graph = trace(lambda x: LARGEST.bind(x * 2), x)
    autopart.register_rule("my_largest", "... i -> ...", reduction_factors={"i": "max"})
    assert only_rule(graph, "my_largest").text().endswith("; max={i}")
    assert soak(graph, (x,), jnp.max(x * 2, -1), 12) > 5


def test_a_function_that_runs_on_tiles_knows_where_it_stands() -> None:
    def counted(tiles: autopart.Tiles, x: Any, *, start: float) -> Any:
        index = lax.axis_index(tiles.axes["rows"]) if tiles.axes["rows"] else 0
        return COUNTED.bind(x, start=start) + index * tiles.result_shapes[0][0]

    x = normal(np.random.default_rng(2), 16, 8)
    graph = trace(lambda x: COUNTED.bind(x @ x.T, start=3.0) * 2, x)
    autopart.register_rule(COUNTED, "rows columns -> rows columns", localise=counted)
    answer = (x @ x.T + 3.0 + jnp.arange(16.0)[:, None]) * 2
    assert soak(graph, (x,), answer, 12) > 5


def test_what_no_operand_has_needs_a_function_to_be_made_in_tiles() -> None:
    x = normal(np.random.default_rng(3), 8)
    graph = trace(lambda x: SPREAD.bind(x, size=16) * 2, x)
    with autopart.register_rule(SPREAD, "i -> i j"):
        assert only_rule(graph, "my_spread").text() == "i -> i _"
    autopart.register_rule(
        SPREAD, "i -> i j", localise=lambda tiles, x, size: SPREAD.bind(x, size=tiles.result_shapes[0][1])
    )
    assert only_rule(graph, "my_spread").text() == "i -> i j"
    assert soak(graph, (x,), jnp.broadcast_to(x[:, None], (8, 16)) * 2, 12) > 5


def test_a_result_that_is_no_tile_is_told() -> None:
    def wrong(tiles: autopart.Tiles, x: Any, size: int) -> Any:
        return SPREAD.bind(x, size=size)

    graph = trace(lambda x: SPREAD.bind(x, size=16), jax.ShapeDtypeStruct((8,), jnp.float32))
    autopart.register_rule(SPREAD, "i -> i j", localise=wrong)
    state = State(Problem.of(graph, Mesh({"a": 8}, device="cpu")))
    [op] = [op.index for op in graph.ops if op.primitive == "my_spread"]
    state.apply(state.steps([(0, op, 1, 0)]))
    case = Subject(graph, (jnp.ones(8),), jnp.ones((8, 16)))
    with pytest.raises(RuleError, match=r"'i -> i j' gives results of shapes \[\(8, 16\)\] .* \[\(8, 2\)\] were due"):
        fault(state, case)


@pytest.mark.parametrize(
    ("rule", "options", "message"),
    [
        ("i k, k j", {}, "one '->'"),
        ("i -> j -> k", {}, "one '->'"),
        ("(i j) k, k -> i", {}, "compound factor"),
        ("i ... -> i ...", {}, r"'\.\.\.' may only stand first"),
        ("1i -> i", {}, "'1' is no factor"),
        ("i k, k j -> i j", {"reduction_factors": ("m",)}, "no factor 'm' to reduce"),
        ("i k, k j -> i j", {"reduction_factors": ("i",)}, "no result may have it"),
        ("i k, k j -> i j", {"reduction_factors": {"k": "product"}}, "'product' of factor 'k' is none of sum, max"),
        ("i k l -> i", {"reduction_factors": {"k": "max", "l": "sum"}}, "combine in one way"),
        ("i k, k j -> i j", {"reduction_factors": "k"}, r"as a tuple, \('k',\)"),
        ("i k, k j -> i j", {"need_replication_factors": ("m",)}, "no factor 'm' to replicate"),
        (
            "i k, k j -> i j",
            {"reduction_factors": ("k",), "need_replication_factors": ("k",)},
            "both reduced and replicated",
        ),
    ],
)
def test_a_malformed_rule_is_refused(rule: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(RuleError, match=message):
        autopart.register_rule("my_product", rule, **options)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("i k -> i", "it has 1 operands and 1 results, the op has 2 and 1"),
        ("i k, k -> i k", "1 dimensions are named of an array of shape"),
        ("i k, j k -> i j", r"factor k has sizes 16 and 4"),
        ("i i, i j -> i j", "stands twice in one array"),
        ("... i k l, k j -> i j", "fewer than 3 dimensions"),
        ("... k, k j -> ... i j", r"'\.\.\.' stands for 1 dimensions and for 0"),
        ("... k, ... j -> k j", "factor of an ellipsis has sizes 8 and 16"),
    ],
)
def test_a_rule_that_does_not_fit_says_where(rule: str, message: str) -> None:
    graph = trace(lambda x, y: PRODUCT.bind(x, y), jnp.ones((8, 16)), jnp.ones((16, 4)))
    with (
        autopart.register_rule("my_product", rule),
        pytest.raises(RuleError, match=rf"does not fit 'my_product' .*\(8, 16\).*{message}.*test_register.py"),
    ):
        rules_of(graph)


def test_factors_that_are_lost_or_named_stay_whole() -> None:
    graph = trace(lambda x, y: PRODUCT.bind(x, y), jnp.ones((2, 8, 16)), jnp.ones((16, 4)))
    with autopart.register_rule("my_product", "... k, k j -> ... j", need_replication_factors=("j",)):
        assert only_rule(graph, "my_product").text() == "i l _, _ _ -> i l _"


def test_a_primitive_has_one_rule() -> None:
    autopart.register_rule("my_product", "i k, k j -> i j")
    with pytest.raises(RuleError, match=r"has the rule 'i k, k j -> i j'\. Fix: autopart\.unregister_rule"):
        autopart.register_rule(PRODUCT, "i k, k j -> i j")
    autopart.unregister_rule(PRODUCT)
    autopart.register_rule(PRODUCT, "i k, k j -> i j")
    with pytest.raises(RuleError, match="'add' is one of JAX's"):
        autopart.register_rule("add", "i, i -> i")


# Functions under JAX's custom_partitioning.


@custom_partitioning
def scaled_rows(x: Any, s: Any) -> Any:
    return jnp.cumsum(x, -1) * s[:, None]


def partition_rows(mesh: Any, arg_shapes: Any, result_shape: Any) -> Any:
    def local(x: Any, s: Any) -> Any:
        return jnp.cumsum(x, -1) * s[:, None]

    return mesh, local, result_shape.sharding, jax.tree.map(lambda a: a.sharding, arg_shapes)


scaled_rows.def_partition(partition_rows, sharding_rule="i j, i -> i j", need_replication_factors=("j",))


@custom_partitioning
def gathered(x: Any) -> Any:
    return x * 2


def partition_whole(mesh: Any, arg_shapes: Any, result_shape: Any) -> Any:
    whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    return mesh, lambda x: x * 2, whole, (whole,)


gathered.def_partition(partition_whole, sharding_rule="i j -> i j")


@custom_partitioning
def asking(x: Any) -> Any:
    return x * 2


asking.def_partition(partition_whole, sharding_rule=lambda *args: "i j -> i j")


@custom_partitioning
def contracted(x: Any, y: Any) -> Any:
    return jnp.einsum("bik,kj->bij", x, y)


contracted.def_partition(partition_whole, sharding_rule="... k, k j -> ... j", reduction_factors=("k",))


def test_a_carried_rule_is_read_and_its_callback_run() -> None:
    def program(x: Any, s: Any, w: Any) -> Any:
        return scaled_rows(x @ w, jnp.sin(s)) @ w.T

    rng = np.random.default_rng(4)
    args = (normal(rng, 8, 16), normal(rng, 8), normal(rng, 16, 8))
    graph = trace(program, *args)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert only_rule(graph, "custom_partitioning").text() == "i _, i -> i _"
    want = (jnp.cumsum(args[0] @ args[2], -1) * jnp.sin(args[1])[:, None]) @ args[2].T
    assert soak(graph, args, want, 9) > 5


def test_what_a_callback_reduces_itself_stays_whole() -> None:
    graph = trace(contracted, jnp.ones((2, 8, 16)), jnp.ones((16, 4)))
    assert only_rule(graph, "custom_partitioning").text() == "i l _, _ j -> i l j"


def test_a_callback_that_asks_for_another_layout_is_told() -> None:
    graph = trace(gathered, jnp.ones((8, 16)))
    state = State(Problem.of(graph, Mesh({"a": 8}, device="cpu")))
    [op] = [op.index for op in graph.ops if op.primitive == "custom_partitioning"]
    state.apply(state.steps([(0, op, 0, 0)]))
    with pytest.raises(RuleError, match=r"partition callback .* asks for NamedSharding"):
        fault(state, Subject(graph, (jnp.ones((8, 16)),), jnp.full((8, 16), 2.0)))


def test_a_rule_that_cannot_be_read_keeps_the_function_whole_with_a_warning() -> None:
    x = normal(np.random.default_rng(5), 8, 16)
    graph = trace(lambda x: asking(x @ x.T) + 1, x)
    with pytest.warns(UserWarning, match="'custom_partitioning' .* sharding_rule as text"):
        state = State(Problem.of(graph, Mesh({"a": 4, "b": 2}, device="cpu")))
    state.apply(state.steps([(0, 0, 0, 0)]))
    assert fault(state, Subject(graph, (x,), (x @ x.T) * 2 + 1)) == ""
    assert lower(state).collective_counts()
