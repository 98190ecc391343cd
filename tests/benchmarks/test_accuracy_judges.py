"""The judges for real: XLA for CPU and Shardy on small programs, and XLA for TPU where libtpu is installed."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autopart.benchmarks.accuracy.__main__ import main
from autopart.benchmarks.accuracy.description import Description
from autopart.benchmarks.accuracy.verdict import DONE, FAILED, PEAK, REFUSED
from autopart.benchmarks.accuracy.workers import Request, Workers
from autopart.benchmarks.schedules import MLP, T32
from autopart.costmodel.mesh import Mesh

MESH = Mesh({"batch": 4, "model": 2}, "cpu")
TPU_MESH = Mesh({"batch": 4, "model": 2}, "tpu_v5e")


def mlp(schedule: str, mesh: Mesh = MESH) -> Description:
    return Description(f"mlp {schedule}", "mlp", {"preset": "tiny"}, mesh, MLP[schedule])


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(1) as running:
        yield running


def test_xla_for_cpu_finds_what_was_predicted(workers: Workers, tmp_path: Path) -> None:
    program = mlp("BP+MP")
    requests = [Request("cpu", program, emit, cache=tmp_path) for emit in ("spmd", "jit")]
    predicted = program.plan().program.collective_counts()
    found = list(workers.ask(requests))
    assert [verdict.status for verdict in found] == [DONE, DONE]
    assert [verdict.collectives for verdict in found] == [predicted, predicted]
    assert len(list(tmp_path.iterdir())) == 2
    again = list(workers.ask(requests))
    assert again == found  # From the cache: even the seconds are those of the first time.


def test_shardy_finds_what_was_predicted(workers: Workers) -> None:
    program = mlp("BP+MP")
    (found,) = workers.ask([Request("shardy", program)])
    assert (found.status, found.text) == (DONE, "")
    assert found.collectives == program.plan().program.collective_counts()


def test_shardy_scatters_the_sums_of_zero(workers: Workers) -> None:
    schedule = T32["BP+MP+Z2"]
    program = Description("t32", "t32", {"preset": "tiny", "remat": False}, MESH, schedule)
    (found,) = workers.ask([Request("shardy", program)])
    predicted = program.plan().program.collective_counts()
    # The tied embedding has two gradients; Shardy reduces each, and adds after.
    assert predicted - found.collectives == {}
    assert (found.collectives - predicted).total() == 1


def test_a_program_that_cannot_be_judged_is_one_verdict(workers: Workers) -> None:
    wrong = replace(mlp("BP"), fields={"preset": "nowhere"})
    first, second = workers.ask([Request("cpu", wrong, "spmd"), Request("cpu", mlp("BP"), "spmd")])
    assert first.status == FAILED
    assert "unknown preset 'nowhere'" in first.text
    assert second.status == DONE


def test_a_worker_that_dies_is_one_verdict() -> None:
    with Workers(1) as running:
        (first,) = running.ask([Request("shardy", mlp("BP"))])
        process = running._workers[0]._process
        assert process is not None
        process.kill()
        process.wait()
        second, third = running.ask([Request("shardy", mlp("BP"))] * 2)
    assert first.status == DONE
    assert second.status == FAILED
    assert "ended with status -9" in second.text
    assert third.collectives == first.collectives


def test_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--backend", "shardy", "--only", "mlp BP*", "--programs", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])["collectives_jit"]
    assert document["programs"] == 2
    assert document["failed"] == {}
    assert document["agreeing"] <= document["collectives"]["predicted"]


LIBTPU = importlib.util.find_spec("libtpu") is not None
needs_libtpu = pytest.mark.skipif(not LIBTPU, reason="NOT TESTED: XLA's TPU compiler. pip install 'autopart[tpu]'")


@pytest.mark.skipif(LIBTPU, reason="libtpu is installed")
def test_without_libtpu_the_message_says_what_to_install(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--backend", "tpu"]) == 2
    assert "pip install 'autopart[tpu]'" in capsys.readouterr().err


@needs_libtpu
def test_xla_for_tpu(workers: Workers) -> None:
    fields = {"batch": 4096, "d_model": 1024, "d_hidden": 4096}
    program = replace(mlp("BP+MP", TPU_MESH), fields=fields)
    (found,) = workers.ask([Request("tpu", program, "spmd", effort=-1)])
    assert (found.status, found.text) == (DONE, "")
    plan = program.plan()
    assert found.collectives == plan.program.collective_counts()
    assert found.cycles > 0
    assert found.memory_bytes[PEAK] == pytest.approx(plan.metrics["peak_memory_bytes"], rel=0.5)


@needs_libtpu
def test_xla_for_tpu_refuses_what_does_not_fit(workers: Workers) -> None:
    program = replace(mlp("MP", TPU_MESH), fields={"batch": 262144})
    (found,) = workers.ask([Request("tpu", program, "spmd", effort=-1)])
    assert found.status == REFUSED
    assert "RESOURCE_EXHAUSTED" in found.text
