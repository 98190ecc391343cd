"""A program, or a plan for it, as JSON that Google's Model Explorer opens: a collection of one graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from autopart.emit import DimAxes, Move, Program, spec_text
from autopart.program import ARGUMENT, Graph, Literal, Op
from autopart.report.layer_numbers import layer_numbers
from autopart.report.phases import phase_of
from autopart.sharding import BASE
from autopart.text import bytes_text, seconds_text

_LONGEST = 200
"""Letters of a parameter that is shown."""


def to_model_explorer(graph: Graph, program: Program | None = None, layouts: Iterable[DimAxes] = ()) -> dict[str, Any]:
    """The program as plain values for ``json.dump``: an op a node, nested by pass, loop, layer and function.

    Args:
        graph: the traced program.
        program: what a plan made of it: its collectives become nodes between an op and its readers.
        layouts: how each value lies, in the order of ``Graph.values``.
    """
    document = _Document(graph, [spec_text(axes) for axes in layouts])
    moves = [] if program is None else [document.move(move) for move in program.moves()]
    forms = {} if program is None else {apply.op: apply.forms for apply in program.applies()}
    ops = [document.op(op, forms.get(op.index, (BASE,) * len(op.operands))) for op in graph.ops]
    results = (BASE,) * len(graph.outputs) if program is None else program.output_forms
    outputs = [document.output(position, form) for position, form in enumerate(results)]
    name = "program" if program is None else "plan"
    return {"label": "autopart", "graphs": [{"id": name, "nodes": [*ops, *moves, *outputs]}]}


class _Document:
    """The nodes of one graph; moves are to be made first, for ops read what they lead to."""

    def __init__(self, graph: Graph, layouts: list[str]) -> None:
        self._graph = graph
        self._layouts = layouts
        self._names = {graph.values[a.value].producer: a.name for a in graph.arguments}
        self._places = _namespaces(graph, self._names)
        self._result = {value: str(at) for op in graph.ops for at, value in enumerate(op.results)}
        self._made: dict[tuple[int, int], str] = {}
        self._moves = 0

    def op(self, op: Op, forms: tuple[int | None, ...]) -> dict[str, Any]:
        """An op, which reads its operands in the given forms."""
        name = self._names.get(op.index, "")
        read = zip(op.operands, forms, strict=True)
        return {
            "id": str(op.index),
            "label": name.rpartition("/")[2] or op.primitive,
            "namespace": self._places[op.index],
            "attrs": _pairs({"name": name, "source": self._graph.source_line(op)} | _parameters(op)),
            "incomingEdges": [
                self._edge(operand, BASE if form is None else form, position)
                for position, (operand, form) in enumerate(read)
                if not isinstance(operand, Literal)
            ],
            "outputsMetadata": [
                {"id": str(at), "attrs": _pairs(self._array(value))} for at, value in enumerate(op.results)
            ],
        }

    def move(self, move: Move) -> dict[str, Any]:
        """A collective or a slice: from now on it makes the form that it leads to."""
        self._moves += 1
        node = f"move {self._moves}"
        facts = {
            "axes": ", ".join(move.axes),
            "bytes": bytes_text(move.full_bytes),
            "time": seconds_text(move.seconds),
            "runs": str(move.trips),
        }
        edge = self._edge(move.value, move.source, 0)
        self._made[move.value, move.form] = node
        return {
            "id": node, "label": move.kind, "namespace": self._places[move.op], "attrs": _pairs(facts),
            "incomingEdges": [edge],
        }  # fmt: skip

    def output(self, position: int, form: int) -> dict[str, Any]:
        """A result of the program."""
        output = self._graph.outputs[position]
        return {
            "id": f"output {position}", "label": output.name or "result", "namespace": "outputs",
            "incomingEdges": [self._edge(output.value, form, 0)],
        }  # fmt: skip

    def _edge(self, value: int, form: int, position: int) -> dict[str, str]:
        """From the node that makes a form of a value; the first form is made by an op, where no move completes it."""
        producer = str(self._graph.values[value].producer)
        source = self._made.get((value, form), producer)
        assert form == BASE or source != producer, "a move leads to every other form"
        return {
            "sourceNodeId": source,
            "sourceNodeOutputId": self._result[value] if source == producer else "0",
            "targetNodeInputId": str(position),
        }

    def _array(self, value: int) -> dict[str, str]:
        """What edges show; ``tensor_shape`` is the name that Model Explorer looks for."""
        array = self._graph.values[value]
        sizes = ",".join(str(size) for size in array.shape)
        shape = {"tensor_shape": f"{array.dtype}[{sizes}]"}
        return shape | ({"layout": self._layouts[value]} if self._layouts else {})


def _parameters(op: Op) -> dict[str, str]:
    """The primitive and its parameters, where they are short."""
    texts = {key: str(value) for key, value in op.params.items()}
    return {"primitive": op.primitive} | {key: text for key, text in texts.items() if len(text) <= _LONGEST}


def _pairs(facts: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": text} for key, text in facts.items() if text]


def _namespaces(graph: Graph, names: Mapping[int, str]) -> list[str]:
    """Where each op is shown: arguments by their path, the others by pass, loop, layer and function."""
    numbers = layer_numbers(graph)
    out = []
    for op in graph.ops:
        if op.primitive == ARGUMENT:
            out.append("/".join(["arguments", *names[op.index].split("/")[:-1]]))
            continue
        loops = [f"loop {region}" for region in _around(graph, op.region)]
        layer = [f"layer {numbers[op.index]}"] if numbers[op.index] >= 0 else []
        out.append("/".join([phase_of(op), *loops, *layer, *_function(graph, op)]))
    return out


def _around(graph: Graph, region: int) -> list[int]:
    return [] if region <= 0 else [*_around(graph, graph.regions[region].parent), region]


def _function(graph: Graph, op: Op) -> list[str]:
    """The function that the op was written in: what stands in brackets after its source line."""
    line = graph.source_line(op)
    return [line.rpartition("(")[2].rstrip(")").replace("/", " ")] if line.endswith(")") else []
