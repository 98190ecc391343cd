"""What lives at the peak, read a second time from the same decision, sums to the peak exactly."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopart.benchmarks.models import t32
from autopart.benchmarks.schedules import EXPERTS
from autopart.cost.metrics import PEAK
from autopart.explain.peak_memory import residents_at_peak, summary
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.trace import trace
from autopart.tactics.manual import Manual, apply_schedule
from tests.autopart.cases import subject
from tests.autopart.partitioning.test_argument_groups import THETA, adam
from tests.autopart.random_states import GRIDS, PROGRAMS, SEEDS, Grid, state_at
from tests.autopart.tiny import MESH, array, game_of, layers_of_squares, play, problem_of, tiny
from tests.examples import examples


def check(state: State) -> None:
    residents = residents_at_peak(state)
    assert sum(r.nbytes for r in residents) == state.metrics()[PEAK]  # Bytes are whole: not one may be missing.
    assert [r.nbytes for r in residents] == sorted((r.nbytes for r in residents), reverse=True)
    assert {r.role for r in residents} <= {"parameter", "moment", "state", "input", "value", "gathered"}
    joined = summary(residents)
    assert sum(row[2] for row in joined) == state.metrics()[PEAK]
    assert sum(row[3] for row in joined) == len(residents)


@pytest.mark.parametrize("model", ["t32", "mlp"])
@examples(60)
@given(seed=st.integers(0, 10**6))
def test_residents_sum_to_the_peak_in_any_state(model: str, seed: int) -> None:
    game = game_of(tiny(model))
    play(game, seed, most=8)
    check(game.state)


@pytest.mark.parametrize("name", PROGRAMS)
@examples(12)
@given(grid=GRIDS, seed=SEEDS)
def test_residents_sum_to_the_peak_on_any_mesh(name: str, grid: Grid, seed: int) -> None:
    """After loops and conditions, with halos, tiles that three devices share, and states that no game plays."""
    check(state_at(name, grid, seed))


def without_remat() -> Problem:
    step = t32.step("tiny", remat=False)
    return Problem.of(trace(step.fn, *step.args, donate_argnums=step.donate_argnums), MESH)


def keeps_its_arguments() -> Problem:
    return problem_of(adam, THETA, THETA, THETA, array(8, 16))


def gives_much_back() -> Problem:
    def fn(x: Any, w: Any) -> Any:
        y = jnp.tanh(x @ w)
        return x, y, y @ w.T, y.sum(0)

    return problem_of(fn, array(16, 16), array(16, 16), donate=(0,))


def slides_windows() -> Problem:
    return Problem.of(subject("picture_net").graph, MESH)


@pytest.mark.parametrize("make", [without_remat, keeps_its_arguments, gives_much_back, slides_windows])
def test_residents_sum_to_the_peak_in_other_programs(make: Any) -> None:
    problem = make()
    for seed in range(25):
        game = game_of(problem)
        play(game, seed, most=8)
        check(game.state)


@pytest.mark.parametrize("model", ["t32", "mlp"])
def test_residents_of_the_expert_schedules(model: str) -> None:
    for schedule in EXPERTS[model][1].values():
        state = State(tiny(model))
        apply_schedule(state, schedule)
        check(state)


def test_the_summary_joins_layers() -> None:
    rows = {row[0]: row for row in summary(residents_at_peak(State(tiny("t32"))))}
    what, role, nbytes, count = rows["opt_state/*/mu/layers/*/mlp/up"]
    assert (what, role, nbytes, count) == ("opt_state/*/mu/layers/*/mlp/up", "moment", 2 * 64 * 256 * 4, 2)


def test_values_are_named_by_primitive_and_source_line() -> None:
    residents = residents_at_peak(State(problem_of(layers_of_squares(3), [array(8, 8)] * 3, array(64, 8))))
    values = [r for r in residents if r.role == "value"]
    assert values
    assert all(" at " in r.what and "tiny.py" in r.what for r in values)


def test_the_timeline_rises_to_the_peak_and_ends_with_what_stays() -> None:
    for model in ("t32", "mlp"):
        game = game_of(tiny(model))
        play(game, 3)
        metrics, where = game.state.analyse()
        positions, held = game.state.memory_timeline()
        assert held.max() == metrics[PEAK]
        assert positions[held.argmax()] == where
        assert positions[0] == -1
        assert (np.diff(positions) > 0).all()
        assert held.min() > 0


def test_a_completed_sum_is_held_until_the_wider_value_is_made_of_it() -> None:
    def scores(x: Any, w: Any, mask: Any) -> Any:
        masked = (x @ w).astype(jnp.float32) + mask
        return jnp.exp(masked).sum(), masked.max()

    args = array(8, 16, dtype="bfloat16"), array(16, 32, dtype="bfloat16"), array(8, 32)
    problem = problem_of(scores, *args)
    whole = State(problem)
    check(whole)
    # The product writes the masked scores in float32, 1024 bytes; x has 256, w and the mask 1024; two results of 4.
    assert whole.metrics()[PEAK] == 256 + 1024 + 1024 + 1024 + 2 * 4
    split = State(problem)
    apply_schedule(split, [Manual({"x": 1}, "model")])
    check(split)
    # Halves of x and w; the product is summed over devices in bfloat16, 512 bytes, and then made wide.
    assert split.metrics()[PEAK] == 128 + 512 + 1024 + 512 + 1024
