"""XLA's auto-sharding beside autopart: what XLA picked is read right, asked right and shown right."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest
from jax.sharding import NamedSharding, PartitionSpec
from rich.console import Console

from autopart.benchmarks.accuracy.compilers import CPU, Product, device_mesh, product_of
from autopart.benchmarks.accuracy.description import Description, placed
from autopart.benchmarks.accuracy.errors import JudgeError
from autopart.benchmarks.xla_auto import __main__ as command
from autopart.benchmarks.xla_auto import environment, searched, solver
from autopart.benchmarks.xla_auto.__main__ import main
from autopart.benchmarks.xla_auto.asking import NoAnswerError, ask, ask_once, known_answer
from autopart.benchmarks.xla_auto.figures import CLOCK_HZ, Figures, figures_of, seconds_of
from autopart.benchmarks.xla_auto.modelled import modelled, moved_results, nesting
from autopart.benchmarks.xla_auto.programs import DEVICE, MESHES, PROGRAMS, described
from autopart.benchmarks.xla_auto.rows import Row, document
from autopart.benchmarks.xla_auto.table import table
from autopart.benchmarks.xla_auto.worker import SEARCH
from autopart.cost.metrics import METRICS
from autopart.costmodel.mesh import Mesh
from autopart.tactics.as_json import from_json
from autopart.tactics.manual import REPLICATED

MESH = Mesh({"batch": 4, "model": 2}, DEVICE)
BOTH = ("batch", "model")
EMPTY = Product("", False, {}, 0.0)


@cache
def program() -> Description:
    return described("mlp-tiny", "4x2")


def answer_of(change: Callable[[str], Any] = lambda name: None) -> solver.Answer:
    """XLA's, as if it had picked what `change` says by the name of an argument, and everything else whole."""
    graph = program().problem.graph
    ranks = [len(graph.values[a.value].shape) for a in graph.arguments]
    inputs = [change(a.name) or ((),) * rank for a, rank in zip(graph.arguments, ranks, strict=True)]
    outputs = [inputs[o.carried] if o.carried >= 0 else () for o in graph.outputs]
    return solver.Answer(tuple(inputs), tuple(outputs), 60.0, 70.0, EMPTY)


def first_layer(name: str) -> Any:
    return ((), BOTH) if name.endswith("layers/0/w") else None


def test_a_spec_is_read_as_axes_of_each_dimension() -> None:
    spec = PartitionSpec(None, ("batch", "model"))
    assert solver.dim_axes(spec, 3) == ((), BOTH, ())
    assert solver.dim_axes(PartitionSpec("model"), 1) == (("model",),)
    assert solver.dim_axes(PartitionSpec(), 0) == ()


def test_an_argument_that_is_not_read_is_whole() -> None:
    mesh = device_mesh(CPU, Mesh({"batch": 4, "model": 2}, "cpu"))
    shardings = {"a": NamedSharding(mesh, PartitionSpec("model")), "b": None}
    arrays = {"a": jnp.zeros((2, 2)), "b": jnp.zeros((3,))}
    assert solver.layouts(shardings, arrays) == ((("model",), ()), ((),))


def test_the_answer_is_there_when_xla_wrote_what_follows_the_solver(tmp_path: Path) -> None:
    (tmp_path / "module_0001.jit_f.before_auto_spmd_sharding.txt").touch()
    with pytest.raises(RuntimeError, match="no auto-sharding solver"):
        solver.answered_at(tmp_path)
    written = tmp_path / "module_0001.jit_f.after_auto_spmd_sharding.txt"
    written.touch()
    assert solver.answered_at(tmp_path) == written.stat().st_mtime


def test_options() -> None:
    assert solver.options_of(90.0, None) == {solver.SOLVER_SECONDS: 90}
    assert solver.options_of(90.0, 15.0) == {solver.SOLVER_SECONDS: 90, solver.MEMORY_GB: 15}


def test_answers_travel_as_json() -> None:
    answer = answer_of(first_layer)
    assert solver.Answer.from_json(json.loads(json.dumps(answer.to_json()))) == answer
    found = searched.search(program(), 40, 0)
    assert searched.Answer.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert found.simulations == 40


def test_what_xla_picked_is_what_the_model_looks_at() -> None:
    problem, answer = program().problem, answer_of(first_layer)
    model = modelled(problem, answer)
    assert (model.refused, model.turned) == ("", ())
    assert [tactic.axis for tactic in model.schedule] == ["batch", "model"]
    assert model.schedule[0].tiles["params/layers/0/w"] == 1
    assert model.schedule[0].tiles["params/layers/1/w"] is REPLICATED
    plan = replace(program(), tactics=model.schedule).plan()
    assert plan.arguments["params/layers/0/w"].axes == ((), BOTH)
    assert plan.arguments["params/layers/1/w"].axes == ((), ())
    assert model.metrics(problem) == list(plan.metrics.values())


