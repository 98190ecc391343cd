"""Measures that goals ask for: what the search prices is what the Program does, folded or not."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from autopart.cost.metrics import METRICS
from autopart.emit.lower import Move, Program, lower
from autopart.errors import GoalError
from autopart.folding.folded_measures import folded_counted
from autopart.game.actions import action_table
from autopart.game.partition_game import PartitionGame, seeds_of
from autopart.goals.measures import counted_of, metric_names
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.plan.plan import plan_of
from autopart.program.tag import tag
from autopart.tactics.manual import Manual, apply_schedule
from autopart.text.quantities import is_bytes
from tests.autopart.folding.test_fold import PROGRAMS, whole_and_folded
from tests.autopart.tiny import MESH, array, problem_of, tiny


def scanned(weights: Any, x: Any) -> Any:
    def layer(carry: Any, weight: Any) -> Any:
        return jnp.tanh(tag(carry, "kept") @ weight.astype(jnp.float32)), None

    return lax.scan(layer, x, weights)[0].sum()


def conditional(weight: Any, x: Any) -> Any:
    return lax.cond(x[0, 0] > 0, lambda: x @ weight, lambda: x @ weight.T).sum()


@functools.cache
def program(name: str) -> Problem:
    if name == "scanned":
        return problem_of(jax.grad(scanned), array(6, 16, 16, dtype="bfloat16"), array(32, 16))
    if name == "conditional":
        return problem_of(conditional, array(16, 16), array(32, 16))
    return tiny(name)


def measures_of(problem: Problem, pattern: str) -> tuple[str, ...]:
    axes = [f"communication_bytes_on:{axis}" for axis in problem.mesh.axis_names]
    return (*axes, f"all_gathers_of:{pattern}", f"all_gathered_bytes_of:{pattern}")


def source_of(problem: Problem, value: int) -> str:
    """The argument that a value is a cast, rearrangement or slice of, by a walk of its own from the value up."""
    graph = problem.graph
    op = graph.ops[graph.values[value].producer]
    while op.primitive in ("convert_element_type", "transpose", "reshape", "copy", "squeeze", "scan_slice") or (
        op.primitive in ("expand_dims", "name", "optimization_barrier", "enter")
    ):
        if not isinstance(op.operands[0], int):
            return ""
        op = graph.ops[graph.values[op.operands[0]].producer]
    return graph.arguments[op.index].name if op.index < len(graph.arguments) else ""


def counted_plainly(lowered: Program, name: str, arguments: set[str]) -> int:
    """A measure, read off the Program."""
    measure, _, of = name.partition(":")
    problem = lowered.problem
    sizes = problem.mesh.axes

    def counts(move: Move) -> bool:
        if measure == "communication_bytes_on":
            return of in move.axes and sizes[of] > 1
        wide = any(sizes[axis] > 1 for axis in move.axes)
        return move.kind == "all_gather" and wide and source_of(problem, move.value) in arguments

    moves = [move for move in lowered.collectives() if counts(move)]
    return sum(move.trips * (move.full_bytes if is_bytes(name) else 1) for move in moves)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("t32", "params/layers/*/mlp/*"),
        ("moe", "params/**"),
        ("gns", "params/**"),
        ("scanned", "weights"),
        ("conditional", "weight"),
    ],
)
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_measures_are_those_of_the_program(name: str, pattern: str, seed: int) -> None:
    """After any actions, taken back or not: the sums kept up to date are what a plain count of the Program says."""
    problem = program(name)
    names = measures_of(problem, pattern)
    state = State(problem, counted_of(problem, names))
    game = PartitionGame(state, action_table(problem, problem.mesh.axis_names))
    rng = np.random.default_rng(seed)
    arguments = {problem.name_of(op) for op in problem.matching(pattern).tolist()}
    for _ in range(6):
        actions = game.actions()
        if actions and rng.random() < 0.75:
            game.apply(actions[int(rng.integers(len(actions)))])
        elif game.tactics():
            game.undo()
        figures = dict(zip(game.metric_names, game.metrics(), strict=True))
        lowered = lower(game.state)
        assert {n: figures[n] for n in names} == {n: counted_plainly(lowered, n, arguments) for n in names}


def test_bytes_on_axes_cover_all_communication() -> None:
    """With one collective an axis at a time the axes add up to the whole; no axis is charged more than that."""
    problem = tiny("t32")
    names = measures_of(problem, "params/**")[:2]
    state = State(problem, counted_of(problem, names))
    apply_schedule(state, [Manual({"batch/*": 0}, "batch"), Manual({"params/layers/*/mlp/up": 1}, "model")])
    figures = dict(zip(state.metric_names, state.metrics().tolist(), strict=True))
    assert all(len(move.axes) == 1 for move in lower(state).collectives())
    assert figures[names[0]] + figures[names[1]] == figures["communication_bytes"] > figures[names[0]] > 0


def test_a_loop_counts_once_a_trip() -> None:
    problem = program("scanned")
    plan = plan_of(problem, [Manual({"x": 0}, "batch"), Manual({"weights": 1}, "batch")])
    gathers = [move for move in plan.program.collectives() if move.kind == "all_gather"]
    assert {move.trips for move in gathers} == {6}
    name = "all_gathers_of:weights"
    assert plan.measure(name) == counted_plainly(plan.program, name, {"weights"}) > 0
    assert plan.measure("step_s") == plan.metrics["step_s"]


@pytest.mark.parametrize("folded_program", PROGRAMS)
def test_a_folded_program_measures_as_the_whole(folded_program: str) -> None:
    problem, folded = whole_and_folded(folded_program)
    names = measures_of(problem, "params/**")
    counted = counted_of(problem, names)
    small = folded_counted(counted, folded)
    assert small is not None
    axes = problem.mesh.axis_names
    game = PartitionGame(State(folded.problem, small), action_table(folded.problem, axes))
    whole, seen = State(problem, counted), 0
    for actions in seeds_of(game).values():
        for action in actions:
            game.apply(action)
        tactics = game.tactics()
        if folded.ties(whole, State(folded.problem), tactics) and folded.is_steady(game.state.marks):
            apply_schedule(whole, tactics)
            assert game.metrics()[len(METRICS) :] == tuple(whole.metrics().tolist())[len(METRICS) :]
            seen += any(game.metrics()[len(METRICS) :])
            whole.undo_to(0)
        for _ in actions:
            game.undo()
    assert seen >= 2


def test_a_measure_of_one_layer_is_none_of_a_folded_program() -> None:
    problem, folded = whole_and_folded("t32 of 7 layers")
    assert folded_counted(counted_of(problem, ("all_gathers_of:params/layers/3/mlp/up",)), folded) is None
    assert folded_counted(counted_of(problem, ("all_gathers_of:params/layers/*/mlp/up",)), folded) is not None


def test_who_asks_for_nothing_measures_nothing() -> None:
    problem = tiny("mlp")
    assert State(problem).tally is None
    assert State(problem).metric_names == METRICS == metric_names(["step_s", "peak_memory_bytes"])
    assert metric_names(["all_gathers_of:w", "step_s", "all_gathers_of:w"]) == (*METRICS, "all_gathers_of:w")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("communication_bytes_on:modle", "no mesh axis 'modle'; there is batch, model"),
        ("all_gathers_of:params/nothing", "pattern 'params/nothing' matches no argument"),
        ("all_gathers_of:", "no metric 'all_gathers_of:'"),
        ("step_ms", r"no metric 'step_ms' \(did you mean 'step_s'\?\).*communication_bytes_on:AXIS"),
    ],
)
def test_measures_that_there_are_not(name: str, message: str) -> None:
    with pytest.raises(GoalError, match=message):
        counted_of(Problem.of(tiny("mlp").graph, MESH), (name,))
