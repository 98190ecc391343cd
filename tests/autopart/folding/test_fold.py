"""Folding: the folded program costs what the whole one does, and what cannot be folded is not."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopart.benchmarks.schedules import EXPERTS
from autopart.costmodel.mesh import Mesh
from autopart.emit.lower import lower
from autopart.folding.fold import Folded, fold
from autopart.folding.repeated_layers import edges_of, layers_of
from autopart.game.actions import action_table
from autopart.game.partition_game import PartitionGame
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.plan.plan import Plan
from autopart.planner.api import partition_graph
from autopart.planner.auto import Auto
from autopart.planner.judge import same_figures
from autopart.program.trace import trace, trace_step
from autopart.search import AtMost, Budget, Goal, Minimise
from autopart.tactics.as_json import to_json
from autopart.tactics.manual import Atomic, Manual, apply_schedule
from tests.autopart.tiny import MESH, array, layers_of_squares, tiny
from tests.examples import examples

TPU = Mesh({"batch": 4, "model": 2}, "tpu_v3")
THREE = Mesh({"batch": 2, "model": 2, "more": 2}, "tpu_v3")

PROGRAMS: dict[str, tuple[str, dict[str, Any], Mesh]] = {
    "t32 of 7 layers": ("t32", {"layers": 7}, TPU),
    "t32 of 20 layers": ("t32", {"layers": 20}, TPU),
    "t32 that keeps activations": ("t32", {"layers": 12, "remat": False}, TPU),
    "wide t32": ("t32", {"layers": 8, "d_ff": 512, "batch": 16, "compute_dtype": "bfloat16"}, TPU),
    "t32 on three axes": ("t32", {"layers": 9}, THREE),
    "t32 on a host": ("t32", {"layers": 9}, MESH),
    "it32": ("it32", {"layers": 10}, TPU),
    "gns": ("gns", {"steps": 12}, TPU),
}


@functools.cache
def whole_and_folded(program: str) -> tuple[Problem, Folded]:
    model, overrides, mesh = PROGRAMS[program]
    problem = Problem.of(trace_step(EXPERTS[model][0]("tiny", **overrides)), mesh)
    folded = fold(problem)
    assert folded is not None
    return problem, folded


def game_on(folded: Folded) -> PartitionGame:
    return PartitionGame(State(folded.problem), action_table(folded.problem, folded.problem.mesh.axis_names))


def assert_stands_for(folded: Folded, small: State, whole: State) -> None:
    """Every op that was left out is tiled as the one that stands for it, and the figures are the same."""
    np.testing.assert_array_equal(small.marks.tile[folded.stands_for], whole.marks.tile)
    assert folded.is_steady(small.marks)
    one, other = small.metrics().tolist(), whole.metrics().tolist()
    assert same_figures(one, other), (one, other)


@pytest.mark.parametrize("program", PROGRAMS)
@examples(25)
@given(choices=st.lists(st.integers(0, 2**16), min_size=1, max_size=8))
def test_random_states_cost_the_same(program: str, choices: list[int]) -> None:
    problem, folded = whole_and_folded(program)
    game, whole = game_on(folded), State(problem)
    for choice in choices:
        if actions := game.actions():
            game.apply(actions[choice % len(actions)])
    assert folded.ties(whole, State(folded.problem), game.tactics())
    apply_schedule(whole, game.tactics())
    assert_stands_for(folded, game.state, whole)


@pytest.mark.parametrize("program", ["t32 of 20 layers", "it32", "gns"])
def test_experts_schedules_cost_the_same_and_move_the_same(program: str) -> None:
    problem, folded = whole_and_folded(program)
    for name, schedule in EXPERTS[PROGRAMS[program][0]][1].items():
        small, whole = State(folded.problem), State(problem)
        apply_schedule(small, schedule)
        apply_schedule(whole, schedule)
        assert_stands_for(folded, small, whole)
        weight = folded.problem.costs.value_weight
        counted: dict[int, int] = {}
        for move in small.layout().moves[: int(small.layout().counts[0])]:
            counted[int(move[0])] = counted.get(int(move[0]), 0) + int(weight[move[1]])
        kinds, times = np.unique(whole.layout().moves[: int(whole.layout().counts[0]), 0], return_counts=True)
        assert counted == dict(zip(kinds.tolist(), times.tolist(), strict=True)), name


def test_the_size_does_not_depend_on_depth() -> None:
    _, few = whole_and_folded("t32 of 7 layers")
    _, many = whole_and_folded("t32 of 20 layers")
    assert len(few.problem.graph.ops) == len(many.problem.graph.ops)
    assert many.times - few.times == 13


def test_a_folded_program_is_a_program() -> None:
    _, folded = whole_and_folded("t32 of 7 layers")
    graph = folded.problem.graph
    assert [op.index for op in graph.ops] == list(range(len(graph.ops)))
    for op in graph.ops:
        assert all(graph.values[o].producer < op.index for o in op.operands if isinstance(o, int))
        assert all(graph.values[r].producer == op.index for r in op.results)
    assert lower(State(folded.problem)).executed_counts() == {}


def test_names_and_patterns_are_those_of_the_whole_program() -> None:
    problem, folded = whole_and_folded("t32 of 7 layers")
    assert [g.pattern for g in folded.problem.groups] == [g.pattern for g in problem.groups]
    names = {name for group in problem.groups for name in group.names}
    assert all(names.issuperset(group.names) for group in folded.problem.groups)


def test_tactics_that_part_layers_are_no_tactics_of_the_folded_program() -> None:
    problem, folded = whole_and_folded("t32 of 7 layers")
    whole, small = State(problem), State(folded.problem)
    assert folded.ties(whole, small, [Manual({"params/layers/*/mlp/up": 1}, "model")])
    assert folded.ties(whole, small, [Manual({"params/layers/0/mlp/up": 1}, "model")])  # The first is no one else.
    assert not folded.ties(whole, small, [Manual({"params/layers/3/mlp/up": 1}, "model")])
    assert not folded.ties(whole, small, [Atomic(("params/layers/{0,2,4}/mlp/up",), "model")])


def test_a_state_that_alternates_is_not_steady() -> None:
    problem = Problem.of(trace_step(EXPERTS["mlp"][0]("tiny", layers=12)), TPU)
    folded = fold(problem)
    assert folded is not None
    state = State(folded.problem)
    apply_schedule(state, [Manual({"batch/*": 0}, "model"), Manual({"params/layers/*/w": 0}, "batch")])
    assert not folded.is_steady(state.marks)


def chain(blocks: list[Callable[[Any, Any], Any]], donate: bool) -> Problem:
    def fn(weights: list[Any], x: Any) -> Any:
        for weight, block in zip(weights, blocks, strict=True):
            x = block(weight, x)
        return jnp.sum(x)

    graph = trace(fn, [array(16, 16)] * len(blocks), array(32, 16), donate_argnums=(0,) if donate else ())
    return Problem.of(graph, TPU)


STEPS: list[Callable[[Any, Any], Any]] = [
    lambda w, x: x @ w,
    lambda w, x: jnp.tanh(x),
    lambda w, x: x * jnp.sum(w, axis=1),
    lambda w, x: x - jnp.max(x, axis=1, keepdims=True),
    lambda w, x: x + x @ (w + w.T),
    lambda w, x: jnp.sort(x, axis=1),
    lambda w, x: x + jnp.mean(x, axis=0),
]


def random_block(numbers: list[int]) -> Callable[[Any, Any], Any]:
    def block(weight: Any, x: Any) -> Any:
        for number in numbers:
            x = STEPS[number](weight, x)
        return x

    return block


@examples(25)
@given(
    numbers=st.lists(st.integers(0, len(STEPS) - 1), min_size=1, max_size=5),
    count=st.integers(1, 12),
    donate=st.booleans(),
    choices=st.lists(st.integers(0, 2**16), min_size=1, max_size=4),
)
def test_random_blocks_cost_the_same_if_they_are_folded(
    numbers: list[int], count: int, donate: bool, choices: list[int]
) -> None:
    problem = chain([random_block(numbers)] * count, donate)
    folded = fold(problem)
    if folded is None:
        return
    game, whole = game_on(folded), State(problem)
    for choice in choices:
        actions = game.actions()
        game.apply(actions[choice % len(actions)])
    if folded.is_steady(game.state.marks) and folded.ties(whole, State(folded.problem), game.tactics()):
        apply_schedule(whole, game.tactics())
        assert_stands_for(folded, game.state, whole)


def test_a_block_of_a_product_and_a_nonlinearity_is_folded() -> None:
    folded = fold(chain([random_block([0, 1])] * 12, donate=False))
    assert folded is not None
    assert folded.times > 4


def test_one_other_layer_in_the_middle_is_not_folded_away() -> None:
    blocks = [random_block([0, 1])] * 12
    blocks[6] = random_block([0, 3])
    problem = chain(blocks, donate=False)
    folded = fold(problem)
    kept = range(len(problem.graph.ops)) if folded is None else folded.kept.tolist()
    assert any(problem.graph.ops[op].primitive == "reduce_max" for op in kept)


@pytest.mark.parametrize("model", ["t32", "mlp", "resnet"])
def test_too_few_layers_are_not_folded(model: str) -> None:
    assert fold(tiny(model)) is None


def test_squares_by_other_names_have_layers() -> None:
    graph = trace(layers_of_squares(10), [array(8, 8)] * 10, array(64, 8))
    layers = layers_of(graph, Problem.of(graph, MESH).groups, edges_of(graph))
    assert layers.count >= 3
    products = [op.index for op in graph.ops if op.primitive == "dot_general"]
    assert len({int(layers.unit[op]) for op in products}) == 1
    assert abs(np.diff(layers.layer[products])).tolist() == [1] * 9


def planned(fold_it: bool, **overrides: Any) -> Plan:
    goals: list[Goal] = [AtMost("peak_memory_bytes", 4e6), Minimise("step_s"), Minimise("peak_memory_bytes")]
    graph = trace_step(EXPERTS["t32"][0]("tiny", **overrides))
    return partition_graph(graph, TPU, goals=goals, tactics=[Auto(budget=Budget(150), fold=fold_it)])


def test_search_finds_the_same_plan_folded_or_not() -> None:
    one, other = planned(True, layers=8), planned(False, layers=8)
    assert one.search["ops_played"] < one.search["ops"] == other.search["ops_played"]
    assert "not_folded" not in one.search
    assert [to_json(t) for t in one.schedule] == [to_json(t) for t in other.schedule]
    assert one.metrics == other.metrics
    assert one.recipes == other.recipes


def test_where_layers_are_told_apart_by_hand_the_whole_program_is_searched() -> None:
    graph = whole_and_folded("t32 of 7 layers")[0].graph
    by_hand = Manual({"params/layers/3/mlp/up": 1}, "model")
    plan = partition_graph(graph, TPU, tactics=[by_hand, Auto(budget=Budget(20))])
    assert plan.search["ops_played"] == plan.search["ops"]
    assert "layers alike" in plan.search["not_folded"]


def test_where_equal_layers_pair_up_the_whole_program_is_searched() -> None:
    graph = trace_step(EXPERTS["mlp"][0]("tiny", layers=12))
    one, other = (partition_graph(graph, TPU, tactics=[Auto(budget=Budget(60), fold=f)]) for f in (True, False))
    assert one.search["not_folded"]
    assert [to_json(t) for t in one.schedule] == [to_json(t) for t in other.schedule]
