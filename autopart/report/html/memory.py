"""What a device holds in the course of a step, and what of it at the peak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autopart.explain import HeldTensor, label_of
from autopart.report.html.reported import Reported, Section, chart_place, note
from autopart.report.html.units import unit_of
from autopart.text import Markup, Row, bytes_text, element, folded, table

_MOST_POINTS = 1500
_SHOWN = 15
_NEAR = 3
"""What a device has is drawn where it is less than so many peaks."""


def memory(about: Reported) -> Section:
    """The timeline, what the peak is made of by role, and its tensors."""
    state = about.subject.state
    positions, held = state.memory_timeline()
    usable = float(about.subject.problem.mesh.device_profile.hbm_usable_bytes)
    rows = about.explained.held
    peak = float(held.max())
    one, unit = unit_of("_bytes", peak)
    points = [
        {"at": place, "held": float(held[place]) / one,
         "during": "arguments" if positions[place] < 0 else label_of(state, int(positions[place])),
         "bytes": bytes_text(float(held[place]))}
        for place in _highest([int(n) for n in held])
    ]  # fmt: skip
    charts = {"memory-timeline": _timeline(points, usable / one, unit), "memory-roles": _roles(rows, one, unit)}
    words = f"At most {bytes_text(peak)} of {bytes_text(usable)}."
    parts = [element("p", words), chart_place("memory-timeline", 280),
             note("Groups of ops that run together, in program order. Dashes: what a device has, where it is near."),
             element("h3", "At the peak"), chart_place("memory-roles", 110), *_tensors(rows, peak)]  # fmt: skip
    return Section("memory", "Memory", parts, charts)


def _highest(held: Sequence[int]) -> list[int]:
    """Places to draw: all, or of many stretches the places at which most is held; the peak is one of them."""
    length = -(-len(held) // _MOST_POINTS)
    return [
        max(range(begin, min(begin + length, len(held))), key=held.__getitem__) for begin in range(0, len(held), length)
    ]


def _timeline(points: Sequence[Mapping[str, Any]], usable: float, unit: str) -> dict[str, Any]:
    across = {"field": "at", "type": "quantitative", "title": "group of ops", "axis": {"grid": False, "tickCount": 10},
              "scale": {"domain": [0, points[-1]["at"] + 1], "nice": False}}  # fmt: skip
    highest = max(points, key=lambda point: float(point["held"]))
    is_near = usable < _NEAR * float(highest["held"])
    top = max(float(highest["held"]), usable if is_near else 0.0) or 1.0
    up = {"field": "held", "type": "quantitative", "title": f"held [{unit}]", "scale": {"domain": [0, top * 1.05]}}
    tooltip = [{"field": "during", "title": "during"}, {"field": "bytes", "title": "held"}]
    rule = {"data": {"values": [{"limit": usable}]}, "mark": {"type": "rule", "strokeDash": [5, 4], "color": "#cf222e"},
            "encoding": {"y": {"field": "limit", "type": "quantitative"}}}  # fmt: skip
    area = {"type": "area", "interpolate": "step-after", "opacity": 0.35, "line": True}
    unseen = {"type": "bar", "opacity": 0.001, "width": 3}  # Takes the pointer anywhere below the line.
    dot = {"type": "point", "size": 70, "filled": True, "color": "#bc4c00", "opacity": 1}
    layers: list[dict[str, Any]] = [
        {"data": {"values": points}, "mark": area, "encoding": {"x": across, "y": up}},
        {"data": {"values": points}, "mark": unseen, "encoding": {"x": across, "y": up, "tooltip": tooltip}},
        {"data": {"values": [highest]}, "mark": dot, "encoding": {"x": across, "y": up, "tooltip": tooltip}},
    ]
    return {"layer": [*layers, rule] if is_near else layers}


def _roles(rows: Sequence[HeldTensor], one: float, unit: str) -> dict[str, Any]:
    totals: dict[str, float] = {}
    for held in rows:
        totals[held.role] = totals.get(held.role, 0.0) + held.nbytes
    values = [{"role": role, "held": total / one, "bytes": bytes_text(total)} for role, total in totals.items()]
    return {
        "data": {"values": values},
        "mark": {"type": "bar", "height": 26},
        "encoding": {
            "x": {"field": "held", "type": "quantitative", "stack": "zero", "title": f"held at the peak [{unit}]"},
            "color": {
                "field": "role",
                "type": "nominal",
                "title": None,
                "sort": list(totals),
                "legend": {"orient": "top"},
            },
            "order": {"field": "held", "sort": "descending"},
            "tooltip": [{"field": "role", "title": "role"}, {"field": "bytes", "title": "held"}],
        },
    }


def _tensors(rows: Sequence[HeldTensor], peak: float) -> list[Markup]:
    headings = ["tensor", "role", "count", "bytes", "of the peak"]
    cells = [
        Row([one.what, one.role, str(one.count), bytes_text(one.nbytes), f"{one.nbytes / peak:.1%}"]) for one in rows
    ]
    first = table(headings, cells[:_SHOWN], [2, 3, 4])
    if len(cells) <= _SHOWN:
        return [first]
    return [first, folded(f"{len(cells) - _SHOWN} more", table(headings, cells[_SHOWN:], [2, 3, 4]), is_open=False)]
