"""The clock as a judge: its figures, and a program that it times."""

from __future__ import annotations

import pytest

from autopart.benchmarks.accuracy.clocked import SCHEDULES, clocked_programs
from autopart.benchmarks.accuracy.description import Description
from autopart.benchmarks.accuracy.errors import JudgeError
from autopart.benchmarks.accuracy.findings import Options
from autopart.benchmarks.accuracy.measured import ENOUGH, Row, findings, measure, profile
from autopart.benchmarks.schedules import BATCH, MLP, MODEL
from autopart.costmodel import Mesh, device


def program(name: str, model: str = "mlp", schedule: str = "BP") -> Description:
    mesh = Mesh({BATCH: 4, MODEL: 2}, "cpu")
    return Description(name, model, {"preset": "tiny"}, mesh, MLP[schedule])


def row(number: int, predicted_s: float, measured_s: float) -> Row:
    metrics = {"step_s": predicted_s, "compute_s": predicted_s / 2, "communication_s": predicted_s / 2}
    return Row(program(f"program {number}"), metrics, measured_s, 1.1)


def test_there_are_enough_programs_on_three_meshes() -> None:
    programs = clocked_programs()
    assert len({one.name for one in programs}) == len(programs) >= ENOUGH
    assert {one.mesh.axis_sizes for one in programs} == {(8, 1), (4, 2), (2, 4)}
    assert {one.model for one in programs} == set(SCHEDULES)
    assert all(one.tactics for one in programs)


def test_figures_of_a_perfect_ranking() -> None:
    rows = [row(n, 0.01 * 2**n, 0.02 * 2**n) for n in range(ENOUGH)]
    found = findings(rows)
    figures = found.document["step_time"]
    assert figures["spearman"] == pytest.approx(1.0)
    assert figures["geometric_mean_ratio"] == pytest.approx(0.5)
    assert figures["ratio_by_model"] == {"mlp": pytest.approx(0.5)}
    assert not found.faults
    assert len(found.scatters[0].points) == len(figures["steps"]) == ENOUGH


def test_a_bad_ranking_of_many_programs_is_a_fault() -> None:
    rows = [row(n, 0.01 * 2**n, 0.02 * 2 ** (-n)) for n in range(ENOUGH)]
    assert "-1" in findings(rows).faults[0]
    assert not findings(rows[:-1]).faults


def test_a_program_is_predicted_and_timed() -> None:
    (found,) = measure([program("mlp", schedule="BP+MP")], device("cpu"), rounds=1)
    assert found.predicted_s == program("mlp", schedule="BP+MP").plan().metrics["step_s"]
    assert 1e-5 < found.measured_s < 60
    assert found.spread == 1


def test_a_profile_that_is_not_there() -> None:
    assert profile(Options(device="cpu")) == device("cpu")
    with pytest.raises(JudgeError, match=r"nowhere\.yaml"):
        profile(Options(device="nowhere.yaml"))
