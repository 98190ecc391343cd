"""Seconds and bytes, derived by hand for programs of a few ops; and what holds in any state.

A device of the profile ``cpu`` does 200e9 * 0.5 float32 operations and moves 20e9 bytes a second; one axis of its
mesh carries 5e9 bytes a second with 20e-6 s a hop.
"""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import Any

import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from autopart.benchmarks.models import mlp
from autopart.benchmarks.schedules import EXPERTS
from autopart.cost.metrics import COMMUNICATION_BYTES, COMMUNICATION_S, COMPUTE_S, EXPOSED_S, IDLE_S, PEAK, STEP_S
from autopart.cost.work import op_flops
from autopart.costmodel.collectives import KIND_NAMES, collective_time, pack_axes
from autopart.costmodel.devices import device
from autopart.costmodel.mesh import Mesh
from autopart.costmodel.profile import Device
from autopart.emit.lower import lower
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.tactics.manual import Manual, Tactic, apply_schedule
from tests.autopart.tiny import MESH, array, game_of, play, problem_of, tiny, tiny_graph

FLOPS, BANDWIDTH, LINK, HOP = 100e9, 20e9, 5e9, 20e-6


def three_ops(x: Any, w: Any, v: Any) -> Any:
    """A product, a tanh and a product: three groups, for a product ends one."""
    return jnp.tanh(x @ w) @ v


def three() -> Problem:
    return problem_of(three_ops, array(8, 16), array(16, 32), array(32, 4))


def after(problem: Problem, *schedule: Tactic) -> State:
    state = State(problem)
    apply_schedule(state, schedule)
    return state


def primitive_at(state: State, position: int) -> str:
    return state.problem.graph.ops[position].primitive


