"""Layers are told and numbered as the program runs, and their seconds are all of a step's."""

from __future__ import annotations

from typing import Any

import jax
import pytest

from autopart.benchmarks.schedules import EXPERTS
from autopart.program.graph import ARGUMENT
from autopart.report.html.layers import layers, spent
from autopart.report.html.parts import ALL, OUTSIDE, parts_of
from autopart.report.layer_numbers import layer_numbers
from autopart.report.phases import BACKWARD, FORWARD, phase_of
from tests.autopart.report.html.reports import about, by_experts, by_most_tactics
from tests.autopart.tiny import array, layers_of_squares, problem_of, tiny_graph

MODELS = [name for name in EXPERTS if name not in ("llama3_8b", "t48", "mixtral")]


def test_layers_are_numbered_as_the_program_runs_through_them() -> None:
    def step(stack: list[Any], data: jax.Array) -> Any:
        return jax.grad(lambda stack: layers_of_squares(8)(stack, data).sum())(stack)

    graph = problem_of(step, [array(16, 16)] * 8, array(32, 16)).graph
    numbers = layer_numbers(graph).tolist()
    dots = [op for op in graph.ops if op.primitive == "tanh"]
    assert [numbers[op.index] for op in dots if phase_of(op) == FORWARD] == list(range(8))
    backward = [numbers[op.index] for op in graph.ops if phase_of(op) == BACKWARD and numbers[op.index] >= 0]
    assert backward == sorted(backward, reverse=True)
    assert {part.name for part in parts_of(graph).every()} == {*(f"layer {n}" for n in range(8)), OUTSIDE}


def test_a_program_without_layers_is_one_part() -> None:
    parts = parts_of(problem_of(lambda x: x @ x, array(8, 8)).graph)
    assert [part.name for part in parts.every()] == [ALL]


def test_a_loop_is_a_part_and_arguments_are_in_none() -> None:
    graph = tiny_graph("t32_scan")
    parts = parts_of(graph)
    assert sum(part.name.startswith("loop ") for part in parts.every()) >= 2
    assert all(not parts.of_op[op.index].is_layer for op in graph.ops if op.primitive == ARGUMENT)


@pytest.mark.parametrize("model", MODELS)
def test_the_seconds_are_those_of_the_step(model: str) -> None:
    plan = by_most_tactics(model)
    rows = spent(about(plan), parts_of(plan.problem.graph))
    compute = sum(row.seconds for row in rows if not row.axes)
    moved = sum(row.seconds for row in rows if row.axes)
    assert compute == pytest.approx(plan.metrics["compute_s"], rel=1e-9)
    assert moved == pytest.approx(plan.metrics["communication_s"], rel=1e-9)


def test_the_chart_holds_the_rows_and_equal_layers_are_one_line() -> None:
    plan = by_experts("mlp")
    reported, parts = about(plan), parts_of(plan.problem.graph)
    section = layers(reported, parts)
    assert len(section.charts["layers-time"]["data"]["values"]) == len(spent(reported, parts))
    assert f"collectives on {plan.problem.mesh.axis_names[0]}" in section.markup().text
