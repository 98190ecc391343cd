"""The export for Model Explorer: a connected graph, with every collective that was counted."""

from __future__ import annotations

import functools
import json
from collections import Counter
from typing import Any

import pytest

from autopart import to_model_explorer
from autopart.benchmarks.schedules import EXPERTS
from autopart.plan.plan import Plan, plan_of
from autopart.program.graph import Literal
from tests.autopart.tiny import tiny, tiny_graph

CASES = [("t32", "BP+MP+Z3+EMB"), ("it32", "BP+MP+VOC"), ("moe", "BP+EP+Z3")]


@functools.cache
def plan(model: str, schedule: str) -> Plan:
    return plan_of(tiny(model), EXPERTS[model][1][schedule])


def nodes_of(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    [graph] = json.loads(json.dumps(document))["graphs"]
    nodes = {node["id"]: node for node in graph["nodes"]}
    assert len(nodes) == len(graph["nodes"])  # No id twice.
    return nodes


def attributes(node: dict[str, Any]) -> dict[str, str]:
    return {pair["key"]: pair["value"] for pair in node["attrs"]}


def producer(nodes: dict[str, dict[str, Any]], node: str) -> str:
    """The op behind a chain of collectives."""
    while node.startswith("move"):
        [edge] = nodes[node]["incomingEdges"]
        node = edge["sourceNodeId"]
    return node


@pytest.mark.parametrize("model", ["t32", "it32"])
def test_a_graph_has_a_node_an_op_and_its_edges(model: str) -> None:
    graph = tiny_graph(model)
    nodes = nodes_of(to_model_explorer(graph))
    assert len(nodes) == len(graph.ops) + len(graph.outputs)
    for op in graph.ops:
        edges = nodes[str(op.index)]["incomingEdges"]
        read = [(at, o) for at, o in enumerate(op.operands) if not isinstance(o, Literal)]
        assert [edge["sourceNodeId"] for edge in edges] == [str(graph.values[o].producer) for _, o in read]
        assert [edge["targetNodeInputId"] for edge in edges] == [str(at) for at, _ in read]


@pytest.mark.parametrize(("model", "schedule"), CASES)
def test_a_plan_has_a_node_a_collective(model: str, schedule: str) -> None:
    made = plan(model, schedule)
    nodes = nodes_of(made.to_model_explorer())
    shown = Counter(node["label"] for name, node in nodes.items() if name.startswith("move"))
    assert shown == Counter(move.kind for move in made.program.moves())
    assert shown.total() > 0


@pytest.mark.parametrize(("model", "schedule"), CASES)
def test_through_collectives_ops_read_what_they_read(model: str, schedule: str) -> None:
    made = plan(model, schedule)
    nodes, graph = nodes_of(made.to_model_explorer()), made.problem.graph
    for op in graph.ops:
        read = [str(graph.values[o].producer) for o in op.operands if not isinstance(o, Literal)]
        assert [producer(nodes, e["sourceNodeId"]) for e in nodes[str(op.index)]["incomingEdges"]] == read
    for position, output in enumerate(graph.outputs):
        [edge] = nodes[f"output {position}"]["incomingEdges"]
        assert producer(nodes, edge["sourceNodeId"]) == str(graph.values[output.value].producer)
    read_moves = {edge["sourceNodeId"] for node in nodes.values() for edge in node["incomingEdges"]}
    assert {name for name in nodes if name.startswith("move")} <= read_moves


def test_edges_show_types_and_layouts() -> None:
    made = plan("t32", "BP+MP+Z3+EMB")
    nodes, graph = nodes_of(made.to_model_explorer()), made.problem.graph
    [argument] = [a for a in graph.arguments if a.name == "params/layers/0/mlp/up"]
    node = nodes[str(graph.values[argument.value].producer)]
    assert (node["label"], node["namespace"]) == ("up", "arguments/params/layers/0/mlp")
    [output] = node["outputsMetadata"]
    assert attributes(output) == {"tensor_shape": "float32[64,256]", "layout": "P('batch', 'model')"}


def test_ops_are_nested_by_pass_and_function() -> None:
    nodes = nodes_of(to_model_explorer(tiny_graph("t32")))
    places = {node["namespace"] for node in nodes.values()}
    assert {"forward/mlp", "backward/mlp", "outputs"} <= places
    assert any(place.startswith("rest") for place in places)
    assert any(attributes(node).get("primitive") == "dot_general" for node in nodes.values() if "attrs" in node)
