"""The drawing of a layer holds every read, and each edge tells the layout that its reader takes."""

from __future__ import annotations

import pytest

from autopart.benchmarks.schedules import EXPERTS
from autopart.costmodel.collectives import ALL_SLICE, KIND_NAMES
from autopart.program.graph import ARGUMENT, Literal
from autopart.report.html.dataflow import flow_of
from autopart.report.html.drawing import dataflow, drawn
from autopart.report.html.parts import parts_of
from tests.autopart.report.html.reports import about, by_experts, by_most_tactics

MODELS = [name for name in EXPERTS if name not in ("llama3_8b", "t48", "mixtral")]


@pytest.mark.parametrize("model", MODELS)
def test_edges_tell_the_layouts_in_which_ops_read(model: str) -> None:
    plan = by_most_tactics(model)
    graph, program = plan.problem.graph, plan.subject.program
    ops = [op.index for op in graph.ops if op.primitive != ARGUMENT]
    flow = flow_of(plan.subject, ops, dict.fromkeys(ops, "elsewhere"))
    seen = 0
    for apply in program.applies():
        if graph.ops[apply.op].primitive == ARGUMENT:
            continue
        rule = plan.problem.rules[apply.op]
        for operand, form, factors in zip(graph.ops[apply.op].operands, apply.forms, rule.operands, strict=True):
            node = flow.nodes.get(("layout", operand, form)) if form is not None else None  # type: ignore[arg-type]
            if node is None or isinstance(operand, Literal):
                continue
            assert [set(names) for names in node.axes] == [set(program.axes_of_factor(apply.op, f)) for f in factors]
            seen += 1
    assert seen > 10


@pytest.mark.parametrize("model", MODELS)
def test_every_collective_is_drawn_once(model: str) -> None:
    plan = by_most_tactics(model)
    ops = [op.index for op in plan.problem.graph.ops if op.primitive != ARGUMENT]
    flow = flow_of(plan.subject, ops, dict.fromkeys(ops, "elsewhere"))
    labels = sorted(node.label for node in flow.nodes.values() if node.kind == "move")
    returned = {o.value for o in plan.problem.graph.outputs}
    moves = [move for move in plan.subject.program.collectives() if move.kind != KIND_NAMES[ALL_SLICE]]
    inside = [move for move in moves if move.value not in returned]
    assert len(inside) <= len(labels) <= len(moves)
    assert {end for edge in flow.edges for end in edge} <= set(flow.nodes)


@pytest.mark.parametrize("model", MODELS)
def test_a_layer_of_every_model_is_drawn(model: str) -> None:
    plan = by_most_tactics(model)
    section = dataflow(about(plan), parts_of(plan.problem.graph))
    text = section.markup().text
    assert text.count("<svg") >= 1
    assert 'class="ops"' in text


def test_nothing_to_draw_is_said() -> None:
    plan = by_experts("mlp")
    assert "nothing to draw" in drawn(flow_of(plan.subject, [], {}), plan.subject.axis_names).text
