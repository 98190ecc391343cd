"""The partitioning game keeps the promises of ``search.Game``."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopart.cost.metrics import METRICS
from autopart.game.partition_game import PartitionGame, seeds_of
from autopart.partitioning.state import State
from autopart.tactics.manual import Manual, apply_schedule
from tests.autopart.tiny import game_of, play, tiny


def snapshot(game: PartitionGame) -> tuple[object, ...]:
    return game.key(), game.metrics(), tuple(game.actions()), game.tactics(), game.state.marks.tile.tobytes()


@pytest.mark.parametrize("model", ["t32", "mlp"])
@settings(max_examples=40)
@given(seed=st.integers(0, 10**6))
def test_undo_takes_everything_back(model: str, seed: int) -> None:
    game = game_of(tiny(model))
    trail = [snapshot(game)]
    for step in range(5):
        actions = game.actions()
        if not actions:
            break
        game.apply(actions[(seed * 7919 + step * 104729) % len(actions)])
        trail.append(snapshot(game))
    while len(trail) > 1:
        assert snapshot(game) == trail.pop()
        game.undo()
    assert snapshot(game) == trail.pop()


@pytest.mark.parametrize("model", ["t32", "mlp"])
@settings(max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_metrics_and_key_do_not_depend_on_the_way_and_tactics_lead_there(model: str, seed: int) -> None:
    game = game_of(tiny(model))
    play(game, seed)
    fresh = State(tiny(model))
    apply_schedule(fresh, game.tactics())
    assert fresh.key() == game.key()
    assert tuple(fresh.metrics().tolist()) == game.metrics()


def test_two_games_list_the_same_actions() -> None:
    one, other = game_of(tiny("t32")), game_of(tiny("t32"))
    for seed in range(8):
        assert play(one, seed) == play(other, seed)
        assert snapshot(one) == snapshot(other)


def test_actions_are_distinct_and_legal() -> None:
    game = game_of(tiny("t32"))
    play(game, 3)
    actions = game.actions()
    assert len(set(actions)) == len(actions)
    for action in actions:
        before = snapshot(game)
        game.apply(action)
        game.undo()
        assert snapshot(game) == before


def test_a_recipe_is_played_once() -> None:
    game = game_of(tiny("t32"))
    recipe = next(i for i, a in enumerate(game.table.actions) if a.recipe is not None)
    assert recipe in game.actions()
    game.apply(recipe)
    assert recipe not in game.actions()
    game.undo()
    assert recipe in game.actions()


def test_what_was_taken_back_is_not_seen_and_playing_it_again_is_the_same() -> None:
    game = game_of(tiny("t32"))
    first, second = game.actions()[0], game.actions()[5]
    game.apply(first)
    once = snapshot(game)
    game.undo()
    assert game.tactics() == ()
    game.apply(first)
    assert (game.key(), game.tactics()) == (once[0], once[3])
    assert snapshot(game) == once
    game.undo()
    game.apply(second)
    assert game.key() != once[0]
    assert game.table.actions[second].tactic in game.tactics()


def test_words_and_figures() -> None:
    game = game_of(tiny("t32"))
    assert game.metric_names == METRICS
    assert len(game.metrics()) == len(METRICS)
    labels = [game.describe(action) for action in game.actions()]
    assert len(set(labels)) == len(labels)
    assert "params/layers/*/mlp/down: dim 0 on model" in labels
    assert "MP(model)" in labels


def test_an_error_in_an_action_leaves_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    game = game_of(tiny("t32"))
    number = next(i for i, a in enumerate(game.table.actions) if a.label == "Z2(batch)")
    before, apply = snapshot(game), State.apply

    def fail(self: State, steps: object) -> None:
        apply(self, steps)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(State, "apply", fail)
    with pytest.raises(KeyboardInterrupt):
        game.apply(number)
    assert snapshot(game) == before


def test_seeds_are_named_by_what_they_do() -> None:
    game = game_of(tiny("t32"))
    before = snapshot(game)
    seeds = seeds_of(game)
    assert snapshot(game) == before
    assert seeds["replicated"] == ()
    assert "BP(batch)+MP(model)+Z3(batch)" in seeds
    keys = set()
    for name, actions in seeds.items():
        state_keys = [game.key()]
        for action in actions:
            assert action in game.actions()
            game.apply(action)
            state_keys.append(game.key())
        assert len(set(state_keys)) == len(actions) + 1, name  # Each part does something.
        assert "+".join(game.describe(a) for a in actions) == name or name == "replicated"
        keys.add(game.key())
        for _ in actions:
            game.undo()
    assert len(keys) == len(seeds)


def test_seeds_after_a_prefix_leave_out_what_is_done() -> None:
    prefix = [Manual({"batch": 0}, "batch")]
    names = seeds_of(game_of(tiny("t32"), prefix))
    assert not any("BP(batch)" in name for name in names)
    assert "MP(model)" in names
