"""Work by class, and the shapes that fill the matrix unit; golden on single ops."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from autopart.cost.metrics import COMPUTE_S
from autopart.cost.work import op_flops, product_of, work_seconds
from autopart.costmodel.devices import device
from autopart.costmodel.mesh import Mesh
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.graph import ARGUMENT, Op
from autopart.tactics.manual import Manual, apply_schedule
from tests.autopart.tiny import array, problem_of

PROFILE = dataclasses.replace(
    device("cpu"), peak_flops={"bfloat16": 4e9, "float32": 2e9}, matmul_efficiency=0.5, vector_flops=1e8,
    transcendental_flops=1e6, hbm_bandwidth_bytes_per_s=1e15,
)  # fmt: skip


def last_op(fn: Any, *args: Any) -> tuple[Problem, Op]:
    problem = problem_of(fn, *args, mesh=Mesh({"batch": 4, "model": 2}, PROFILE))
    return problem, [op for op in problem.graph.ops if op.primitive != ARGUMENT][-1]


@pytest.mark.parametrize(
    ("fn", "args", "seconds"),
    [
        (lambda x, w: x @ w, [array(8, 16), array(16, 32)], 2 * 8 * 16 * 32 / 1e9),
        (lambda x, w: x @ w, [array(8, 16, dtype="bfloat16"), array(16, 32, dtype="bfloat16")], 8192 / 2e9),
        (lambda x, y: x + y, [array(8, 16), array(8, 16)], 128 / 1e8),
        (lambda x: jnp.exp(x), [array(8, 16)], 128 / 1e6),
        (lambda x: x.reshape(128), [array(8, 16)], 0.0),
    ],
)
def test_each_class_of_work_has_its_rate(fn: Any, args: list[Any], seconds: float) -> None:
    problem, op = last_op(fn, *args)
    assert work_seconds(problem.graph, op, PROFILE) == pytest.approx(seconds, rel=1e-12)


RATES = {
    "convolution": 1e6,
    "convolution_1x1": 7e6,
    "batched_product": 2e6,
    "division": 9e6,
    "reduction": 3e6,
    "window": 4e6,
    "gather": 5e6,
    "scatter": 6e6,
}


def convolution(x: Any, w: Any) -> Any:
    return lax.conv(x, w, (1, 1), "SAME")


def gradient(x: Any, w: Any, grad: Any) -> Any:
    """That of the weights."""
    return jax.linear_transpose(lambda w: convolution(x, w), w)(grad)[0]


def table_update(table: Any, at: Any, rows: Any) -> Any:
    return table.at[at].add(rows)


@pytest.mark.parametrize(
    ("fn", "args", "seconds"),
    [
        (convolution, [array(2, 32, 8, 8), array(64, 32, 3, 3)], 2 * 8192 * 288 / 1e6),
        (gradient, [array(2, 32, 8, 8), array(64, 32, 3, 3), array(2, 64, 8, 8)], 2 * 8192 * 288 / 1e6),
        (convolution, [array(2, 32, 8, 8), array(64, 32, 1, 1)], 2 * 8192 * 32 / 7e6),
        (gradient, [array(2, 32, 8, 8), array(64, 32, 1, 1), array(2, 64, 8, 8)], 2 * 8192 * 32 / 7e6),
        (lambda x, w: x @ w, [array(3, 8, 4), array(3, 4, 5)], 2 * 3 * 8 * 4 * 5 / 2e6),
        (lambda x: x.sum(1), [array(8, 16)], 128 / 3e6),
        (lambda x, y: x / y, [array(8, 16), array(8, 16)], 128 / 9e6),
        (lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (2, 3), (1, 1), "SAME"), [array(8, 16)], 128 * 6 / 4e6),
        (lambda x, i: jnp.take(x, i, axis=0, mode="clip"), [array(64, 16), array(4, dtype="int32")], 4 * 16 / 5e6),
        (table_update, [array(64, 16), array(4, dtype="int32"), array(4, 16)], 4 * 16 / 6e6),
    ],
)
def test_a_class_with_a_rate_of_its_own_takes_that(fn: Any, args: list[Any], seconds: float) -> None:
    problem = problem_of(fn, *args)
    slow = dataclasses.replace(PROFILE, peak_flops={"bfloat16": 1e20, "float32": 1e20}, vector_flops=1e20)
    own = dataclasses.replace(slow, op_rates=RATES)
    assert sum(work_seconds(problem.graph, op, own) for op in problem.graph.ops) == pytest.approx(seconds, rel=1e-6)
    assert sum(work_seconds(problem.graph, op, slow) for op in problem.graph.ops) < 1e-6 * seconds


@pytest.mark.parametrize(
    ("fn", "args", "flops"),
    [
        (lambda x: lax.sort(x, dimension=1), [array(4, 16)], 64 * 4),
        (lambda x: jnp.fft.fft(x), [array(4, 16, dtype="complex64")], 5 * 64 * 4),
        (lambda x: lax.linalg.cholesky(x, symmetrize_input=False), [array(4, 6, 6)], 4 * 6**3 / 3),
        (lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (2, 3), (1, 1), "SAME"), [array(8, 16)], 128 * 6),
    ],
)
def test_flops_of_ops_that_do_more_than_one_an_element(fn: Any, args: list[Any], flops: float) -> None:
    problem = problem_of(fn, *args)
    assert max(op_flops(problem.graph, op) for op in problem.graph.ops) == pytest.approx(flops)


def test_the_shape_of_a_product_with_a_batch() -> None:
    problem, op = last_op(lambda x, w: jnp.einsum("bmk,bkn->bmn", x, w), array(3, 4, 5), array(3, 5, 6))
    shape = product_of(problem.graph, op, problem.rules[op.index])
    assert shape.sizes == (4, 6, 5)
    assert sorted(shape.roles) == [0, 1, 2, 3]


def test_the_shape_of_a_convolution() -> None:
    problem, op = last_op(lambda x, w: lax.conv(x, w, (1, 1), "SAME"), array(2, 4, 8, 8), array(6, 4, 3, 3))
    shape = product_of(problem.graph, op, problem.rules[op.index])
    assert shape.sizes == (2 * 8 * 8, 6, 4 * 9)


def test_a_product_that_is_no_multiple_of_the_unit_takes_the_time_of_the_padded_one() -> None:
    tiled = dataclasses.replace(PROFILE, matmul_tile=(8, 16, 16))
    args = array(64, 48), array(48, 32)

    def seconds(*schedule: Manual) -> float:
        state = State(problem_of(lambda x, w: x @ w, *args, mesh=Mesh({"batch": 4, "model": 2}, tiled)))
        apply_schedule(state, schedule)
        return float(state.metrics()[COMPUTE_S])

    whole = 2 * 64 * 48 * 32 / 1e9
    assert seconds() == pytest.approx(whole, rel=1e-9)
    assert seconds(Manual({"x": 0}, "batch")) == pytest.approx(whole / 4, rel=1e-9)  # 16 rows fill two tiles of 8.
    # A quarter of 48 is 12 terms, which take the time of 16; a quarter of 32 columns is 8, which take that of 16 unless
    # rows and columns change places: 64 rows fill tiles of 16, and 8 columns one of 8.
    assert seconds(Manual({"x": 1}, "batch")) == pytest.approx(whole / 4 * 16 / 12, rel=1e-9)
    assert seconds(Manual({"w": 1}, "batch")) == pytest.approx(whole / 4, rel=1e-9)


def test_a_convolution_that_makes_few_features_takes_the_time_of_a_tile_of_them() -> None:
    rates = {"convolution": 1e9, "convolution_1x1": 1e9}
    tiled = dataclasses.replace(PROFILE, op_rates=rates, convolution_tile=32)

    def seconds(features: int, *schedule: Manual) -> float:
        args = array(8, 64, 8, 8), array(features, 64, 3, 3)
        problem = problem_of(convolution, *args, mesh=Mesh({"batch": 4, "model": 2}, tiled))
        state = State(problem)
        apply_schedule(state, schedule)
        return float(state.metrics()[COMPUTE_S])

    tile = 2 * 8 * 64 * 32 * 64 * 9 / 1e9
    assert seconds(32) == pytest.approx(tile, rel=1e-9)
    assert seconds(8) == pytest.approx(tile, rel=1e-9)
    assert seconds(64, Manual({"w": 0}, "model")) == pytest.approx(tile, rel=1e-9)
    assert seconds(64, Manual({"w": 0}, "batch")) == pytest.approx(tile, rel=1e-9)  # 16 of the 64 on a device.