def test_axes_nested_the_other_way_around() -> None:
    turned = (("model", "batch"),)
    assert nesting(BOTH, [(BOTH,), (BOTH,), turned]) == ["batch", "model"]
    assert nesting(BOTH, [turned, turned, (BOTH,)]) == ["model", "batch"]
    assert nesting(BOTH, [((),), (("model",),)]) == ["batch", "model"]
    model = modelled(
        program().problem,
        answer_of(lambda name: turned if name == "params/layers/0/b" else first_layer(name)),
    )
    assert model.turned == ("params/layers/0/b",)


def test_layouts_that_the_model_does_not_know() -> None:
    odd = replace(program(), fields={**program().fields, "d_hidden": 250})
    graph = odd.problem.graph
    inputs = tuple(
        ((), BOTH) if a.name == "params/layers/0/w" else ((),) * len(graph.values[a.value].shape)
        for a in graph.arguments
    )
    refused = modelled(odd.problem, replace(answer_of(), inputs=inputs))
    assert "cannot be cut" in refused.refused
    assert refused.metrics(odd.problem) is None


def test_results_that_come_back_in_another_layout() -> None:
    answer = answer_of(first_layer)
    assert moved_results(program().problem, answer) == []
    otherwise = (answer.outputs[0], ((), ()), *answer.outputs[2:])
    names = [o.name for o in program().problem.graph.outputs]
    assert otherwise[1] != answer.outputs[1]
    assert moved_results(program().problem, replace(answer, outputs=otherwise)) == [names[1]]


def test_figures_of_a_compiled_step() -> None:
    on_hosts = replace(program().on("cpu"), tactics=searched.search(program(), 40, 0).tactics)
    plan = on_hosts.plan(device_mesh(CPU, on_hosts.mesh))
    step: Any = plan.jit()
    product = product_of(step.lower(*placed(on_hosts.step.args, plan)).compile(), 1.0)
    figures = figures_of(product, MESH)
    assert figures.collectives == plan.program.executed_counts()
    assert figures.peak_bytes > 0
    assert figures.communication_s == pytest.approx(
        sum(seconds_of(key, MESH) * count for key, count in figures.collectives.items())
    )
    assert figures.step_s == pytest.approx(figures.cycles / CLOCK_HZ + figures.communication_s)


def test_a_collective_over_unknown_devices_goes_over_the_whole_mesh() -> None:
    every = seconds_of(("all_reduce", BOTH, 1 << 20), MESH)
    assert seconds_of(("all_reduce", ("?",), 1 << 20), MESH) == every
    assert seconds_of(("all_reduce", ("model",), 1 << 20), MESH) < every


def row(cycles: float, seconds: float, theirs: bool = True) -> Row:
    ours = searched.Answer((), seconds, 100)
    metrics = tuple(float(n) for n in range(len(METRICS)))
    compiled = {"jit": Figures(1 << 20, cycles, {("all_reduce", BOTH, 1 << 10): 3}, 1e-6)}
    xla = (answer_of(first_layer), Figures(1 << 21, 1e6, {}, 0.0)) if theirs else None
    return Row(program(), program().problem, ours, metrics, compiled, xla, () if theirs else ("XLA: no answer",))


def test_the_verdicts() -> None:
    rows = [row(1e6, 6.0), row(0.9e6, 6.1), row(1.1e6, 1.0), row(1.0, 1.0, theirs=False)]
    assert [r.no_slower for r in rows] == [True, True, False, None]
    figures = json.loads(json.dumps(document(rows)))
    assert {key: figures[key] for key in ("programs", "no_slower", "ten_times_quicker", "both")} == {
        "programs": 4, "no_slower": 2, "ten_times_quicker": 2, "both": 1,
    }  # fmt: skip
    first, *_, last = figures["rows"]
    assert first["times_quicker"] == pytest.approx(10)
    assert first["xla"]["arguments"]["params/layers/0/w"] == "P(None, ('batch', 'model'))"
    assert first["xla"]["model"]["step_s"] > 0
    assert first["autopart"]["jit"]["collective_bytes"] == 3 << 10
    assert (last["xla"], last["times_quicker"], last["faults"]) == (None, None, ["XLA: no answer"])


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    Console(width=160).print(table([row(1e6, 6.0), row(2e6, 6.0, theirs=False)]))
    shown = capsys.readouterr().out
    assert "10x as soon" in shown
    assert "2 programs: plan.jit() takes no more cycles in 1" in shown
    assert "none" in shown


