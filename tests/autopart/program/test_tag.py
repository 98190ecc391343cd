"""Values that are named inside a program can be tiled by name."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.ad_checkpoint import checkpoint_name

from autopart.emit.lower import by_kind, lower
from autopart.errors import TacticError
from autopart.game.actions import action_table
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.plan.plan import plan_of
from autopart.plan.verify import check_collectives, execute
from autopart.program.step import Step
from autopart.program.tag import tag
from autopart.tactics.manual import FIRST_DIVISIBLE_DIM, REPLICATED, Manual, apply_schedule
from tests.autopart.tiny import array, problem_of

WEIGHTS = {"a": array(16, 32), "b": array(32, 16)}


def step(weights: Any, x: Any) -> Any:
    """A gradient step of two layers with recomputation, their hidden values named."""

    @jax.checkpoint
    def layer(x: Any, weights: Any) -> Any:
        hidden = checkpoint_name(jnp.tanh(x @ weights["a"]), "hidden")
        return tag({"out": hidden @ weights["b"], "skip": x}, "ends")

    def loss(weights: Any) -> Any:
        for _ in range(2):
            ends = layer(x, weights)
        return jnp.sum((ends["out"] + ends["skip"]) ** 2)

    return jax.tree.map(lambda w, g: w - 0.1 * g, weights, jax.grad(loss)(weights))


def problem() -> Problem:
    return problem_of(step, WEIGHTS, array(8, 16), donate=(0,))


def test_every_value_of_a_name_is_tiled() -> None:
    state = State(problem())
    rows = Manual({"hidden": 1}, "model").steps(state)
    assert len(rows) == len(state.problem.graph.tags["hidden"]) > 1  # Forward, and recomputed in the backward pass.
    apply_schedule(state, [Manual({"hidden": 1}, "model")])
    assert state.tiles_of_argument("weights/a") == {"model": 1}
    assert state.tiles_of_argument("weights/b") == {"model": 0}


def test_names_in_a_tree_have_paths() -> None:
    tags = problem().graph.tags
    assert {"hidden", "ends/out", "ends/skip"} == set(tags)
    assert len(problem().matching("ends")) == len(tags["ends/out"]) + len(tags["ends/skip"])


def test_arguments_come_first_and_wildcards_do_not_reach_names() -> None:
    def named(x: Any) -> Any:
        return checkpoint_name(x * 2, "x")

    found = problem_of(named, array(8, 8))
    assert found.matching("x").tolist() == [0]
    assert all(op < 3 for op in problem().matching("**").tolist())


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(TacticError, match=r"'hiden' matches no argument and no name given inside.*misses: hidden"):
        Manual({"hiden": 1}, "model").steps(State(problem()))
    with pytest.raises(TacticError, match=r"'hidden' has shape \(8, 32\): no dimension 2"):
        Manual({"hidden": 2}, "model").steps(State(problem()))


def test_a_partial_sum_may_be_scattered_where_it_is_named() -> None:
    state = State(problem())
    apply_schedule(state, [Manual({"weights/a": 1}, "model"), Manual({"ends/out": 0}, "model")])
    kinds = by_kind(lower(state).collective_counts())
    assert kinds["reduce_scatter"] > 0


def test_the_answer_stays_the_same() -> None:
    tactics = [
        Manual({"x": 0}, "batch"),
        Manual({"hidden": 1}, "model"),
        Manual({"ends": FIRST_DIVISIBLE_DIM}, "model"),
    ]
    plan = plan_of(problem(), tactics)
    check_collectives(plan)
    explicit, jitted = execute(Step(step, (WEIGHTS, array(8, 16)), donate_argnums=(0,)), plan)
    assert all(row.equal for row in (*explicit, *jitted))


def test_a_function_chooses_by_name_and_shape() -> None:
    def wide(name: str, shape: tuple[int, ...]) -> int | None:
        return shape.index(32) if 32 in shape else None

    manual = Manual({"weights/*": wide, "hidden": lambda name, shape: REPLICATED}, "model")
    assert manual.chooses
    written = manual.resolved(problem())
    assert written == Manual({"weights/a": 1, "weights/b": 0, "hidden": REPLICATED}, "model")
    one, other = State(problem()), State(problem())
    apply_schedule(one, [manual])
    apply_schedule(other, [written])
    assert one.key() == other.key()
    assert plan_of(problem(), [manual]).schedule == (written,)
    with pytest.raises(TacticError, match="the function for 'weights/a' says 'x'"):
        Manual({"weights/*": lambda name, shape: "x"}, "model").steps(one)  # type: ignore[dict-item, return-value]


def test_a_search_may_tile_what_is_named() -> None:
    labels = [action.label for action in action_table(problem(), ("model",)).actions]
    assert "hidden: dim 1 on model" in labels
    assert "ends/out: dim 0 on model" in labels
