"""The benchmark of searches: what is compared with what, and what a script reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from autopart.benchmarks.schedules import EXPERTS
from autopart.benchmarks.search.__main__ import main
from autopart.benchmarks.search.cases import MODELS, Case, Expert, case_of
from autopart.benchmarks.search.summary import Row
from autopart.benchmarks.search.trial import Trial, seeds_without, try_once
from autopart.cost.metrics import STEP_S
from autopart.game.partition_game import seeds_of
from autopart.partitioning.state import State
from tests.autopart.tiny import game_of


@pytest.fixture(scope="module")
def gns() -> Case:
    return case_of("gns", "8x4", "tiny")


def test_the_expert_is_the_best_of_all_schedules(gns: Case) -> None:
    assert gns.expert.name in EXPERTS["gns"][1]
    assert gns.goals.satisfied(gns.expert.metrics)
    assert set(MODELS) <= set(EXPERTS)


def test_what_comes_to_the_same_as_the_expert_is_no_seed(gns: Case) -> None:
    game = game_of(gns.problem)
    every = seeds_of(game)
    for left_out in ("replicated", "BP(batch)+MP(model)"):
        for action in every[left_out]:
            game.apply(action)
        expert = Expert("as a composition", (), game.metrics())
        for _ in every[left_out]:
            game.undo()
        found = seeds_without(expert, gns.goals)(game)
        assert left_out not in found
        assert found.items() <= every.items()
        assert len(every) - 2 <= len(found)  # Two at the most come to the same.


def test_a_search_from_nothing_is_told_no_composition() -> None:
    decode = case_of("it32", "8x4", "tiny")
    told, alone = (try_once(decode, "random", 0, 1, from_nothing) for from_nothing in (False, True))
    assert list(alone.metrics) == State(decode.problem).metrics().tolist()
    assert told.metrics[STEP_S] < alone.metrics[STEP_S]


def test_a_trial_says_when_the_expert_was_reached(gns: Case) -> None:
    trial = try_once(gns, "mcts", 0, 400)
    again = try_once(gns, "mcts", 0, 400)
    assert trial.metrics == again.metrics
    assert trial.nearly is not None
    steps = [step for _, _, step in trial.curve]
    assert steps[-1] == min(steps) == trial.metrics[STEP_S]
    assert (trial.reached is not None) == (gns.goals.rank(trial.metrics) <= gns.goals.rank(gns.expert.metrics))


def test_what_is_better_than_all_is_never_reached_and_what_is_no_better_is(gns: Case) -> None:
    answer = try_once(gns, "greedy", 0, 60)
    worse, same, better = (
        try_once(replace(gns, expert=Expert("made up", (), tuple(x * factor for x in answer.metrics))), "greedy", 0, 60)
        for factor in (1.5, 1.0, 0.5)
    )
    assert better.reached is None
    assert better.nearly is None
    assert same.reached is not None
    assert worse.reached is not None
    assert worse.reached[0] <= same.reached[0] == answer.curve[-1][0]
    assert gns.seconds < worse.reached[1]


def test_rates_count_trials(gns: Case) -> None:
    figures = gns.expert.metrics
    worse = tuple(2 * x for x in figures)
    trials = (Trial(0, (30, 2.0), (20, 1.0), figures, ()), Trial(1, None, (50, 3.0), worse, ()),
              Trial(2, None, None, worse, ()), Trial(3, (10, 1.0), (10, 1.0), figures, ()))  # fmt: skip
    found = Row(gns, "mcts", trials).document()
    assert (found["success_rate"], found["near_rate"]) == (0.5, 0.75)
    assert (found["median_states"], found["median_seconds"], found["cost_over_expert"]) == (20, 1.5, 1.5)


def test_json_stands_on_the_last_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["--models", "gns", "--meshes", "8x4", "--preset", "tiny", "--strategies", "random", "greedy"]
    assert main([*arguments, "--seeds", "2", "--budget", "40", "--plots", str(tmp_path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [(row["strategy"], row["seeds"]) for row in rows] == [("random", 2), ("greedy", 2)]
    assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".html"}


def test_a_wrong_number_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--seeds", "0"])
    assert "must be at least 1" in capsys.readouterr().err
