"""The benchmark of trees: what it counts, and that it runs."""

from __future__ import annotations

import json

import pytest

from autopart.benchmarks.tree_size.__main__ import main
from autopart.benchmarks.tree_size.cases import problem_of
from autopart.benchmarks.tree_size.measure import game_of, tree_of
from autopart.game.pruning.analyses import EVERY_ANALYSIS, NO_ANALYSIS


def test_a_tree_is_counted_every_state_once() -> None:
    game = game_of(problem_of("dense", "tiny"), NO_ANALYSIS)
    tree = tree_of(game, 1, 1000)
    keys = {game.key()}
    for action in game.actions():
        game.apply(action)
        keys.add(game.key())
        game.undo()
    assert (tree.root, tree.nodes, tree.complete) == (len(game.actions()), len(keys), True)
    assert tree_of(game, 1, 2).complete is False


def test_analyses_make_the_tree_smaller() -> None:
    problem = problem_of("dense", "tiny")
    plain, small = (tree_of(game_of(problem, a), 2, 10_000) for a in (NO_ANALYSIS, EVERY_ANALYSIS))
    assert small.root < plain.root
    assert small.edges < plain.edges


def test_it_runs_and_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--programs", "dense", "--sets", "all", "none", "--seeds", "1", "--budget", "200", "--most", "300"]
    assert main([*options, "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = json.loads(lines[-1])
    assert [row["analyses"] for row in rows] == ["all", "none"]
    assert rows[0]["proven"]
    assert rows[0]["tree"]["root"] < rows[1]["tree"]["root"]
    assert rows[0]["step_s"] <= rows[1]["step_s"] * (1 + 1e-9)
