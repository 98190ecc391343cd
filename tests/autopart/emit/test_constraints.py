"""Values inside that a user of GSPMD would constrain: where data moves, by line, with what they become."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.ad_checkpoint import checkpoint_name

from autopart.benchmarks.schedules import EXPERTS
from autopart.emit.constraints import Constraint, constraints
from autopart.emit.jit import base_axes
from autopart.plan.plan import plan_of
from autopart.tactics.manual import Manual, Tactic
from tests.autopart.tiny import array, problem_of, tiny


def of(fn: Any, args: Any, *schedule: Tactic) -> tuple[Constraint, ...]:
    return constraints(plan_of(problem_of(fn, *args), schedule).program)


def product(w: jax.Array, x: jax.Array) -> jax.Array:
    return jnp.sin(x @ w)


ARRAYS = (array(8, 16), array(32, 8))


def test_nothing_is_constrained_where_nothing_moves() -> None:
    assert of(product, ARRAYS) == ()
    assert of(product, ARRAYS, Manual({"x": 0}, "batch")) == ()


def test_a_sum_over_devices_is_named_by_its_line() -> None:
    (row,) = of(product, ARRAYS, Manual({"x": 0}, "batch"), Manual({"w": 0}, "model"))
    assert row.at.startswith("test_constraints.py:")
    assert row.at.endswith(" (product)")
    assert (row.op, row.name, row.shape, row.dtype, row.count) == ("dot_general", "", (32, 16), "float32", 1)
    assert row.axes == (("batch",), ())
    assert row.read_as == ()


def test_what_a_value_is_brought_into_is_told() -> None:
    def fn(x: jax.Array, w: jax.Array) -> jax.Array:
        return jnp.cumsum(jnp.tanh(x @ w), axis=1)

    (row,) = of(fn, (array(32, 8), array(8, 16)), Manual({"x": 0}, "batch"), Manual({"w": 1}, "model"))
    assert row.axes == (("batch",), ("model",))
    assert row.read_as == ((("batch",), ()),)


def test_a_weight_that_is_gathered_has_the_layout_of_its_argument() -> None:
    rows = of(product, ARRAYS, Manual({"x": 0}, "batch"), Manual({"w": 0}, "batch"))
    assert rows == ()


def test_a_checkpoint_name_is_kept() -> None:
    def fn(w: jax.Array, x: jax.Array) -> jax.Array:
        return jnp.sin(checkpoint_name(x @ w, "hidden"))

    (row,) = of(fn, ARRAYS, Manual({"w": 0}, "model"))
    assert row.name == "hidden"


def test_equal_layers_are_one_row_with_a_count() -> None:
    def fn(ws: Any, x: jax.Array) -> jax.Array:
        for w in ws:
            x = jnp.tanh(x @ w["up"]) @ w["down"]
        return x

    rows = [
        of(fn, ([{"up": array(8, 16), "down": array(16, 8)}] * n, array(32, 8)), Manual({"ws/*/up": 1}, "model"))
        for n in (3, 6)
    ]  # fmt: skip
    assert [[row.count for row in found] for found in rows] == [[3], [6]]


@pytest.mark.parametrize("strategy", ["BP", "MP", "BP+MP+Z3"])
def test_they_are_as_many_as_values_move_and_lie_as_jit_constrains(strategy: str) -> None:
    program = plan_of(tiny("t32"), EXPERTS["t32"][1][strategy]).program
    graph = program.problem.graph
    inside = {m.value for m in program.moves() if not program.problem.tables.weight_like[m.value]}
    rows = constraints(program)
    assert sum(row.count for row in rows) == len(inside) > 0
    axes = base_axes(program)
    assert {(row.shape, row.axes) for row in rows} == {(graph.values[v].shape, axes[v]) for v in inside}
    assert all("/" not in row.at for row in rows)
