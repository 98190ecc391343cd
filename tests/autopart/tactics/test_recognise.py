"""Known strategies are recognised in schedules, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopart.benchmarks.schedules import EXPERTS
from autopart.partitioning.state import State
from autopart.tactics.manual import Manual, Tactic, apply_schedule
from autopart.tactics.recognise import recognise
from autopart.tactics.strategies import DataParallel, EdgeSharding, ExpertParallel, Megatron, ZeRO2, ZeRO3
from tests.autopart.tiny import game_of, play, tiny

B, M = "batch", "model"


@pytest.mark.parametrize(
    ("model", "schedule", "named"),
    [
        ("t32", "BP+MP+Z2", [DataParallel(B), Megatron(M), ZeRO2(B)]),
        ("t32", "BP+MP+Z3", [DataParallel(B), Megatron(M), ZeRO3(B)]),
        ("moe", "BP+EP+Z3", [ExpertParallel(B), DataParallel(B)]),
        ("gns", "BP+ES", [DataParallel(B), EdgeSharding(M)]),
    ],
)
def test_experts_schedules_are_recognised(model: str, schedule: str, named: list[Tactic]) -> None:
    found = recognise(tiny(model), (), EXPERTS[model][1][schedule])
    assert found[: len(named)] == named


def test_several_tactics_in_a_row_may_be_one_strategy() -> None:
    up, qkv = Manual({"params/layers/*/mlp/up": 1}, M), Manual({"params/layers/*/attn/qkv": 2}, M)
    assert recognise(tiny("t32"), (), [up, qkv]) == [Megatron(M)]
    assert recognise(tiny("t32"), (), [qkv, up, Manual({B: 0}, B)]) == [Megatron(M), DataParallel(B)]
    assert recognise(tiny("t32"), (qkv,), [up]) == [up]  # What is left of a strategy has not its name.
    assert recognise(tiny("t32"), (), [up]) == [up]


def test_what_is_no_strategy_has_few_patterns() -> None:
    tiles = {"params/layers/*/mlp/up": 1, "params/layers/*/attn/qkv": 3, "params/layers/*/mlp/up_bias": 0}
    [found] = recognise(tiny("t32"), (), [Manual({**tiles, "opt_state/0/mu/embed": 1, "params/embed": 1}, M, "mine")])
    assert found == Manual(
        {"{params/embed,params/layers/*/mlp/up,opt_state/0/mu/embed}": 1,
         "params/layers/*/attn/qkv": 3, "params/layers/*/mlp/up_bias": 0}, M,
    )  # fmt: skip


@pytest.mark.parametrize("model", ["t32", "mlp"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_state_stays_the_same(model: str, seed: int) -> None:
    game = game_of(tiny(model))
    play(game, seed, most=5)
    state = State(tiny(model))
    apply_schedule(state, recognise(tiny(model), (), game.tactics()))
    assert state.key() == game.key()
