"""Loops and conditions: how they are traced, what they cost, and that they run with the right answer."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax import lax

from autopart.cost.metrics import COMMUNICATION_BYTES, COMMUNICATION_S, COMPUTE_S, PEAK, STEP_S
from autopart.costmodel.mesh import Mesh
from autopart.emit.lower import by_kind, lower
from autopart.errors import TraceError
from autopart.explain.peak_memory import residents_at_peak
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.plan.plan import plan_of
from autopart.plan.verify import execute
from autopart.program.graph import BOUNDARY, ENTER, LOOP_CARRY, SCAN_SLICE, Graph
from autopart.program.step import Step
from autopart.program.trace import trace, trace_step
from autopart.tactics.manual import FIRST_DIVISIBLE_DIM, Manual, apply_schedule
from tests.autopart.cases import MESHES, Subject, fault, problem_on, random_state
from tests.autopart.region_cases import REGION_CASES
from tests.autopart.tiny import array, problem_of
from tests.examples import examples

FOUR = Mesh({"a": 4}, "cpu")


@functools.cache
def subject(name: str) -> Subject:
    fn, draw, donated = REGION_CASES[name]
    args = draw(np.random.default_rng(0))
    return Subject(trace(fn, *args, donate_argnums=donated), args, jax.jit(fn)(*args))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", sorted(REGION_CASES))
def test_random_states_give_the_same_answer_and_the_counted_collectives(name: str, seed: int) -> None:
    case, rng = subject(name), np.random.default_rng([seed, 7])
    state = random_state(problem_on(case.graph, MESHES[seed % len(MESHES)]), rng, 1 + int(rng.integers(8)))
    assert fault(state, case) == ""


@pytest.mark.parametrize("name", sorted(REGION_CASES))
@examples(25)
@given(seed=st.integers(0, 10**6))
def test_figures_do_not_depend_on_the_way_and_residents_sum_to_the_peak(name: str, seed: int) -> None:
    problem, rng = problem_on(subject(name).graph, MESHES[seed % len(MESHES)]), np.random.default_rng(seed)
    state = random_state(problem, rng, 6)
    figures = state.metrics()
    assert sum(resident.nbytes for resident in residents_at_peak(state)) == figures[PEAK]
    wandered = random_state(problem, rng, 4)
    wandered.metrics()
    while wandered.depth:
        wandered.undo()
    np.testing.assert_array_equal(wandered.metrics(), State(problem).metrics())


@pytest.mark.parametrize("name", ["layers", "decode", "loops"])
def test_jit_gives_the_same_answer_too(name: str) -> None:
    fn, draw, donated = REGION_CASES[name]
    args = draw(np.random.default_rng(0))
    problem = problem_on(subject(name).graph, {"a": 4, "b": 2})
    state = random_state(problem, np.random.default_rng(3), 0)
    matrices = [a.name for a in problem.graph.arguments if len(problem.shape_of(problem.argument_ops[a.name])) >= 2]
    plan = plan_of(problem, [Manual({matrices[0]: FIRST_DIVISIBLE_DIM}, "a"), Manual({matrices[-1]: -1}, "b")])
    assert plan.state.key() != state.key()
    explicit, jitted = execute(Step(fn, args, donated, lambda seed: args), plan)
    assert all(check.equal for check in (*explicit, *jitted))


def check_borders(graph: Graph) -> None:
    """No op reads a value of another region but at a border, and all ranges are as they are said to be."""
    for op in graph.ops:
        for operand in op.operands:
            if isinstance(operand, int):
                home = graph.values[operand].region
                assert home == op.region or (op.primitive in BOUNDARY and graph.regions[home].parent == op.region)
        for region in graph.regions[1:]:
            inside, at = region.begin <= op.index < region.end, op.region
            while at not in (0, region.index):
                at = graph.regions[at].parent
            assert inside == (at == region.index)
    for control in graph.controls:
        assert all(op.control == control.index and op.region == control.region for op in graph.border(control))


@pytest.mark.parametrize("name", sorted(REGION_CASES))
def test_no_value_leaves_its_region_but_at_a_border(name: str) -> None:
    check_borders(subject(name).graph)


def trips_of(fn: Callable[..., Any], *args: Any, **more: Any) -> list[tuple[str, int, bool]]:
    graph = trace(fn, *args, **more)
    return [(c.kind, graph.regions[c.regions[-1]].trips, c.assumed) for c in graph.controls]


X = array(8, 8)


def counted(begin: int, end: int, step: int) -> Callable[[Any], Any]:
    def fn(x: Any) -> Any:
        return lax.while_loop(lambda c: c[0] < end, lambda c: (c[0] + step, jnp.sin(c[1])), (begin, x))[1]

    return fn


@pytest.mark.parametrize(("begin", "end", "step", "trips"), [(0, 10, 1, 10), (3, 10, 2, 4), (5, 5, 1, 0), (7, 2, 1, 0)])
def test_trips_of_a_counted_while_are_known(begin: int, end: int, step: int, trips: int) -> None:
    assert trips_of(counted(begin, end, step), X) == [("while", trips, False)]


def test_trips_that_depend_on_data_are_assumed_as_the_user_says() -> None:
    def fn(x: Any, n: Any) -> Any:
        return lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, jnp.sin(c[1])), (0, x))[1]

    assert trips_of(fn, X, array(dtype="int32"), while_trips=100) == [("while", 100, True)]
    plan = plan_of(Problem.of(trace(fn, X, array(dtype="int32")), FOUR), ())
    assert len(plan.loops()) == 1
    assert plan.loops()[0].startswith("while of 16 iterations (assumed) at ")
    assert Path(__file__).name in plan.loops()[0]


def test_a_step_says_how_many_trips_to_assume() -> None:
    def fn(x: Any, n: Any) -> Any:
        return lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, jnp.sin(c[1])), (0, x))[1]

    graph = trace_step(Step(fn, (X, array(dtype="int32")), while_trips=7))
    assert [graph.regions[c.regions[-1]].trips for c in graph.controls] == [7]


def test_a_limit_that_the_body_moves_is_not_known() -> None:
    def fn(x: Any) -> Any:
        return lax.while_loop(lambda c: c[0] < c[1], lambda c: (c[0] + 1, c[1] - 1, jnp.sin(c[2])), (0, 10, x))[2]

    assert trips_of(fn, X) == [("while", 16, True)]


def test_trips_are_part_of_what_identifies_a_program() -> None:
    assert trace(counted(0, 10, 1), X).fingerprint() != trace(counted(0, 11, 1), X).fingerprint()


@pytest.mark.parametrize("trips", [-1, 2.5, True])
def test_trips_that_make_no_sense_are_refused(trips: Any) -> None:
    with pytest.raises(TraceError, match="while_trips"):
        trace(jnp.sin, X, while_trips=trips)


def test_carries_and_loops_that_nothing_needs_are_left_out() -> None:
    def fn(x: Any) -> Any:
        (used, _), _ = lax.scan(lambda c, r: ((c[0] + r, c[1] * r), c[1]), (x[0], x[1]), x)
        lax.scan(lambda c, r: (c @ r, None), x, jnp.ones((3, 8, 8)))
        return used

    graph = trace(fn, X)
    assert [c.kind for c in graph.controls] == ["scan"]
    assert sum(op.primitive == LOOP_CARRY for op in graph.ops) == 1
    assert not any(op.primitive in ("mul", "dot_general") for op in graph.ops)


def test_a_loop_runs_its_body_as_often_as_it_is_long() -> None:
    def layer(x: Any, up: Any, down: Any) -> Any:
        return jnp.sin(jnp.tanh(x @ up) @ down)

    def scanned(up: Any, down: Any, x: Any) -> Any:
        return lax.scan(lambda c, w: (layer(c, *w), None), x, (up, down))[0]

    def unrolled(up: Any, down: Any, x: Any) -> Any:
        for one, other in zip(up, down, strict=True):
            x = layer(x, one, other)
        return x

    stacked = State(problem_of(scanned, array(6, 16, 32), array(6, 32, 16), array(8, 16), mesh=FOUR))
    weights = [array(16, 32)] * 6, [array(32, 16)] * 6
    single = State(problem_of(unrolled, *weights, array(8, 16), mesh=FOUR))
    stacked.apply(Manual({"up": 2}, "a").steps(stacked))
    single.apply(Manual({"up/*": 1}, "a").steps(single))
    both = stacked.metrics(), single.metrics()
    for figure in (STEP_S, COMMUNICATION_S, COMMUNICATION_BYTES, COMPUTE_S):
        assert both[0][figure] == pytest.approx(both[1][figure], rel=1e-12)
    program = lower(stacked)
    assert by_kind(program.collective_counts())["all_reduce"] == 1
    assert by_kind(program.executed_counts())["all_reduce"] == 6
    assert program.collectives()[0].trips == 6


def test_the_dearest_case_of_a_condition_counts() -> None:
    def fn(n: Any, x: Any, w: Any) -> Any:
        return lax.switch(n, [lambda: x, lambda: jnp.sin(jnp.sin(x @ w) @ w) @ w, lambda: x @ w])

    state = State(problem_of(fn, array(dtype="int32"), X, X, mesh=FOUR))
    state.apply(Manual({"w": 0}, "a").steps(state))
    graph = state.problem.graph
    seconds = [0.0] * len(graph.regions)
    for move in lower(state).collectives():
        seconds[graph.values[move.value].region] += move.seconds
    assert min(seconds[2], seconds[3]) > 0
    assert seconds[2] > seconds[3]
    assert state.metrics()[COMMUNICATION_S] == pytest.approx(seconds[0] + seconds[2], rel=1e-12)


def test_memory_of_a_scan_by_hand() -> None:
    def fn(x: Any, w: Any) -> Any:
        last, rows = lax.scan(lambda c, _: (jnp.sin(c @ w), jnp.sum(c @ w, 1)), x, None, length=5)
        return last, rows

    state = State(problem_of(fn, array(64, 16), array(16, 16), mesh=FOUR))
    # Arguments (64*16 + 16*16) and the stack (5*64) all the time; at the second product the carry and both products.
    assert state.metrics()[PEAK] == 4 * (64 * 16 + 16 * 16 + 5 * 64 + 3 * 64 * 16)


def test_what_enters_a_loop_is_held_until_its_last_trip() -> None:
    def fn(first: Any, w: Any) -> Any:
        entering = jnp.sin(w)

        def body(c: Any, _: Any) -> Any:
            a = jnp.sin(c @ entering)
            b = a @ a
            return a @ b, None

        return lax.scan(body, first, None, length=5)[0]

    square = array(256, 256)
    state = State(problem_of(fn, square, square, donate=(0,), mesh=FOUR))
    # At the last product: the argument that is kept, what enters (the next trip reads it), a, b and the product.
    assert state.metrics()[PEAK] == 4 * 5 * 256 * 256


def test_a_cache_that_is_written_in_place_is_held_once() -> None:
    def fn(cache: Any, x: Any) -> Any:
        def step(c: Any, i: Any) -> Any:
            return lax.dynamic_update_slice(c, x[None], (i, 0)), None

        return lax.scan(step, cache, jnp.arange(4))[0]

    state = State(problem_of(fn, array(1024, 64), array(64), donate=(0,), mesh=FOUR))
    assert state.metrics()[PEAK] < 1.1 * 4 * 1024 * 64


@pytest.mark.parametrize(
    ("order", "row", "held"),
    [("bthk", 128, 1), ("bhtk", 128, 2), ("bthk", 112, 1 + 128 / 112), ("th", 64, 3), ("th", 128, 1)],
)
def test_a_cache_is_held_twice_where_it_is_written_along_a_tiled_dimension(order: str, row: int, held: float) -> None:
    """As the TPU compiler does: the figures are its own, of such loops."""

    def fn(cache: Any, x: Any) -> Any:
        def step(c: Any, i: Any) -> Any:
            return lax.dynamic_update_slice_in_dim(c, jnp.expand_dims(x, axis), i, axis), None

        return lax.scan(step, cache, jnp.arange(4))[0]

    axis, sizes = order.index("t"), {"b": 8, "h": 4, "t": 2048, "k": row}
    shape = [row if dim == order[-1] else sizes[dim] for dim in order]
    mesh = Mesh({"a": 4}, "tpu_v5e")
    cache, x = array(*shape), array(*(size for d, size in enumerate(shape) if d != axis))
    state = State(problem_of(fn, cache, x, donate=(0,), mesh=mesh))
    assert state.metrics()[PEAK] / (4 * np.prod(shape)) == pytest.approx(held, rel=0.01)


@pytest.mark.parametrize("again", [False, True])
def test_casts_of_scanned_weights_are_of_the_whole_stack_and_outlive_the_loops(again: bool) -> None:
    def fn(x: Any, weights: Any) -> Any:
        def layer(c: Any, w: Any) -> Any:
            return jnp.sin(c @ w.astype(jnp.bfloat16)), None

        middle = lax.scan(layer, x, weights)[0]
        wide = jnp.sum(middle @ middle.T)  # The largest of all, between the loops.
        return wide, lax.scan(layer, middle, weights if again else weights + 1)[0]

    state = State(problem_of(fn, array(512, 64, dtype="bfloat16"), array(6, 64, 64), mesh=FOUR))
    casts = [r.nbytes for r in residents_at_peak(state) if r.what.startswith("convert_element_type")]
    assert casts == ([2 * 6 * 64 * 64] if again else [])


def test_the_dimension_that_a_loop_takes_apart_is_not_the_first_divisible_one() -> None:
    problem = Problem.of(subject("layers").graph, FOUR)
    assert problem.stacked[:3].tolist() == [True, True, False]
    state = State(problem)
    apply_schedule(state, [Manual({"weights/*": FIRST_DIVISIBLE_DIM}, "a")])
    assert state.tiles_of_argument("weights/up") == {"a": 1}


def test_borders_are_told_apart() -> None:
    graph = subject("layers").graph
    kinds = {op.primitive for c in graph.controls for op in graph.border(c)}
    assert {SCAN_SLICE, LOOP_CARRY} <= kinds
    assert any(op.primitive == ENTER for op in subject("microbatches").graph.ops)


def test_no_warning_speaks_of_a_loop() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Problem.of(subject("loops").graph, FOUR)


def test_a_debug_print_in_a_body_is_left_out_with_a_warning() -> None:
    def fn(x: Any) -> Any:
        return lax.scan(lambda c, r: (jax.debug.callback(lambda v: None, r) or c + r, r), x[0], x)

    with pytest.warns(UserWarning, match="'debug_callback'"):
        graph = trace(fn, X)
    assert [c.kind for c in graph.controls] == ["scan"]


def test_scanned_and_unrolled_layers_have_parameters_and_moments_alike() -> None:
    def step(weights: Any, momentum: Any, x: Any) -> Any:
        def loss(weights: Any) -> Any:
            return jnp.mean(lax.scan(lambda h, w: (jnp.tanh(h @ w), None), x, weights)[0] ** 2)

        momentum = jax.tree.map(lambda m, g: 0.9 * m + g, momentum, jax.grad(loss)(weights))
        return jax.tree.map(lambda w, m: w - 0.1 * m, weights, momentum), momentum

    stack = array(4, 16, 16)
    problem = problem_of(step, stack, stack, array(8, 16), donate=(0, 1), mesh=FOUR)
    assert [(g.pattern, g.role, g.stacked) for g in problem.groups] == [
        ("weights", "parameter", True),
        ("momentum", "moment", True),
        ("x", "input", False),
    ]
