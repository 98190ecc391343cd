"""No state is better than the bounds of the states that lead to it."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopart.benchmarks.fuzz.states import problem_on
from autopart.benchmarks.schedules import EXPERTS
from autopart.cost.metrics import COMMUNICATION_BYTES, COMMUNICATION_S, COMPUTE_S, METRICS, PEAK, STEP_S
from autopart.costmodel.mesh import Mesh
from autopart.folding.fold import fold
from autopart.game.actions import action_table
from autopart.game.partition_game import PartitionGame
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.trace import trace, trace_step
from autopart.search import Budget, Exhaustive, Goals, Minimise, StopReason
from tests.autopart import cases, region_cases
from tests.autopart.tiny import array, game_of, play, problem_of, tiny, tiny_graph

PROGRAMS = {**cases.CASES, **region_cases.REGION_CASES}


def check(game: PartitionGame, seed: int) -> None:
    """Walks down a random way and judges every bound on it by every state below."""
    rng, bounds = np.random.default_rng(seed), []
    while True:
        bounds.append(game.lower_bounds())
        assert all(low >= 0 for low in bounds[-1])
        found = game.metrics()
        for above, low in enumerate(bounds):
            worse = {m: (b, f) for m, b, f in zip(METRICS, low, found, strict=True) if b > f}
            assert not worse, (above, len(bounds) - 1, worse, game.tactics())
        actions = game.actions()
        if not actions:
            break
        game.apply(actions[int(rng.integers(len(actions)))])
    while len(bounds) > 1:
        bounds.pop()
        game.undo()


@pytest.mark.parametrize("model", list(EXPERTS))
@settings(max_examples=8)
@given(seed=st.integers(0, 10**6))
def test_no_descendant_of_a_tiny_model_is_below_the_bounds(model: str, seed: int) -> None:
    check(game_of(tiny(model)), seed)


@pytest.mark.parametrize("device", ["tpu_v3", "a100", "h100", "cpu"])
@settings(max_examples=6)
@given(seed=st.integers(0, 10**6))
def test_no_descendant_on_another_device(device: str, seed: int) -> None:
    check(game_of(Problem.of(tiny_graph("t32"), Mesh({"a": 2, "b": 2, "c": 2}, device))), seed)


@functools.cache
def case(name: str) -> Problem:
    """A small program of every family on four by two devices."""
    fn, draw, donated = PROGRAMS[name]
    return problem_on(trace(fn, *draw(np.random.default_rng(0)), donate_argnums=donated), {"a": 4, "b": 2})


@pytest.mark.parametrize("name", list(PROGRAMS))
@settings(max_examples=4)
@given(seed=st.integers(0, 10**6))
def test_no_descendant_of_a_small_program(name: str, seed: int) -> None:
    check(game_of(case(name)), seed)


@functools.cache
def deep() -> Problem:
    """A transformer that folds."""
    return Problem.of(trace_step(EXPERTS["t32"][0]("tiny", layers=9)), Mesh({"batch": 4, "model": 2}, "tpu_v3"))


@settings(max_examples=12)
@given(seed=st.integers(0, 10**6))
def test_bounds_of_a_folded_program_hold_for_the_whole_one(seed: int) -> None:
    whole, folded = deep(), fold(deep())
    assert folded is not None
    game = PartitionGame(State(folded.problem), action_table(folded.problem, ("batch", "model")))
    check(game, seed)
    play(game, seed)
    bounds, state = game.lower_bounds(), State(whole)
    for tactic in game.tactics():
        state.apply(tactic.steps(state))
    if folded.is_steady(game.state.marks):
        for metric in range(len(METRICS)):
            assert bounds[metric] <= state.metrics()[metric], METRICS[metric]


def test_where_nothing_is_left_to_decide_the_bounds_are_the_figures() -> None:
    game = game_of(tiny("mlp"))
    rng = np.random.default_rng(0)
    while actions := game.actions():
        game.apply(actions[int(rng.integers(len(actions)))])
    bounds, figures = game.lower_bounds(), game.metrics()
    for metric in (PEAK, STEP_S, COMMUNICATION_S, COMMUNICATION_BYTES, COMPUTE_S):
        assert bounds[metric] == pytest.approx(figures[metric]), METRICS[metric]


def test_the_bounds_at_the_root_are_the_work_and_the_arrays_shared_by_all_devices() -> None:
    problem = problem_of(lambda x: x * 2.0, array(64, 64), mesh=Mesh({"a": 4, "b": 2}, "tpu_v3"))
    game = game_of(problem)
    assert game.lower_bounds()[PEAK] == 64 * 64 * 4 / 8 + 64 * 64 * 4 / 8
    assert game.lower_bounds()[COMPUTE_S] == pytest.approx(game.metrics()[COMPUTE_S] / 8)


class _Unbounded(PartitionGame):
    """The game that knows no bounds."""

    def lower_bounds(self) -> tuple[float, ...]:
        """Nothing is ever below."""
        return (0.0,) * len(METRICS)


def test_exhaustive_search_with_bounds_finds_the_same_optimum_with_fewer_states() -> None:
    def step(params: Any, x: Any) -> Any:
        def loss(params: Any) -> Any:
            return jnp.sum(jnp.tanh(x @ params[0]) @ params[1])

        return jax.tree.map(lambda p, g: p - 0.1 * g, params, jax.grad(loss)(params))

    mesh = Mesh({"a": 4}, "cpu")
    problem = problem_of(step, [array(1024, 4096), array(4096, 1024)], array(4096, 1024), donate=(0,), mesh=mesh)
    goals, table = Goals([Minimise("step_s")], METRICS), action_table(problem, ("a",))
    games = PartitionGame(State(problem), table), _Unbounded(State(problem), table)
    bounded, full = (Exhaustive().run(game, goals, Budget(simulations=10_000)) for game in games)
    assert bounded.stop is full.stop is StopReason.EXHAUSTED
    assert bounded.best_metrics[STEP_S] == full.best_metrics[STEP_S]
    assert bounded.simulations < full.simulations
