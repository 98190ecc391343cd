"""The guided prior: it raises what addresses the goal that binds, and stays a distribution."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopart.cost.metrics import COMPUTE_S, EXPOSED_S, PEAK
from autopart.game.actions import action_table
from autopart.game.guided_prior import ActionReach, GuidedPrior
from autopart.game.partition_game import PartitionGame
from autopart.goals.measures import counted_of, metric_names
from autopart.partitioning.state import State
from autopart.search import AtMost, Goal, Goals, Minimise
from autopart.search.priors import checked_prior
from autopart.sharding.propagate import TILE
from autopart.tactics.manual import Manual, apply_schedule
from tests.autopart.tiny import play, tiny
from tests.examples import examples


def guided(goals: list[Goal], prefix: list[Manual], model: str = "t32") -> tuple[PartitionGame, GuidedPrior]:
    """The game after a prefix, and a guided prior."""
    problem = tiny(model)
    names = metric_names([metric for goal in goals for metric in goal.metrics])
    state, root = State(problem, counted_of(problem, names)), State(problem)
    apply_schedule(state, prefix)
    apply_schedule(root, prefix)
    game = PartitionGame(state, action_table(problem, problem.mesh.axis_names, state))
    return game, GuidedPrior(game, Goals(goals, names), root)


def raised(game: PartitionGame, prior: GuidedPrior) -> dict[str, float]:
    """By label of each legal action how many times its static share it has."""
    actions = game.actions()
    weights = checked_prior(prior, game, actions)
    static = np.array([game.weight(action) + 1.0 for action in actions])
    times = weights / (static / static.sum())
    return {game.describe(a): float(t) for a, t in zip(actions, times, strict=True)}


def test_over_memory_what_tiles_the_most_at_the_peak_is_raised_most() -> None:
    """Of two actions on one axis, the one whose values hold more of the peak has no smaller weight."""
    game, prior = guided([AtMost("peak_memory_bytes", 1.0)], [])
    before = game.metrics()[PEAK]
    found = raised(game, prior)
    saved = {}
    for action in game.actions():
        game.apply(action)
        saved[game.describe(action)] = before - game.metrics()[PEAK]
        game.undo()
    best, worst = max(saved, key=lambda label: saved[label]), min(saved, key=lambda label: saved[label])
    assert found[best] > 1 > found[worst]


def test_over_bytes_of_an_axis_what_reaches_the_moved_values_is_raised() -> None:
    prefix = [Manual({"params/layers/*/mlp/up": 1}, "model")]
    game, prior = guided([AtMost("communication_bytes_on:model", 0.0)], prefix)
    assert game.metrics()[-1] > 0
    found = raised(game, prior)
    assert found["BP(batch)"] > 1, "it tiles all that is reduced"
    assert min(found.values()) == pytest.approx(0.5), "what reaches none of it keeps half"


def test_where_every_limit_is_kept_communication_guides_if_it_dominates() -> None:
    prefix = [Manual({"params/layers/*/mlp/up": 1}, "model")]
    game, prior = guided([Minimise("step_s")], prefix)
    metrics = game.metrics()
    assert metrics[EXPOSED_S] > 0
    found = raised(game, prior)
    assert max(found.values()) > 1 > min(found.values())
    quiet, other = guided([Minimise("step_s")], [])
    assert quiet.metrics()[EXPOSED_S] < 1e-9 * quiet.metrics()[COMPUTE_S]
    assert max(raised(quiet, other).values()) > 1


def test_what_an_action_reaches_is_what_it_tiles_from_the_root() -> None:
    problem = tiny("t32")
    table, root = action_table(problem, problem.mesh.axis_names), State(problem)
    key = root.key()
    reach = ActionReach.of(table, root)
    assert root.key() == key
    producers = np.array([value.producer for value in problem.graph.values])
    for number in range(0, table.n_fixed, 5):
        rows = table.fixed_rows(number)
        if rows[0, 0] == TILE:
            state = State(problem)
            state.apply(rows)
            tiled = (state.marks.tile[:, rows[0, 3]] >= 0)[producers]
            assert np.array_equal(reach.reaches[number][reach.kind] > 0, tiled)


@examples(15)
@given(
    seed=st.integers(0, 10**6), over=st.sampled_from(["peak_memory_bytes", "communication_bytes_on:model", "step_s"])
)
def test_it_is_a_distribution_in_any_state(seed: int, over: str) -> None:
    game, prior = guided([AtMost(over, 0.0), Minimise("step_s")], [])
    play(game, seed)
    actions = game.actions()
    if actions:
        assert min(raised(game, prior).values()) >= 0.5 - 1e-9
