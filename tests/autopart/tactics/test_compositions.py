"""Recipes: found by structure in models and in functions written by hand."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from autopart.benchmarks.schedules import EXPERTS
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.tactics.compositions import DATA_PARALLEL, MEGATRON, SEQUENCE, ZERO2, ZERO3, Recipe, atoms, compositions
from autopart.tactics.manual import FIRST_DIVISIBLE_DIM, REPLICATED, Dim, Manual, Tactic, apply_schedule
from autopart.tactics.strategies import DataParallel, Megatron, ZeRO2, ZeRO3
from tests.autopart.partitioning.test_argument_groups import THETA, adam
from tests.autopart.tiny import array, layers_of_squares, problem_of, tiny


def tiles(tactics: list[Tactic]) -> dict[str, Any]:
    return {p: d for t in tactics if isinstance(t, Manual) for p, d in t.tiles.items()}


def of(make: Any, problem: Problem, axis: str) -> Recipe:
    return Recipe("", make(axis))


def after(problem: Problem, *recipes: Recipe) -> State:
    state = State(problem)
    for recipe in recipes:
        apply_schedule(state, recipe.tactics(state))
    return state


@pytest.mark.parametrize("model", ["t32", "mlp"])
def test_the_recipes_do_what_experts_do(model: str) -> None:
    problem = tiny(model)
    bp, mp, z2, z3 = (of(make, problem, axis) for make, axis in (
        (DataParallel, "batch"), (Megatron, "model"), (ZeRO2, "batch"), (ZeRO3, "batch"),
    ))  # fmt: skip
    found = {"BP": (bp,), "MP": (mp,), "BP+MP": (bp, mp), "BP+MP+Z2": (bp, mp, z2), "BP+MP+Z3": (bp, mp, z3)}
    for name, recipes in found.items():
        expert = State(problem)
        apply_schedule(expert, EXPERTS[model][1][name])
        assert after(problem, *recipes).metrics().tolist() == expert.metrics().tolist(), name


def test_what_the_recipes_of_t32_say() -> None:
    problem = tiny("t32")
    empty = State(problem)
    assert tiles(of(DataParallel, problem, "batch").tactics(empty)) == {"batch/targets": 0, "batch/tokens": 0}
    pairs = tiles(of(Megatron, problem, "model").tactics(empty))
    assert {p.rpartition("layers/*/")[2] for p in pairs} in ({"attn/out", "mlp/down"}, {"attn/qkv", "mlp/up"})
    [zero2] = of(ZeRO2, problem, "batch").tactics(empty)
    assert zero2.name == "ZeRO-2"
    roots = {dim: {p.partition("/")[0] for p, d in tiles([zero2]).items() if d is dim} for dim in Dim}
    assert roots == {REPLICATED: {"params"}, FIRST_DIVISIBLE_DIM: {"opt_state"}}
    [parameters] = of(ZeRO3, problem, "batch").tactics(empty)
    assert parameters.name == "ZeRO-3"
    assert len(tiles([parameters])) == 5


def test_what_is_left_of_a_recipe_does_not_have_its_name() -> None:
    problem = tiny("t32")
    state = State(problem)
    apply_schedule(state, [Manual({"params/layers/*/mlp/up": 1}, "batch")])
    [rest] = of(ZeRO3, problem, "batch").tactics(state)
    assert rest.name == ""
    assert not any("mlp" in pattern for pattern in tiles([rest]))


def test_a_recipe_with_nothing_to_add_has_no_tactics() -> None:
    problem = tiny("t32")
    for make in (DataParallel, Megatron, ZeRO2, ZeRO3):
        recipe = of(make, problem, "model")
        state = after(problem, recipe)
        assert recipe.tactics(state) == [], recipe.name


@pytest.mark.parametrize("count", [2, 3, 4, 6, 7])
def test_megatron_pairs_in_a_stack_of_equal_layers(count: int) -> None:
    problem = problem_of(layers_of_squares(count), [array(16, 16)] * count, array(8, 16))
    state = after(problem, of(Megatron, problem, "model"))
    dims = [state.tiles_of_argument(f"stack/{i}").get("model") for i in range(count)]
    assert [d for d in dims if d is not None] == [1, 0] * (count // 2)
    kinds = state.layout()
    assert int(kinds.counts[0]) == count // 2  # One sum a pair, and nothing else.


def test_recipes_of_an_inference_function() -> None:
    def network(weights: Any, data: Any) -> Any:
        return jax.nn.relu(data @ weights["up"] + weights["bias"]) @ weights["down"]

    weights = {"up": array(16, 64), "bias": array(64), "down": array(64, 16)}
    problem = problem_of(network, weights, array(8, 16))
    assert tiles(of(DataParallel, problem, "batch").tactics(State(problem))) == {"data": 0}
    state = after(problem, of(Megatron, problem, "model"))
    assert [state.tiles_of_argument(f"weights/{n}") for n in ("up", "bias", "down")] == [
        {"model": 1}, {"model": 0}, {"model": 0},
    ]  # fmt: skip
    assert of(ZeRO2, problem, "batch").tactics(State(problem)) == []  # There are no moments.
    assert set(tiles(of(ZeRO3, problem, "batch").tactics(State(problem)))) == {"weights/up", "weights/down"}


def test_recipes_of_adam_by_hand() -> None:
    problem = problem_of(adam, THETA, THETA, THETA, array(8, 16), donate=(0, 1, 2))
    state = after(problem, of(DataParallel, problem, "batch"), of(Megatron, problem, "model"))
    assert state.tiles_of_argument("data") == {"batch": 0}
    assert state.tiles_of_argument("theta/a") == state.tiles_of_argument("second/a") == {"model": 1}
    assert state.tiles_of_argument("theta/b") == {"model": 0}
    apply_schedule(state, of(ZeRO2, problem, "batch").tactics(state))
    assert state.tiles_of_argument("theta/a") == {"model": 1}
    assert state.tiles_of_argument("first/a") == {"model": 1, "batch": 0}


def test_data_parallel_leaves_inputs_alone_that_have_another_leading_size() -> None:
    def step(w: Any, key: Any, places: Any, frozen: Any, data: Any) -> Any:
        def loss(w: Any) -> Any:
            noise = jnp.sum(key.astype(jnp.float32))
            return jnp.mean(jnp.tanh((data + places) @ frozen) @ w) + noise

        return w - jax.grad(loss)(w)

    args = (array(64, 16), array(2, dtype="uint32"), array(4, 16), array(16, 64), array(8, 4, 16))
    problem = problem_of(step, *args, donate=(0,))
    assert tiles(of(DataParallel, problem, "model").tactics(State(problem))) == {"data": 0}


def test_a_function_without_matrices_has_no_pairs() -> None:
    problem = problem_of(lambda scale, x: scale * x, array(16), array(8, 16))
    for make in (Megatron, ZeRO2, ZeRO3):
        assert of(make, problem, "model").tactics(State(problem)) == []


def test_sequence_parallelism_follows_megatron_on_its_axis() -> None:
    recipes = [Recipe(kind, DataParallel(a)) for a in "xy" for kind in (DATA_PARALLEL, MEGATRON, ZERO3, SEQUENCE)]
    names = ["+".join(r.name for r in c) for c in compositions(recipes)]
    assert "BP(x)+MP(y)+SP(y)" in names
    assert "BP(x)+MP(y)+SP(y)+Z3(x)" in names
    assert not any("MP(y)+SP(x)" in name for name in names)


def test_compositions() -> None:
    recipes = [Recipe(kind, DataParallel(a)) for a in "xy" for kind in (DATA_PARALLEL, MEGATRON, ZERO2, ZERO3)]
    names = ["+".join(r.name for r in c) for c in compositions(recipes)]
    assert names[0] == ""
    assert len(names) == len(set(names))
    for wanted in ("MP(x)", "BP(x)", "BP(x)+Z3(x)", "BP(x)+MP(y)", "BP(x)+MP(y)+Z2(x)", "BP(x)+BP(y)+Z3(x)+Z3(y)"):
        assert wanted in names
    assert "BP(x)+MP(x)" not in names


def test_atoms_are_of_wide_axes_only() -> None:
    problem = tiny("mlp")
    assert [r.name for r in atoms(problem, ("model",))] == [
        "BP(model)", "MP(model)", "Z2(model)", "Z3(model)",
    ]  # fmt: skip


def test_experts_and_examples_are_split_on_several_axes_in_any_order() -> None:
    names = {tuple(r.name for r in some) for some in compositions(atoms(tiny("moe"), ("batch", "model")))}
    assert ("EP(batch)", "EP(model)", "BP(model)", "BP(batch)") in names
    assert ("EP(model)", "EP(batch)", "BP(batch)", "BP(model)") in names
    assert ("BP(model)", "BP(batch)", "Z3(batch)", "Z3(model)") in names
