"""The verification benchmark: its document, and that it sees what is wrong."""

from __future__ import annotations

import dataclasses
import json

import pytest

from autopart.benchmarks.models import mlp
from autopart.benchmarks.schedules import MLP
from autopart.benchmarks.verify import MESH, check, main, models
from autopart.partitioning.problem import Problem
from autopart.plan.plan import plan_of
from autopart.program.trace import trace

# What has no rule is kept whole, which is warned of; here it is not the question.


def test_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--models", "mlp", "--simulations", "60", "--json"]) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert document["programs"] == 1 + len(MLP) + 1 + 3
    assert (document["wrong_answers"], document["wrong_collectives"]) == (0, 0)
    assert document["collectives"]["all_reduce"] > 0


@pytest.mark.parametrize(
    ("model", "schedule"),
    [
        ("t32 scan", "BP+MP+Z3"),
        ("t48", "BP+MP+Z3+EMB"),
        ("llama3_8b", "BP+CP+Z3"),
        ("it32", "BP+MP+EMB"),
        ("it32_mq", "BP+MQ"),
        ("unet", "BP+MP+Z2"),
        ("gns", "BP+ES+Z3"),
        ("moe", "BP+EP+MP+Z3"),
        ("mixtral", "BP+EP(model)+Z3"),
        ("resnet", "BP+MP+Z3"),
    ],
)
def test_a_schedule_of_every_other_model(model: str, schedule: str) -> None:
    make, schedules = models()[model]
    step = make()
    graph = trace(step.fn, *step.args, donate_argnums=step.donate_argnums)
    row = check(model, step, plan_of(Problem.of(graph, MESH), schedules[schedule]))
    assert (row.kind, row.fault) == ("", "")
    assert sum(row.collectives.values()) > 0


def test_a_wrong_answer_is_counted() -> None:
    step = mlp.step(preset="tiny")
    graph = trace(step.fn, *step.args, donate_argnums=step.donate_argnums)
    plan = plan_of(Problem.of(graph, MESH), MLP["BP"])
    assert check("right", step, plan).kind == ""
    other = mlp.step(preset="tiny", d_hidden=256)

    def loss_doubled(params: object, opt_state: object, batch: object) -> object:
        params, opt_state, loss = other.fn(params, opt_state, batch)
        return params, opt_state, 2 * loss

    assert check("wrong", dataclasses.replace(step, fn=loss_doubled), plan).kind == "answer"
