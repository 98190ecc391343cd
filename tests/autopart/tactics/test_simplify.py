"""A simplified schedule is never worse, and never longer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopart.cost.metrics import PEAK, STEP_S
from autopart.partitioning.state import State
from autopart.tactics.manual import Atomic, Manual, Tactic, apply_schedule
from autopart.tactics.simplify import simplify
from tests.autopart.tiny import array, game_of, play, problem_of, tiny


def rank(state: State) -> tuple[float, ...]:
    metrics = state.metrics()
    return float(metrics[STEP_S]), float(metrics[PEAK])


def more_tiles(state: State) -> tuple[float, ...]:
    return (-float(state.marks.length[0]),)


def state_after(model: str, *schedule: Tactic) -> State:
    state = State(tiny(model))
    apply_schedule(state, schedule)
    return state


@pytest.mark.parametrize("model", ["t32", "mlp"])
@settings(max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_never_worse_and_never_longer(model: str, seed: int) -> None:
    game = game_of(tiny(model))
    play(game, seed, most=8)
    schedule = game.tactics()
    prefix, rest = schedule[:1], schedule[1:]
    short = simplify(tiny(model), prefix, rest, rank)
    assert len(short) <= len(rest)
    assert rank(state_after(model, *prefix, *short)) <= rank(state_after(model, *schedule))
    assert simplify(tiny(model), prefix, short, rank) == short


def test_what_does_nothing_goes_and_neighbours_join() -> None:
    up, up_again = Manual({"params/layers/*/mlp/up": 1}, "model"), Manual({"params/layers/*/mlp/down": 0}, "model")
    qkv = Manual({"params/layers/*/attn/qkv": 2}, "model")
    data = Manual({"batch": 0}, "batch", "data parallel")
    short = simplify(tiny("t32"), (), [data, up, up_again, qkv], more_tiles)
    key = state_after("t32", *short).key()
    assert key == state_after("t32", data, up, qkv).key()
    assert len(short) == 2
    assert short[0].name == "data parallel"
    assert isinstance(short[1], Manual)
    assert len(short[1].tiles) == 2


def test_tactics_of_different_names_are_not_joined() -> None:
    one = Manual({"batch": 0}, "batch", "data parallel")
    other = Manual({"params/embed": 0}, "batch", "embedding")
    everything = lambda state: ()  # noqa: E731
    assert simplify(tiny("t32"), (), [one, other], more_tiles) == [one, other]
    assert simplify(tiny("t32"), (), [one, other], everything) == []


def test_what_is_left_of_a_recipe_loses_its_name() -> None:
    whole = Atomic(("params/embed",), "batch", "ZeRO-2")
    moments = Manual({"opt_state/0/*/embed": 0}, "batch", "ZeRO-2")
    short = simplify(tiny("t32"), (), [whole, moments], more_tiles)
    assert short == [moments]
    assert short[0].name == ""


def test_a_tactic_that_others_lean_on_stays() -> None:
    problem = problem_of(lambda x, y: x + y, array(8, 12), array(8, 12))
    # Without the first, the second would cut x's 12 columns by 4, and the third could not cut them by 2 again.
    schedule: list[Tactic] = [Atomic(("x",), "batch"), Manual({"y": 1}, "batch"), Manual({"x": 1}, "model")]

    def more_tiles_by_axis(state: State) -> tuple[float, ...]:
        return tuple(-float(count) for count in (state.marks.tile >= 0).sum(axis=0))

    assert simplify(problem, (), schedule, more_tiles_by_axis) == schedule