def test_every_program_can_be_described() -> None:
    for name in PROGRAMS:
        for axes in MESHES:
            assert described(name, axes).mesh.size == 8
    assert described("t32-1", "8x1").step.donate_argnums == (0, 1)


QUESTION = {"ask": SEARCH, "simulations": 20, "seed": 0}


def test_a_fresh_process_answers() -> None:
    found = ask(Path(sys.executable), {**QUESTION, "program": program().to_json()}, 300)
    again = searched.search(program(), 20, 0)
    assert tuple(from_json(tactic) for tactic in found["tactics"]) == again.tactics
    assert found["answer_s"] > 0


def test_a_process_that_breaks_says_why() -> None:
    wrong = {**program().to_json(), "fields": {"preset": "nowhere"}}
    with pytest.raises(NoAnswerError, match=r"(?s)status 1: .*unknown preset 'nowhere'"):
        ask(Path(sys.executable), {**QUESTION, "program": wrong}, 300)


def test_a_process_that_takes_too_long_is_ended() -> None:
    with pytest.raises(NoAnswerError, match=r"no answer within 0 s"):
        ask(Path(sys.executable), QUESTION, 0.01)


def stand_in(folder: Path, line: str) -> Path:
    """An interpreter that reads the question and says a line."""
    script = folder / "python"
    script.write_text(f"#!/bin/sh\nread question\necho asked >> {folder}/log\necho '{line}'\n")
    script.chmod(0o755)
    return script


def test_known_answers_are_not_asked_for(tmp_path: Path) -> None:
    python, question = stand_in(tmp_path, '{"n": 1}'), {"ask": "solve", "text": "a"}
    answers = [ask_once(python, question, 60, tmp_path, again) for again in (False, False, True)]
    assert answers == [{"n": 1}] * 3
    assert (tmp_path / "log").read_text().split() == ["asked"] * 2
    assert known_answer(tmp_path, question) != known_answer(tmp_path, {**question, "text": "b"})


def test_an_environment_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "requirements", lambda: ["./nowhere"])
    said: list[str] = []
    with pytest.raises(JudgeError, match=r"jax==0.10.0 .*could be made(.|\n)*Fix: it takes the network"):
        environment.make(tmp_path / "env", said.append)
    assert any("nowhere" in line for line in said)
    assert not environment.is_ready(tmp_path / "env")


def test_an_environment_that_is_there_is_not_made(tmp_path: Path) -> None:
    (tmp_path / environment.STAMP).write_text(json.dumps(environment.requirements()))
    assert environment.make(tmp_path, pytest.fail) == environment.interpreter(tmp_path)
    (tmp_path / environment.STAMP).write_text(json.dumps(["jax==0"]))
    assert not environment.is_ready(tmp_path)


def test_bad_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--simulations", "0"])
    assert "must be at least 1" in capsys.readouterr().err


def test_what_is_finished_is_shown_after_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(programs: object, how: object) -> Iterator[Row]:
        yield row(1e6, 6.0)
        raise KeyboardInterrupt

    (tmp_path / "environment").mkdir()
    (tmp_path / "environment" / environment.STAMP).write_text(json.dumps(environment.requirements()))
    monkeypatch.setattr(command, "compare", stopped)
    assert main(["--cache", str(tmp_path), "--json"]) == 130
    shown = capsys.readouterr()
    assert json.loads(shown.out.splitlines()[-1])["programs"] == 1
    assert "interrupted" in shown.err


READY = environment.is_ready(environment.default_cache() / "environment")


@pytest.mark.skipif(not READY, reason="NOT TESTED: XLA's solver. python -m benchmarks.xla_auto makes its environment")
def test_xla_for_real(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--programs", "mlp-tiny", "--simulations", "50", "--solver-seconds", "10", "--json"]) == 0
    [found] = json.loads(capsys.readouterr().out.splitlines()[-1])["rows"]
    assert any(spec != "P()" for spec in found["xla"]["arguments"].values())
    assert found["xla"]["answer_s"] < found["xla"]["compile_s"]
    for compiled in (found["xla"], found["autopart"]["jit"], found["autopart"]["spmd"]):
        assert compiled["cycles"] > 0
        assert compiled["peak_memory_bytes"] > 0
