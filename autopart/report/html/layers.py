"""Where a step's seconds go, layer by layer: compute, and collectives by the axes that they run over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autopart.quantities import seconds_text
from autopart.report.html.colours import COMPUTE, colour_of
from autopart.report.html.parts import Part, Parts
from autopart.report.html.reported import Reported, Section, chart_place, note
from autopart.report.page import Markup, Row, table
from autopart.report.phases import PHASES

COMPUTING = "compute"


@dataclass(frozen=True)
class Spent:
    """Busy seconds of a step.

    Attributes:
        part: where.
        phase: in which pass.
        what: ``compute``, or the axes of collectives.
        seconds: all of them together.
    """

    part: Part
    phase: str
    what: str
    seconds: float


def layers(about: Reported, parts: Parts) -> Section:
    """A bar for each layer and pass, and the same as a table in which equal layers are one row."""
    rows = spent(about, parts)
    what = _in_order(rows)
    chart = _chart(rows, what, about.subject.axis_names)
    words = (
        "Busy seconds of a step. Compute and links run side by side, so the bars are longer than the step: "
        f"{seconds_text(about.figures['exposed_s'])} of the communication is waited for. Of a loop all its runs."
    )
    shown = [chart_place("layers-time", 300), note(words), _table(rows, what)]
    return Section("layers", "Time by layer", shown, {"layers-time": chart})


def spent(about: Reported, parts: Parts) -> list[Spent]:
    """Where the seconds go; they add up to those of compute and of communication."""
    totals: dict[tuple[Part, str, str], float] = {}
    for op, what, seconds in [*_computed(about), *_moved(about)]:
        key = (parts.of_op[op], parts.phase[op], what)
        totals[key] = totals.get(key, 0.0) + seconds
    rows = [Spent(part, phase, what, seconds) for (part, phase, what), seconds in totals.items() if seconds]
    return sorted(rows, key=lambda row: (row.part.order, PHASES.index(row.phase), row.what))


def _computed(about: Reported) -> Iterable[tuple[int, str, float]]:
    state, graph = about.subject.state, about.subject.problem.graph
    state.analyse()  # The ledger is that of the state measured last.
    for op, seconds in zip(state.problem.costs.place_op.tolist(), state.ledger.group_s.tolist(), strict=True):
        if op >= 0:
            yield op, COMPUTING, seconds * graph.trips(graph.ops[op].region)


def _moved(about: Reported) -> Iterable[tuple[int, str, float]]:
    for move in about.subject.program.collectives():
        yield move.op, ", ".join(move.axes), move.seconds * move.trips


def _in_order(rows: Iterable[Spent]) -> list[str]:
    names = sorted({row.what for row in rows} - {COMPUTING}, key=lambda name: (name.count(","), name))
    return [COMPUTING, *names]


def _words(what: str) -> str:
    return what if what == COMPUTING else f"collectives on {what}"


def _chart(rows: Sequence[Spent], what: Sequence[str], axes: Sequence[str]) -> dict[str, Any]:
    values = [
        {"where": row.part.name, "order": row.part.order, "phase": row.phase, "what": _words(row.what), "seconds": row.seconds,
         "time": seconds_text(row.seconds), "stack": what.index(row.what)}
        for row in rows
    ]  # fmt: skip
    parts = {row.part.name: row.part.order for row in rows}
    colours = [COMPUTE if name == COMPUTING else colour_of(name.split(", "), axes) for name in what]
    many = len(parts) > 40
    return {
        "data": {"values": values},
        "mark": {"type": "bar"},
        "encoding": {
            "x": {"field": "where", "type": "nominal", "title": None, "sort": sorted(parts, key=lambda n: parts[n]),
                  "axis": {"labelAngle": -60 if len(parts) > 8 else 0, "labelOverlap": many}},
            "xOffset": {"field": "phase", "sort": list(PHASES)},
            "y": {"field": "seconds", "type": "quantitative", "stack": "zero", "title": "busy seconds"},
            "color": {"field": "what", "type": "nominal", "title": None, "scale": {"domain": [_words(name) for name in what], "range": colours},
                      "legend": {"orient": "top"}},
            "order": {"field": "stack"},
            "tooltip": [{"field": name, "title": title} for name, title in
                        (("where", "where"), ("phase", "pass"), ("what", "what"), ("time", "busy"))],
        },
    }  # fmt: skip


def _table(rows: Sequence[Spent], what: Sequence[str]) -> Markup:
    by_row: dict[tuple[Part, str], dict[str, float]] = {}
    for row in rows:
        by_row.setdefault((row.part, row.phase), {})[row.what] = row.seconds
    cells = [
        Row([name, phase, *(seconds_text(times[one]) if one in times else "" for one in what),
             seconds_text(sum(times.values()))])
        for name, phase, times in _joined(by_row)
    ]  # fmt: skip
    return table(["", "pass", *map(_words, what), "together"], cells, range(2, 3 + len(what)))


def _joined(by_row: Mapping[tuple[Part, str], Mapping[str, float]]) -> list[tuple[str, str, Mapping[str, float]]]:
    """(parts, pass, seconds by what of each): neighbours that take the same as far as it is written are one row."""
    out: list[tuple[list[Part], str, Mapping[str, float]]] = []
    for (part, phase), times in sorted(by_row.items(), key=lambda i: (PHASES.index(i[0][1]), i[0][0].order)):
        like = out[-1] if out else None
        if like is not None and like[1] == phase and like[0][-1].order + 1 == part.order and _text(like[2]) == _text(times):
            like[0].append(part)
        else:
            out.append(([part], phase, times))
    return [(_name(parts), phase, times) for parts, phase, times in out]


def _text(times: Mapping[str, float]) -> dict[str, str]:
    return {what: seconds_text(seconds) for what, seconds in times.items()}


def _name(parts: Sequence[Part]) -> str:
    return parts[0].name if len(parts) == 1 else f"{parts[0].name} … {parts[-1].name}, each"
