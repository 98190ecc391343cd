"""Winners beside experts: what is compared, and that plans are executed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from autopart.benchmarks.schedules import EXPERTS
from autopart.benchmarks.search.cases import Case, Expert, case_of
from autopart.benchmarks.search.trial import seeds_without
from autopart.benchmarks.winners import main, verified_in_tiny, winner_of
from autopart.cost.metrics import STEP_S
from autopart.partitioning.state import State
from autopart.plan.plan import plan_of
from autopart.planner.aims import aim_on
from autopart.planner.auto import Auto
from autopart.planner.searching import search_after
from autopart.search import Budget
from autopart.tactics.manual import Manual


@pytest.fixture(scope="module")
def decode() -> Case:
    case = case_of("it32", "8x4", "tiny")
    nothing = tuple(State(case.problem).metrics().tolist())
    return replace(case, expert=Expert("nothing", (), nothing))


def test_a_winner_beside_one_who_does_nothing(decode: Case) -> None:
    winner = winner_of(decode, 60)
    assert winner.expert_step_s == decode.expert.metrics[STEP_S]
    assert winner.ratio < 1
    assert winner.compute_s < 0 <= winner.exposed_s
    assert all(seconds > 0 for seconds in winner.traffic.values())
    assert winner.tactics
    assert "outputs equal" in winner.verified


def test_what_does_not_apply_in_tiny_is_said(decode: Case) -> None:
    assert "does not apply there" in verified_in_tiny(decode, [Manual({"nowhere": 0}, "batch")], "tiny")


def test_json_stands_on_the_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--models", "it32", "--meshes", "8x4", "--preset", "tiny", "--budget", "40", "--json"]
    assert main(arguments) == 0
    (row,) = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (row["model"], row["mesh"]) == ("it32", "8x4")
    assert row["step_s"] <= row["expert_step_s"]


def test_traffic_is_what_the_answer_moves_less_what_the_expert_moves(decode: Case) -> None:
    schedule = EXPERTS["it32"][1]["MP"]
    plan = plan_of(decode.problem, schedule)
    case = replace(decode, expert=Expert("MP", schedule, tuple(plan.metrics.values())))
    winner = winner_of(case, 40)
    ours = search_after(
        case.problem,
        (),
        Auto(budget=Budget(40)),
        aim_on(case.problem, case.goals),
        seeds=seeds_without(case.expert, case.goals),
    )
    seconds = [p.metrics["communication_s"] for p in (plan_of(case.problem, ours.tactics), plan)]
    assert seconds[1] > 0
    assert sum(winner.traffic.values()) == pytest.approx(seconds[0] - seconds[1])