@pytest.mark.parametrize(
    ("fn", "shapes", "flops"),
    [
        (lambda x, w: x @ w, [(8, 16), (16, 32)], 2 * 8 * 32 * 16),
        (lambda x, w: jnp.einsum("bij,bjk->bik", x, w), [(3, 4, 5), (3, 5, 6)], 2 * 3 * 4 * 6 * 5),
        (lambda x, y: jnp.einsum("ij,ij->", x, y), [(4, 6), (4, 6)], 2 * 24),
        (lambda x, w: lax.conv(x, w, (1, 1), "SAME"), [(2, 4, 8, 8), (6, 4, 3, 3)], 2 * (2 * 6 * 64) * (4 * 9)),
        (lambda x, w: lax.conv(x, w, (2, 2), "SAME"), [(2, 4, 8, 8), (6, 4, 3, 3)], 2 * (2 * 6 * 16) * (4 * 9)),
        (lambda x, w: lax.conv_general_dilated(x, w, (1,), "SAME", feature_group_count=4), [(2, 8, 8), (12, 2, 3)],
         2 * (2 * 12 * 8) * (2 * 3)),
        (lambda x, w: lax.conv_general_dilated(x, w, (1,), [(2, 3)], lhs_dilation=(2,)), [(2, 4, 8), (6, 4, 5)],
         2 * (2 * 6 * 16) * (4 * 5) // 2),  # Every other product is with a zero that dilation put there.
        (lambda x: jnp.tanh(x), [(8, 16)], 8 * 16),
        (lambda x: x.sum(0), [(8, 16)], 8 * 16),  # One for each element read.
        (lambda x: jnp.broadcast_to(x, (8, 16)), [(16,)], 8 * 16),  # One for each element written.
    ],
)  # fmt: skip
def test_flops(fn: Any, shapes: list[tuple[int, ...]], flops: int) -> None:
    graph = problem_of(fn, *(array(*shape) for shape in shapes), mesh=Mesh({"one": 1}, "cpu")).graph
    assert op_flops(graph, graph.ops[-1]) == flops
    assert all(op_flops(graph, op) == 0 for op in graph.ops[: len(shapes)])  # Arguments cost nothing.


def test_a_small_product_is_bound_by_memory() -> None:
    # 8192 flops take 8.2e-8 s; (8*16 + 16*32 + 8*32) * 4 = 3584 bytes take 1.79e-7 s.
    metrics = State(problem_of(lambda x, w: x @ w, array(8, 16), array(16, 32))).metrics()
    assert metrics[COMPUTE_S] == pytest.approx(3584 / BANDWIDTH, rel=1e-12)


def test_a_large_product_is_bound_by_compute() -> None:
    # 2 * 512^3 flops take 2.7e-3 s; 3 * 512^2 * 4 bytes take 1.6e-4 s.
    problem = problem_of(lambda x, w: x @ w, array(512, 512), array(512, 512))
    assert State(problem).metrics()[COMPUTE_S] == pytest.approx(2 * 512**3 / FLOPS, rel=1e-12)
    tiled = after(problem, Manual({"x": 0}, "batch"), Manual({"w": 1}, "model"))
    assert tiled.metrics()[COMPUTE_S] == pytest.approx(2 * 512**3 / 8 / FLOPS, rel=1e-12)


def test_half_precision_has_its_own_peak() -> None:
    args = [array(512, 512, dtype="bfloat16")] * 2
    metrics = State(problem_of(lambda x, w: x @ w, *args)).metrics()
    assert metrics[COMPUTE_S] == pytest.approx(2 * 512**3 / (100e9 * 0.5), rel=1e-12)
    assert metrics[PEAK] == 3 * 512**2 * 2


def test_a_fused_chain_moves_only_what_enters_and_leaves() -> None:
    # x 512 in, the result 512 out; exp and mul write nothing.
    metrics = State(problem_of(lambda x: jnp.tanh(jnp.exp(x) * 2.0), array(8, 16))).metrics()
    assert metrics[COMPUTE_S] == pytest.approx((512 + 512) / BANDWIDTH, rel=1e-12)


def test_three_ops_replicated() -> None:
    # The first product writes what tanh makes of it. Bytes moved: x 512 + w 2048; t 1024; t 1024 + v 512 + out 128. All
    # bound by memory. Held: the arguments, 3072, always; t, 1024, and out, 128, while the second product runs.
    metrics, where = after(three()).analyse()
    assert metrics[COMPUTE_S] == pytest.approx((2560 + 1024 + 1664) / BANDWIDTH, rel=1e-12)
    assert metrics[STEP_S] == pytest.approx(metrics[COMPUTE_S], rel=1e-12)
    assert metrics[COMMUNICATION_S] == metrics[COMMUNICATION_BYTES] == metrics[EXPOSED_S] == metrics[IDLE_S] == 0
    assert metrics[PEAK] == 3072 + 1024 + 128
    assert where == len(three().graph.ops) - 1


def test_three_ops_with_the_batch_on_four() -> None:
    # x 128 + w 2048; t 256; t 256 + v 512 + out 32. Nothing has to move.
    metrics = after(three(), Manual({"x": 0}, "batch")).metrics()
    assert metrics[COMPUTE_S] == pytest.approx((2176 + 256 + 800) / BANDWIDTH, rel=1e-12)
    assert metrics[COMMUNICATION_S] == metrics[COMMUNICATION_BYTES] == 0
    assert metrics[PEAK] == 128 + 2048 + 512 + 256 + 32


def test_three_ops_as_a_megatron_pair_on_two() -> None:
    # x 512 + w 1024; t 512; t 512 + v 256 + out 128, and the sum of out's 128 bytes among two, which nothing hides.
    metrics = after(three(), Manual({"w": 1}, "model")).metrics()
    assert metrics[COMPUTE_S] == pytest.approx((1536 + 512 + 896) / BANDWIDTH, rel=1e-12)
    assert metrics[COMMUNICATION_BYTES] == 128
    assert metrics[COMMUNICATION_S] == pytest.approx(2 * (HOP + 128 / 2 / LINK), rel=1e-12)
    assert metrics[STEP_S] == pytest.approx(metrics[COMPUTE_S] + metrics[COMMUNICATION_S], rel=1e-12)
    assert metrics[EXPOSED_S] == pytest.approx(metrics[COMMUNICATION_S], rel=1e-12)
    assert metrics[PEAK] == 512 + 1024 + 256 + 512 + 128


def test_a_gathered_weight_lives_for_its_use_only() -> None:
    # Held: x 128, the quarter of w 512, v 512. The product adds w in full, 2048, and t 256: the peak.
    state = after(three(), Manual({"x": 0}, "batch"), Manual({"w": 0}, "batch"))
    metrics, where = state.analyse()
    assert metrics[PEAK] == 128 + 512 + 512 + 2048 + 256
    assert primitive_at(state, where) == "dot_general"
    assert where < len(state.problem.graph.ops) - 1
    assert metrics[COMMUNICATION_BYTES] == 2048
    assert metrics[COMMUNICATION_S] == pytest.approx(3 * HOP + 2048 * 3 / 4 / LINK, rel=1e-12)


def test_a_donated_argument_is_replaced_in_place() -> None:
    def update(w: Any, g: Any) -> Any:
        return w - g

    args = array(8, 16), array(8, 16)  # 512 bytes each.
    assert State(problem_of(update, *args)).metrics()[PEAK] == 3 * 512
    assert State(problem_of(update, *args, donate=(0,))).metrics()[PEAK] == 2 * 512


def test_a_donated_argument_that_is_read_later_is_not_replaced_in_place() -> None:
    def update(w: Any, g: Any) -> Any:
        return w - g, (w @ g.T).sum()

    args = array(8, 16), array(8, 16)
    # The new w, 512, stands beside w and g while the product of 8 * 8 * 4 = 256 bytes is made.
    assert State(problem_of(update, *args, donate=(0,))).metrics()[PEAK] == 3 * 512 + 256


def test_a_donated_argument_goes_after_its_last_use() -> None:
    def twice(x: Any, w: Any, v: Any) -> Any:
        return jnp.tanh(x @ w) @ v

    args = array(64, 16), array(16, 64), array(64, 64)  # x and w have 4096 bytes each; v, t and the result 16384.
    assert State(problem_of(twice, *args)).metrics()[PEAK] == 2 * 4096 + 3 * 16384
    assert State(problem_of(twice, *args, donate=(0,))).metrics()[PEAK] == 4096 + 3 * 16384


@pytest.mark.parametrize("model", ["t32", "mlp"])
def test_collectives_take_what_the_cost_model_says(model: str) -> None:
    links = MESH.links()
    for schedule in EXPERTS[model][1].values():
        state = after(tiny(model), *schedule)
        moves = lower(state).collectives()
        assert moves
        total = 0.0
        for move in moves:
            code = pack_axes([MESH.axis_names.index(axis) for axis in move.axes])
            seconds = collective_time(KIND_NAMES.index(move.kind), move.full_bytes, code, links.table)
            assert move.seconds == pytest.approx(seconds, rel=1e-12)
            total += seconds
        assert state.metrics()[COMMUNICATION_S] == pytest.approx(total, rel=1e-9)
        assert state.metrics()[COMMUNICATION_BYTES] == sum(move.full_bytes for move in moves)


@pytest.mark.parametrize("model", ["t32", "mlp"])
@settings(max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_tiling_never_adds_compute(model: str, seed: int) -> None:
    whole = State(tiny(model)).metrics()[COMPUTE_S]
    game = game_of(tiny(model))
    play(game, seed)
    metrics = game.state.metrics()
    assert whole / MESH.size * (1 - 1e-9) <= metrics[COMPUTE_S] <= whole * (1 + 1e-9)
    assert metrics[STEP_S] == pytest.approx(metrics[COMPUTE_S] + metrics[COMMUNICATION_S], rel=1e-9)


@pytest.mark.parametrize("model", ["t32", "mlp"])
def test_faster_parts_make_a_step_faster_and_change_no_bytes(model: str) -> None:
    slow = device("cpu")
    host = slow.links["host"]
    twice = dataclasses.replace(host, bandwidth_bytes_per_s=2 * host.bandwidth_bytes_per_s)
    wide = dataclasses.replace(slow, links={"host": twice})
    strong = dataclasses.replace(
        slow, matmul_efficiency=1.0, vector_flops=2 * slow.vector_rate,
        hbm_bandwidth_bytes_per_s=2 * slow.hbm_bandwidth_bytes_per_s,
    )  # fmt: skip
    for schedule in EXPERTS[model][1].values():
        base, linked, powered = (
            after(Problem.of(tiny_graph(model), Mesh(dict(MESH.axes), profile)), *schedule).metrics()
            for profile in (slow, wide, strong)
        )
        for other in (linked, powered):
            assert (other[PEAK], other[COMMUNICATION_BYTES]) == (base[PEAK], base[COMMUNICATION_BYTES])
        assert linked[COMMUNICATION_S] < base[COMMUNICATION_S]
        assert linked[COMPUTE_S] == base[COMPUTE_S]
        assert powered[COMPUTE_S] == pytest.approx(base[COMPUTE_S] / 2, rel=1e-9)
        assert powered[COMMUNICATION_S] == base[COMMUNICATION_S]


def test_more_devices_for_the_batch_need_less_of_each() -> None:
    figures = []
    for size in (1, 2, 4, 8):
        problem = Problem.of(tiny_graph("mlp"), Mesh({"data": size}, "cpu"))
        figures.append(after(problem, Manual({"batch": 0}, "data")).metrics())
    for fewer, more in pairwise(figures):
        assert more[PEAK] < fewer[PEAK]
        assert more[COMPUTE_S] < fewer[COMPUTE_S]
        assert more[COMMUNICATION_S] > fewer[COMMUNICATION_S]


def test_a_larger_batch_needs_more() -> None:
    figures = []
    for batch in (16, 32, 64):
        step = mlp.step("tiny", batch=batch)
        figures.append(State(problem_of(step.fn, *step.args, donate=step.donate_argnums)).metrics())
    for small, large in pairwise(figures):
        assert large[PEAK] > small[PEAK]
        assert large[COMPUTE_S] > small[COMPUTE_S]


def test_a_gather_along_a_later_dimension_takes_longer_where_parts_are_copied() -> None:
    host = device("cpu")
    copying = dataclasses.replace(host, rearranging_s_per_byte=1e-6)
    args = array(8, 16), array(16, 32)

    def seconds(profile: Device, dimension: int) -> tuple[float, float]:
        problem = problem_of(lambda x, w: x @ w, *args, mesh=Mesh({"batch": 4, "model": 2}, profile))
        state = State(problem)
        apply_schedule(state, (Manual({"x": 0}, "batch"), Manual({"w": dimension}, "batch")))
        return float(state.metrics()[COMMUNICATION_S]), sum(move.seconds for move in lower(state).collectives())

    full = 16 * 32 * 4
    for dimension in range(2):
        plain, more = seconds(host, dimension), seconds(copying, dimension)
        assert plain[0] == pytest.approx(plain[1])
        assert more[0] - plain[0] == pytest.approx(full * 1e-6 * dimension, abs=1e-12)
        assert more[1] == pytest.approx(more[0])
