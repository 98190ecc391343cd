"""Groups and roles: found in the dataflow, whatever the arguments are called."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from autopart.partitioning.argument_groups import (
    INPUT,
    MOMENT,
    PARAMETER,
    STATE,
    argument_roles,
    groups_of,
    split_groups,
)
from autopart.program.graph import Graph
from autopart.program.trace import trace
from tests.autopart.tiny import array, layers_of_squares, tiny, tiny_graph


def roles(graph: Graph) -> dict[str, str]:
    return {name: role for name, (role, _) in argument_roles(graph).items()}


def test_roles_of_t32() -> None:
    for name, role in roles(tiny_graph("t32")).items():
        wanted = {"params": PARAMETER, "opt_state": MOMENT, "batch": INPUT}[name.partition("/")[0]]
        assert role == (STATE if name.endswith("count") else wanted), name


def test_a_moment_mirrors_its_own_parameter() -> None:
    for name, (role, mirrored) in argument_roles(tiny_graph("t32")).items():
        if role == MOMENT:
            assert name.partition("u/")[2] == mirrored.removeprefix("params/")


def test_repeated_layers_are_one_group_and_moments_another() -> None:
    groups = {group.pattern: group for group in tiny("t32").groups}
    up = groups["params/layers/*/mlp/up"]
    assert (up.names, up.shape, up.role) == (
        ("params/layers/0/mlp/up", "params/layers/1/mlp/up"), (64, 256), PARAMETER,
    )  # fmt: skip
    assert len(groups["opt_state/0/*/layers/*/mlp/up"].names) == 4
    assert groups["batch/tokens"].role == INPUT


def test_groups_part_all_arguments_that_have_dimensions() -> None:
    for model in ("t32", "mlp"):
        graph = tiny_graph(model)
        names = [name for group in groups_of(graph) for name in group.names]
        assert len(names) == len(set(names))
        assert set(names) == {a.name for a in graph.arguments if graph.values[a.value].shape}


def adam(theta: Any, first: Any, second: Any, data: Any) -> Any:
    """Adam by hand, with L2 in the gradient: moments at the top level, under names of their own."""

    def loss(theta: Any) -> Any:
        return jnp.mean((jnp.tanh(data @ theta["a"]) @ theta["b"]) ** 2)

    gradients = jax.tree.map(lambda g, p: g + 0.1 * p, jax.grad(loss)(theta), theta)
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
    second = jax.tree.map(lambda v, g: 0.9 * v + 0.1 * g * g, second, gradients)
    theta = jax.tree.map(lambda p, m, v: p - m / (jnp.sqrt(v) + 1e-8), theta, first, second)
    return theta, first, second


THETA = {"a": array(16, 32), "b": array(32, 16)}


def test_roles_do_not_need_our_names_or_depth() -> None:
    graph = trace(adam, THETA, THETA, THETA, array(8, 16), donate_argnums=(0, 1, 2))
    assert roles(graph) == {
        "theta/a": PARAMETER, "theta/b": PARAMETER, "first/a": MOMENT, "first/b": MOMENT, "second/a": MOMENT,
        "second/b": MOMENT, "data": INPUT,
    }  # fmt: skip
    assert argument_roles(graph)["second/b"] == (MOMENT, "theta/b")


def test_one_argument_may_hold_the_whole_state() -> None:
    def step(state: Any, data: Any) -> Any:
        theta, first, second = adam(state["p"], state["m"], state["v"], data)
        return {"p": theta, "m": first, "v": second, "count": state["count"] + 1}

    state = {"p": THETA, "m": THETA, "v": THETA, "count": array(dtype="int32")}
    found = roles(trace(step, state, array(8, 16), donate_argnums=(0,)))
    assert found["state/p/a"] == PARAMETER
    assert found["state/m/a"] == found["state/v/b"] == MOMENT
    assert found["state/count"] == STATE
    assert found["data"] == INPUT


def test_twins_are_no_moments_of_each_other() -> None:
    def step(towers: Any, data: Any) -> Any:
        def loss(towers: Any) -> Any:
            return jnp.mean((data @ towers["left"]["w"]) * (data @ towers["right"]["w"]))

        return jax.tree.map(lambda p, g: p - g, towers, jax.grad(loss)(towers))

    towers = {"left": {"w": array(16, 16)}, "right": {"w": array(16, 16)}}
    found = roles(trace(step, towers, array(8, 16), donate_argnums=(0,)))
    assert found == {"towers/left/w": PARAMETER, "towers/right/w": PARAMETER, "data": INPUT}


def test_a_norm_of_the_moments_does_not_make_them_parameters() -> None:
    def step(theta: Any, momentum: Any, data: Any) -> Any:
        gradient = jax.grad(lambda w: jnp.mean(jnp.tanh(data @ w)))(theta)
        momentum = 0.9 * momentum + gradient
        return theta - momentum / (1.0 + jnp.sqrt(jnp.sum(momentum * momentum))), momentum

    found = roles(trace(step, array(16, 32), array(16, 32), array(8, 16), donate_argnums=(0, 1)))
    assert found == {"theta": PARAMETER, "momentum": MOMENT, "data": INPUT}


def test_inference_has_parameters_first() -> None:
    graph = trace(layers_of_squares(2), [array(16, 16)] * 2, array(8, 16))
    assert roles(graph) == {"stack/0": PARAMETER, "stack/1": PARAMETER, "data": INPUT}


def test_a_function_of_one_argument_has_inputs() -> None:
    assert roles(trace(lambda x: jnp.tanh(x), array(8, 16))) == {"x": INPUT}


def test_constants_are_no_parameters_and_in_no_group() -> None:
    held = jnp.ones((16, 16))
    graph = trace(lambda x: x @ held, array(8, 16))
    assert roles(graph)["x"] == INPUT
    assert [group.pattern for group in groups_of(graph)] == ["x"]


def test_a_cache_is_state() -> None:
    def decode(weights: Any, cache: Any, token: Any, place: Any) -> Any:
        cache = jax.lax.dynamic_update_slice(cache, (token @ weights["k"])[:, None], (0, place, 0))
        mixed = jnp.einsum("bd,bsd->bd", token, cache)
        return mixed @ weights["o"], cache

    weights = {"k": array(16, 16), "o": array(16, 16)}
    args = (weights, array(8, 4, 16), array(8, 16), array(dtype="int32"))
    found = roles(trace(decode, *args, donate_argnums=(1,)))
    assert found == {
        "weights/k": PARAMETER, "weights/o": PARAMETER, "cache": STATE, "token": INPUT, "place": INPUT,
    }  # fmt: skip


@pytest.mark.parametrize(
    "stack", [(array(16, 16), array(16, 16)), {"one": array(16, 16), "two": array(16, 16)}], ids=["tuple", "dict"]
)
def test_trees_of_any_kind(stack: Any) -> None:
    def network(stack: Any, data: Any) -> Any:
        for leaf in jax.tree.leaves(stack):
            data = jnp.tanh(data @ leaf)
        return data

    patterns = [group.pattern for group in groups_of(trace(network, stack, array(8, 16)))]
    assert patterns == (["stack/*", "data"] if isinstance(stack, tuple) else ["stack/one", "stack/two", "data"])


def test_layers_of_two_depths_are_tied_exactly() -> None:
    tower = {"deep": [{"w": array(16, 16)}] * 3, "flat": [{"w": array(16, 16)}] * 2}

    def network(towers: Any, data: Any) -> Any:
        for leaf in jax.tree.leaves(towers):
            data = jnp.tanh(data @ leaf)
        return data

    towers = [tower, {"deep": [{"w": array(16, 16)}] * 2, "flat": [{"w": array(16, 16)}] * 2}]
    found = {group.pattern: len(group.names) for group in groups_of(trace(network, towers, array(8, 16)))}
    assert found == {"towers/*/deep/*/w": 5, "towers/*/flat/*/w": 4, "data": 1}


def test_split_groups() -> None:
    names = list(tiny("t32").argument_ops)
    whole = tiny("t32").groups
    assert split_groups(whole, names, lambda name: 0) == whole
    parted = {g.pattern: g for g in split_groups(whole, names, lambda name: "layers/0/" in name)}
    assert parted["params/layers/0/mlp/up"].names == ("params/layers/0/mlp/up",)
    assert parted["params/layers/1/mlp/up"].role == PARAMETER
    assert parted["opt_state/0/*/layers/0/mlp/up"].shape == (64, 256)
    assert sum(len(g.names) for g in parted.values()) == sum(len(g.names) for g in whole)
