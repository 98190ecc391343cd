"""Where a step's seconds go, layer by layer: compute, and collectives by the axes that they run over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from autopart.report.html.colours import COMPUTE, colour_of
from autopart.report.html.parts import Part, Parts
from autopart.report.html.reported import Reported, Section, chart_place, note
from autopart.report.html.units import unit_of
from autopart.report.phases import PHASES
from autopart.text import Markup, Row, seconds_text, table

Axes: TypeAlias = tuple[str, ...]
"""Mesh axes that collectives run over; none: compute."""


@dataclass(frozen=True)
class Spent:
    """Busy seconds of a step.

    Attributes:
        part: where.
        phase: in which pass.
        axes: of the collectives that take them; none of compute.
        seconds: all of them together.
    """

    part: Part
    phase: str
    axes: Axes
    seconds: float


def layers(about: Reported, parts: Parts) -> Section:
    """A bar for each layer and pass, and the same as a table in which equal layers are one row."""
    rows = spent(about, parts)
    every = sorted({row.axes for row in rows} | {()}, key=lambda axes: (len(axes), axes))
    words = (
        "Busy seconds of a step. Compute and links run side by side, so the bars are longer than the step: "
        f"{seconds_text(about.figures['exposed_s'])} of the communication is waited for. Of a loop all its runs."
    )
    shown = [chart_place("layers-time", 300), note(words), _table(rows, every)]
    chart = _chart(rows, every, about.subject.axis_names)
    return Section("layers", "Time by layer", shown, {"layers-time": chart})


def spent(about: Reported, parts: Parts) -> list[Spent]:
    """Where the seconds go; they add up to those of compute and of communication, cases of conditions all taken."""
    totals: dict[tuple[Part, str, Axes], float] = {}
    for op, axes, seconds in [*_computed(about), *_moved(about)]:
        key = (parts.of_op[op], parts.phase[op], axes)
        totals[key] = totals.get(key, 0.0) + seconds
    rows = [Spent(part, phase, axes, seconds) for (part, phase, axes), seconds in totals.items() if seconds]
    return sorted(rows, key=lambda row: (row.part.order, PHASES.index(row.phase), row.axes))


def _computed(about: Reported) -> Iterable[tuple[int, Axes, float]]:
    state, graph = about.subject.state, about.subject.problem.graph
    state.analyse()  # The ledger is that of the state measured last.
    for op, seconds in zip(state.problem.costs.place_op.tolist(), state.ledger.group_s.tolist(), strict=True):
        if op >= 0:
            yield op, (), seconds * graph.trips(graph.ops[op].region)


def _moved(about: Reported) -> Iterable[tuple[int, Axes, float]]:
    for move in about.subject.program.collectives():
        yield move.op, move.axes, move.seconds * move.trips


def _words(axes: Axes) -> str:
    return f"collectives on {', '.join(axes)}" if axes else "compute"


def _chart(rows: Sequence[Spent], every: Sequence[Axes], names: Sequence[str]) -> dict[str, Any]:
    totals: dict[tuple[Part, str], float] = {}
    for row in rows:
        totals[row.part, row.phase] = totals.get((row.part, row.phase), 0.0) + row.seconds
    one, unit = unit_of("_s", max(totals.values(), default=0.0))
    values = [
        {"where": row.part.name, "phase": row.phase, "what": _words(row.axes), "seconds": row.seconds / one,
         "time": seconds_text(row.seconds), "stack": every.index(row.axes)}
        for row in rows
    ]  # fmt: skip
    where = [part.name for part in sorted({row.part for row in rows}, key=lambda part: part.order)]
    colours = [colour_of(axes, names) if axes else COMPUTE for axes in every]
    labels = {"labelAngle": -60 if len(where) > 8 else 0, "labelOverlap": len(where) > 40}
    tooltip = {"where": "where", "phase": "pass", "what": "what", "time": "busy"}
    return {
        "data": {"values": values},
        "mark": {"type": "bar"},
        "encoding": {
            "x": {"field": "where", "type": "nominal", "title": None, "sort": where, "axis": labels},
            "xOffset": {"field": "phase", "sort": list(PHASES)},
            "y": {"field": "seconds", "type": "quantitative", "stack": "zero", "title": f"busy [{unit}]"},
            "color": {
                "field": "what", "type": "nominal", "title": None, "legend": {"orient": "top"},
                "scale": {"domain": [_words(axes) for axes in every], "range": colours},
            },
            "order": {"field": "stack"},
            "tooltip": [{"field": field, "title": title} for field, title in tooltip.items()],
        },
    }  # fmt: skip


def _table(rows: Sequence[Spent], every: Sequence[Axes]) -> Markup:
    by_row: dict[tuple[Part, str], dict[Axes, float]] = {}
    for row in rows:
        by_row.setdefault((row.part, row.phase), {})[row.axes] = row.seconds
    cells = [
        Row([name, phase, *(seconds_text(times[axes]) if axes in times else "" for axes in every),
             seconds_text(sum(times.values()))])
        for name, phase, times in _joined(by_row)
    ]  # fmt: skip
    return table(["", "pass", *map(_words, every), "together"], cells, range(2, 3 + len(every)))


def _joined(by_row: Mapping[tuple[Part, str], Mapping[Axes, float]]) -> list[tuple[str, str, Mapping[Axes, float]]]:
    """(parts, pass, seconds by what of each): neighbours that take the same as far as it is written are one row."""
    out: list[tuple[list[Part], str, Mapping[Axes, float]]] = []
    for (part, phase), times in sorted(by_row.items(), key=lambda i: (PHASES.index(i[0][1]), i[0][0].order)):
        like = out[-1] if out else None
        if (
            like is not None
            and like[1] == phase
            and like[0][-1].order + 1 == part.order
            and _text(like[2]) == _text(times)
        ):
            like[0].append(part)
        else:
            out.append(([part], phase, times))
    return [(_name(parts), phase, times) for parts, phase, times in out]


def _text(times: Mapping[Axes, float]) -> dict[Axes, str]:
    return {axes: seconds_text(seconds) for axes, seconds in times.items()}


def _name(parts: Sequence[Part]) -> str:
    return parts[0].name if len(parts) == 1 else f"{parts[0].name} … {parts[-1].name}, each"
