"""The dataflow of one layer as a drawing: boxes are groups of ops, pills collectives, text on edges layouts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import networkx as nx

from autopart.emit import DimAxes
from autopart.program import ARGUMENT
from autopart.report.html.colours import colour_of
from autopart.report.html.dataflow import Flow, FlowNode, Key, flow_of
from autopart.report.html.layered import Node, Placed, Point, placed
from autopart.report.html.parts import Part, Parts
from autopart.report.html.reported import Reported, Section, note
from autopart.report.phases import BACKWARD, FORWARD, REST
from autopart.text import Markup, element

_ROW_PX = 38.0
_BOX_PX = 22.0
_LETTER_PX = 6.7
_PADDING_PX = 16.0
_LONGEST = 60
_MOST_OPS = 400


def dataflow(about: Reported, parts: Parts) -> Section:
    """The forward pass of one layer, and folded its backward pass; of a program without layers its beginning."""
    part = _chosen(parts)
    phases = [phase for phase in (FORWARD, BACKWARD) if _ops(about, parts, part, phase)] or [REST]
    drawings = []
    for phase in phases:
        ops = _ops(about, parts, part, phase)
        title = f"{part.name}, {phase}" if phase != REST else part.name
        cut = f"the first {_MOST_OPS} of {len(ops)} ops" if len(ops) > _MOST_OPS else f"{len(ops)} ops"
        where = {
            op: parts.of_op[op].name if parts.of_op[op] != part else parts.phase[op] for op in range(len(parts.phase))
        }
        picture = drawn(flow_of(about.subject, ops[:_MOST_OPS], where), about.subject.axis_names)
        state = {"open": ""} if phase == phases[0] else {}
        box = element("div", picture, class_="flow")
        drawings.append(element("details", element("summary", f"{title} ({cut})"), box, **state))
    words = (
        "Boxes are groups of ops that run together, rounded boxes collectives in the colour of their axes, dashed ones "
        "what is made elsewhere. On the edges stands the layout in which a value is handed on. Hover for shapes and "
        "source lines."
    )
    return Section("dataflow", "Dataflow of one layer", [note(words), *drawings], {})


def _chosen(parts: Parts) -> Part:
    """A layer in the middle of those that are like it; without layers all that is outside."""
    layers = [part for part in parts.every() if part.is_layer]
    forward = {part for part, phase in zip(parts.of_op, parts.phase, strict=True) if phase == FORWARD}
    likely = [part for part in layers if part in forward] or layers
    return likely[len(likely) // 2] if likely else parts.every()[0]


def _ops(about: Reported, parts: Parts, part: Part, phase: str) -> list[int]:
    ops = about.subject.problem.graph.ops
    return [op.index for op in ops if op.primitive != ARGUMENT and parts.of_op[op.index] == part
            and parts.phase[op.index] == phase]  # fmt: skip


def drawn(flow: Flow, axes: Sequence[str]) -> Markup:
    """The picture, as SVG."""
    if not flow.nodes:
        return element("p", "nothing to draw")
    widths: dict[Node, float] = {key: _width(node) for key, node in flow.nodes.items()}
    straight = list(_acyclic(flow.edges))
    found = placed(widths, straight, _ROW_PX)
    lines = [_line(found.routes[edge]) for edge in straight]
    lines += [_back(found, edge) for edge in flow.edges if edge not in found.routes]
    boxes = [_node(node, found.places[key], widths[key], axes) for key, node in flow.nodes.items()]
    size = {"width": f"{found.width + 4:.0f}", "height": f"{found.height:.0f}"}
    view = f"-2 0 {found.width + 4:.0f} {found.height:.0f}"
    return element("svg", *lines, *boxes, viewBox=view, **size)


def _acyclic(edges: Iterable[tuple[Key, Key]]) -> Iterator[tuple[Node, Node]]:
    """The edges but those that would close a circle: a group may read what was made of its own first ops."""
    graph: nx.DiGraph[Node] = nx.DiGraph()
    for source, target in edges:
        if source == target or (target in graph and source in graph and nx.has_path(graph, target, source)):
            continue
        graph.add_edge(source, target)
        yield source, target


def _label(node: FlowNode) -> str:
    return node.label if len(node.label) <= _LONGEST else f"{node.label[: _LONGEST - 1]}…"


def _width(node: FlowNode) -> float:
    letters = len(_layout_text(node.axes)) if node.kind == "layout" else len(_label(node))
    return _LETTER_PX * letters + (4.0 if node.kind == "layout" else _PADDING_PX)


def _layout_text(axes: DimAxes) -> str:
    return f"P({', '.join('·'.join(names) or '–' for names in axes)})"


def _node(node: FlowNode, place: Point, width: float, axes: Sequence[str]) -> Markup:
    (x, y), hint = place, element("title", "\n".join([node.label, *node.hint]))
    text = {"x": f"{x:.1f}", "y": f"{y + 4:.1f}"}
    if node.kind == "layout":
        ground = element("rect", x=f"{x - width / 2:.1f}", y=f"{y - 8:.1f}", width=f"{width:.1f}", height="16")
        return element("g", hint, ground, element("text", *_layout_spans(node.axes, axes), **text), class_="layout")
    box = {
        "x": f"{x - width / 2:.1f}",
        "y": f"{y - _BOX_PX / 2:.1f}",
        "width": f"{width:.1f}",
        "height": f"{_BOX_PX:.0f}",
        "rx": "11" if node.kind in ("move", "slice") else "3",
    }
    style = {"style": f"--axis:{colour_of(node.axes[0], axes)}"} if node.kind == "move" else {}
    return element("g", hint, element("rect", **box), element("text", _label(node), **text), class_=node.kind, **style)


def _layout_spans(layout: DimAxes, axes: Sequence[str]) -> Iterator[Markup]:
    yield element("tspan", "P(")
    for place, names in enumerate(layout):
        yield element("tspan", ", " if place else "")
        if not names:
            yield element("tspan", "–")
        for number, name in enumerate(names):
            yield element("tspan", "·" if number else "")
            yield element("tspan", name, style=f"--axis:{colour_of([name], axes)}", class_="axis")
    yield element("tspan", ")")


def _line(route: Sequence[Point]) -> Markup:
    """A curve through points, upright where it meets them."""
    (x, y), *_ = route
    path = [f"M{x:.1f},{y:.1f}"]
    for (x1, y1), (x2, y2) in pairwise(route):
        middle = (y1 + y2) / 2
        path.append(f"C{x1:.1f},{middle:.1f} {x2:.1f},{middle:.1f} {x2:.1f},{y2:.1f}")
    return element("path", d="".join(path))


def _back(found: Placed, edge: tuple[Key, Key]) -> Markup:
    (x1, y1), (x2, y2) = (found.places[end] for end in edge)
    side = max(x1, x2) + 60
    return element(
        "path", d=f"M{x1:.1f},{y1:.1f}C{side:.1f},{y1:.1f} {side:.1f},{y2:.1f} {x2:.1f},{y2:.1f}", class_="back"
    )
