"""Of actions that lead to one state one is offered, and no state comes out of reach."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopart.benchmarks.schedules import EXPERTS
from autopart.costmodel.mesh import Mesh
from autopart.errors import GoalError
from autopart.game.partition_game import PartitionGame
from autopart.game.pruning.analyses import EVERY_ANALYSIS, NO_ANALYSIS, Analyses
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from tests.autopart.tiny import game_of, tiny, tiny_graph


def leads_to(game: PartitionGame, action: int) -> int:
    """The key of the state behind an action."""
    game.apply(action)
    key = game.key()
    game.undo()
    return key


def check(problem: Problem, seed: int) -> None:
    """On a random way every action that is not offered leads where one that is offered does, or nowhere."""
    game = game_of(problem)
    plain, rng = PartitionGame(State(problem), game.table, NO_ANALYSIS), np.random.default_rng(seed)
    for _ in range(5):
        offered = game.actions()
        keys = {leads_to(game, action) for action in offered} | {game.key()}
        for action in plain.actions():
            assert action in offered or leads_to(game, action) in keys, (game.describe(action), game.tactics())
        if not offered:
            return
        action = offered[int(rng.integers(len(offered)))]
        game.apply(action)
        plain.apply(action)


@pytest.mark.parametrize("model", list(EXPERTS))
@settings(max_examples=5)
@given(seed=st.integers(0, 10**6))
def test_what_is_left_out_leads_where_something_offered_does(model: str, seed: int) -> None:
    check(tiny(model), seed)


@settings(max_examples=8)
@given(seed=st.integers(0, 10**6))
def test_where_axes_together_do_not_divide_everything(seed: int) -> None:
    check(Problem.of(tiny_graph("mlp"), Mesh({"a": 4, "b": 8, "c": 2}, "cpu")), seed)


def test_ways_to_tile_one_named_dimension_are_one_action() -> None:
    game = game_of(tiny("t32"))
    plain = PartitionGame(State(tiny("t32")), game.table, NO_ANALYSIS)
    assert len(game.actions()) * 2 < len(plain.actions())
    words = [game.describe(action) for action in game.actions()]
    assert "BP(batch)" in words
    assert "batch/tokens: dim 0 on batch" not in words  # The same state.
    assert "batch/tokens: dim 0 on batch" in [plain.describe(action) for action in plain.actions()]


def test_a_recipe_that_has_nothing_to_add_is_not_offered() -> None:
    game, plain = (
        PartitionGame(State(tiny("mlp")), game_of(tiny("mlp")).table, analyses)
        for analyses in (EVERY_ANALYSIS, Analyses(idle=False))
    )
    words = [action.label for action in game.table.actions]
    for each in (game, plain):
        each.apply(words.index("batch/x: dim 0 on batch"))
    assert words.index("BP(batch)") not in game.actions()
    assert words.index("BP(batch)") in plain.actions()


def test_analyses_are_switched_by_name() -> None:
    assert Analyses.of({"equal": False}) == Analyses(equal=False)
    with pytest.raises(GoalError, match="no analysis 'sums'; there is layers, equal"):
        Analyses.of({"sums": False})
    with pytest.raises(GoalError, match="must be true or false"):
        Analyses.of({"equal": 0})
