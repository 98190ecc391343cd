"""Winners beside experts: what is compared, and that plans are executed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from autopart.analysis import STEP_S
from autopart.state import State
from autopart.tactics import Manual
from benchmarks.search.cases import Case, Expert, case_of
from benchmarks.winners import main, verified_in_tiny, winner_of


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
