"""Step time: by hand for a few ops, and judged plainly from the lowered Program in any state.

On the device here a group and a collective run side by side. It moves 20e9 bytes a second, which binds everything.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from autopart.cost.fusion import fuse
from autopart.cost.metrics import COMMUNICATION_S, COMPUTE_S, EXPOSED_S, IDLE_S, STEP_S
from autopart.cost.work import product_of, work_seconds
from autopart.costmodel.devices import device
from autopart.costmodel.mesh import Mesh
from autopart.emit.lower import Apply, Move, lower
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.graph import Literal
from autopart.sharding.layout import BASE
from autopart.sharding.rules.families import PRODUCTS
from autopart.tactics.manual import Manual, Tactic, apply_schedule
from tests.autopart.tiny import array, game_of, play, problem_of, tiny_graph

BANDWIDTH = 20e9
AXES = {"batch": 4, "model": 2}


def mesh(link_bytes_per_s: float = 5e9, **fields: Any) -> Mesh:
    """4 x 2 host devices that overlap, on links without latency."""
    host = device("cpu")
    link = dataclasses.replace(host.links["host"], bandwidth_bytes_per_s=link_bytes_per_s, latency_s=0.0)
    return Mesh(AXES, dataclasses.replace(host, links={"host": link}, **{"overlaps": True, **fields}))


def figures(problem: Problem, *schedule: Tactic) -> Any:
    state = State(problem)
    apply_schedule(state, schedule)
    return state.metrics()


def two_products(x: Any, w: Any, v: Any) -> Any:
    return jnp.tanh(x @ w) @ v


TWO = (array(8, 16), array(16, 32), array(32, 4))
FIRST_S = (128 + 2048 + 256) / BANDWIDTH
"""x of a quarter of the batch and w are read, and what tanh makes of them is written, in two groups."""
SECOND_S = (256 + 512 + 32) / BANDWIDTH


@pytest.mark.parametrize("link_bytes_per_s", [5e9, 1e9])
def test_the_gather_of_a_weight_runs_beside_the_product_before(link_bytes_per_s: float) -> None:
    problem = problem_of(two_products, *TWO, mesh=mesh(link_bytes_per_s))
    metrics = figures(problem, Manual({"x": 0}, "batch"), Manual({"v": 0}, "batch"))
    gather_s = 512 * 3 / 4 / link_bytes_per_s  # 7.7e-8 s or 3.8e-7; the first product and tanh take 1.2e-7.
    assert metrics[COMPUTE_S] == pytest.approx(FIRST_S + SECOND_S, rel=1e-12)
    assert metrics[COMMUNICATION_S] == pytest.approx(gather_s, rel=1e-12)
    assert metrics[STEP_S] == pytest.approx(max(FIRST_S, gather_s) + SECOND_S, rel=1e-12)
    assert metrics[EXPOSED_S] == pytest.approx(max(0.0, gather_s - FIRST_S), rel=1e-9, abs=1e-18)


def test_nothing_hides_the_gather_that_the_first_product_needs() -> None:
    problem = problem_of(two_products, *TWO, mesh=mesh())
    metrics = figures(problem, Manual({"x": 0}, "batch"), Manual({"w": 0}, "batch"))
    assert metrics[EXPOSED_S] == pytest.approx(2048 * 3 / 4 / 5e9, rel=1e-9)


def sum_and_other(x: Any, w: Any, y: Any, v: Any) -> Any:
    """A product whose sum is completed while another is made; both are read at the end."""
    return (x @ w) + jnp.cumsum(y @ v, axis=0)


def test_a_sum_is_completed_while_the_next_product_runs() -> None:
    args = array(8, 16), array(16, 32), array(8, 64), array(64, 32)
    metrics = figures(problem_of(sum_and_other, *args, mesh=mesh(1e12)), Manual({"x": 1}, "model"))
    assert metrics[COMMUNICATION_S] > 0
    assert metrics[EXPOSED_S] == pytest.approx(0, abs=1e-15)
    slow = figures(problem_of(sum_and_other, *args, mesh=mesh(1e9)), Manual({"x": 1}, "model"))
    after_the_sum_s = (1024 + 3 * 1024) / BANDWIDTH
    assert 0 < slow[EXPOSED_S] < slow[COMMUNICATION_S] < slow[STEP_S] + after_the_sum_s


def test_on_a_device_that_does_one_thing_at_a_time_all_of_it_is_exposed() -> None:
    problem = problem_of(two_products, *TWO, mesh=mesh(overlaps=False))
    metrics = figures(problem, Manual({"x": 0}, "batch"), Manual({"v": 0}, "batch"))
    assert metrics[EXPOSED_S] == pytest.approx(metrics[COMMUNICATION_S], rel=1e-9)
    assert metrics[STEP_S] == pytest.approx(metrics[COMPUTE_S] + metrics[COMMUNICATION_S], rel=1e-12)


def test_starting_groups_is_idle_time_in_every_trip() -> None:
    def loop(x: Any, w: Any) -> Any:
        return lax.scan(lambda carry, _: (jnp.tanh(carry @ w), None), x, None, length=5)[0]

    problem = problem_of(loop, array(8, 16), array(16, 16), mesh=mesh(op_overhead_s=1e-6))
    metrics = figures(problem)
    assert metrics[IDLE_S] == pytest.approx(5 * 2 * 1e-6, rel=1e-12)  # A product and tanh, five times.
    assert metrics[STEP_S] == pytest.approx(metrics[COMPUTE_S] + metrics[IDLE_S], rel=1e-12)


PROGRAMS = ("t32", "mlp", "moe", "unet")


def problem_for(model: str, overlaps: bool) -> Problem:
    return Problem.of(tiny_graph(model), mesh(2e9, overlaps=overlaps, matmul_tile=(8, 16, 16), op_overhead_s=1e-6))


@pytest.mark.parametrize("overlaps", [True, False])
@pytest.mark.parametrize("model", PROGRAMS)
@settings(max_examples=12)
@given(seed=st.integers(0, 10**6))
def test_the_kernel_agrees_with_a_plain_run_of_the_program(model: str, overlaps: bool, seed: int) -> None:
    game = game_of(problem_for(model, overlaps))
    play(game, seed)
    metrics = game.state.metrics()
    compute_s, step_s = plain_run(game.state)
    assert metrics[COMPUTE_S] == pytest.approx(compute_s, rel=1e-9)
    assert metrics[STEP_S] == pytest.approx(step_s, rel=1e-9)


def plain_run(state: State) -> tuple[float, float]:
    """Seconds of compute and of the step, from the lowered Program, fusion and device alone."""
    problem, program, fusion = state.problem, lower(state), fuse(state.problem.graph, state.problem.tables.weight_like)
    graph, profile = problem.graph, problem.mesh.device_profile
    assert len(graph.regions) == 1
    position = fusion.position.tolist()
    roots = [op.index for op in graph.ops if position[op.index] == op.index]
    seconds = group_seconds(state)
    moves: dict[tuple[int, int], list[Move]] = defaultdict(list)
    readers: dict[tuple[int, int], int] = {}
    first_reader: dict[int, int] = {}
    for step in program.steps:
        if isinstance(step, Move) and step.kind != "all_slice":
            moves[step.value, step.form].append(step)
        if isinstance(step, Apply):
            for operand, form in zip(graph.ops[step.op].operands, step.forms, strict=True):
                if not isinstance(operand, Literal) and form is not None:
                    at = position[step.op]
                    readers[operand, form] = min(at, readers.get((operand, form), at))
                    first_reader[operand] = min(at, first_reader.get(operand, at))
    begin, wait = defaultdict(list), defaultdict(list)
    for key in sorted(moves, key=lambda key: (key[0], key[1] != BASE, key[1])):
        value, form = key
        made = position[graph.values[value].producer]
        need = first_reader.get(value) if form == BASE else readers.get(key)
        issue, early = made, False
        if form != BASE and problem.tables.weight_like[value] and need is not None:
            products = [root for root in roots if root < need and graph.ops[root].primitive in PRODUCTS]
            issue, early = (products[-1] if products and profile.overlaps else need), True
        blocking = need is not None and need <= issue
        begin[issue if not blocking else need, early or blocking].append(key)
        if need is not None:
            wait[need].append(key)
    compute, links, ready = 0.0, dict.fromkeys(problem.mesh.axis_names, 0.0), {}
    stream = dict(zip(problem.mesh.axis_names, problem.costs.stream.tolist(), strict=True))

    def start(key: tuple[int, int]) -> None:
        nonlocal compute
        used = {stream[axis] for move in moves[key] for axis in move.axes}
        mine = [axis for axis in links if stream[axis] in used]
        end = max(compute, *(links[axis] for axis in mine)) + sum(move.seconds for move in moves[key])
        links.update(dict.fromkeys(mine, end))
        ready[key] = end
        compute = compute if profile.overlaps else end

    for root in roots:
        for key in begin[root, True]:
            start(key)
        for key in wait[root]:
            compute = max(compute, ready[key])
        compute += seconds[root] + (profile.op_overhead_s if seconds[root] else 0.0)
        for key in begin[root, False]:
            start(key)
    return sum(seconds.values()), max(compute, *links.values())


def group_seconds(state: State) -> dict[int, float]:
    """Root -> seconds of its group: the longer of its work and of its bytes."""
    problem, layout = state.problem, state.layout()
    graph, profile, sizes = problem.graph, problem.mesh.device_profile, problem.mesh.axis_sizes
    fusion = fuse(graph, problem.tables.weight_like)
    work: dict[int, float] = defaultdict(float)
    nbytes: dict[int, float] = defaultdict(float)
    for op in graph.ops:
        tiles = {axis: int(factor) for axis, factor in enumerate(layout.tile[op.index]) if factor >= 0}
        seconds = work_seconds(graph, op, profile) / float(np.prod([sizes[axis] for axis in tiles]))
        if op.primitive in PRODUCTS:
            shape = product_of(graph, op, problem.rules[op.index])
            local = [
                size / float(np.prod([sizes[axis] for axis, factor in tiles.items() if shape.roles[factor] == role]))
                for role, size in enumerate(shape.sizes, start=1)
            ]
            seconds /= fill(local, profile.matmul_tile)
        work[int(fusion.position[op.index])] += seconds
        for result in op.results:
            if fusion.materialised[result]:
                parts = np.prod([sizes[axis] for axis in range(len(sizes)) if layout.dim[result, axis] >= 0])
                nbytes[int(fusion.position[op.index])] += graph.values[result].nbytes / parts
    slots = [(op, place) for op in graph.ops for place, o in enumerate(op.operands) if not isinstance(o, Literal)]
    for group, slot in zip(fusion.group.tolist(), fusion.slot.tolist(), strict=True):
        op, place = slots[slot]
        operand = op.operands[place]
        assert isinstance(operand, int)
        dims = problem.rules[op.index].operands[place]
        parts = np.prod(
            [sizes[axis] for axis, factor in enumerate(layout.tile[op.index]) if factor in dims and factor >= 0]
        )
        nbytes[group] += graph.values[operand].nbytes / parts
    out = {}
    for op in graph.ops:
        if fusion.position[op.index] == op.index:
            idle = not work_seconds(graph, op, profile)  # Nothing but bookkeeping: a reshape, the border of a loop.
            moved_s = nbytes[op.index] / profile.hbm_bandwidth_bytes_per_s
            out[op.index] = 0.0 if idle else max(work[op.index], moved_s)
    return out


def fill(local: Sequence[float], tile: tuple[int, int, int]) -> float:
    """The part of the matrix unit that a product fills, the better way around."""
    rows, columns, depth = ([size / (np.ceil(size / n) * n) for n in tile] for size in local)
    return float(max(rows[0] * columns[1], rows[1] * columns[0]) * depth[2])
