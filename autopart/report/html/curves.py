"""How a search went: the best answer so far over states and over seconds, and every state that was looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from autopart.report.html.reported import Reported, Section, chart_place, note
from autopart.report.html.summary import words_of
from autopart.report.html.units import unit_of
from autopart.search import SearchTree
from autopart.text import Markup, element

_MOST_STATES = 2000
_MOST_METRICS = 3
_LEAST_S = 1e-3
"""Seconds are drawn by their logarithm, from here on."""


def curves(about: Reported) -> Section | None:
    """The curves of what the goals are about; without a search there are none."""
    story = about.search
    if not story.get("improvements"):
        return None
    charts: dict[str, Mapping[str, Any]] = {}
    stages = [story] if "shapes" in story else story.get("stages") or [story]  # Of several meshes all together.
    for number, stage in enumerate(stages):
        for place, metric in enumerate(_metrics(about, stage)):
            charts[f"search-{number}-{place}-states"] = _curve(stage, metric, "simulation", about)
            charts[f"search-{number}-{place}-seconds"] = _curve(stage, metric, "seconds", about)
    if about.tree is not None:
        charts["search-values"] = _values(about.tree)
    return Section("search", "Search", list(_parts(about, stages, charts)), charts)


def _parts(about: Reported, stages: Sequence[Mapping[str, Any]], charts: Mapping[str, Any]) -> Iterator[Markup]:
    for number, stage in enumerate(stages):
        name = f"Stage {number + 1}: " if len(stages) > 1 else ""
        stop = f", stopped by {stage['stop']}" if "stop" in stage else ""
        yield element("p", f"{name}{stage['simulations']:,} states in {stage['seconds']:.2f} s{stop}.")
        places = [chart_place(chart, 200) for chart in charts if chart.startswith(f"search-{number}-")]
        yield element("div", *places, class_="pairs")
    yield note("Steps: the best answer so far under the goals, figures of the whole program. Dashes: a goal's limit.")
    if about.tree is not None:
        yield chart_place("search-values", 240)
        yield note("Each point a state in the order in which they were evaluated; the line is the best value so far.")


def _metrics(about: Reported, stage: Mapping[str, Any]) -> list[str]:
    known = stage["improvements"][0]["metrics"] if stage["improvements"] else {}
    wanted = [name for name, _ in about.goals if name in known]
    return list(dict.fromkeys([*wanted, "step_s", "peak_memory_bytes"]))[:_MOST_METRICS] if known else []


def _curve(stage: Mapping[str, Any], metric: str, across: str, about: Reported) -> dict[str, Any]:
    end = {"simulation": stage["simulations"], "seconds": stage["seconds"]}
    steps = [*stage["improvements"], {**stage["improvements"][-1], **end}]
    scale, unit = unit_of(metric, steps[-1]["metrics"][metric])
    values = [{"at": max(step[across], _LEAST_S), "best": step["metrics"][metric] / scale} for step in steps]
    title = f"{words_of(metric)} [{unit}]" if unit else words_of(metric)
    log = min(value["best"] for value in values) > 0
    y = {
        "field": "best",
        "type": "quantitative",
        "title": title,
        "scale": {"type": "log", "nice": False} if log else {"zero": False},
        "axis": {"format": ".3~g", "tickCount": 5, "gridOpacity": 0.5},
    }
    x = {
        "field": "at",
        "type": "quantitative",
        "title": "states" if across == "simulation" else "seconds",
        "scale": {"type": "log", "nice": False},
        "axis": {"format": "~g", "tickCount": 6, "grid": False},
    }
    limits = [limit / scale for name, limit in about.goals if name == metric and limit is not None]
    rules = [
        {"data": {"values": [{"best": limit}]}, "mark": {"type": "rule", "strokeDash": [5, 4], "color": "#cf222e"},
         "encoding": {"y": {"field": "best", "type": "quantitative"}}}
        for limit in limits
    ]  # fmt: skip
    tooltip = [
        {"field": "at", "title": x["title"], "format": ".4~g"},
        {"field": "best", "title": title, "format": ".4~g"},
    ]
    line = {"type": "line", "interpolate": "step-after", "point": {"size": 25}}
    return {
        "layer": [{"data": {"values": values}, "mark": line, "encoding": {"x": x, "y": y, "tooltip": tooltip}}, *rules]
    }


def _values(tree: SearchTree) -> dict[str, Any]:
    """Values in the order of evaluation; of many states a part of each stretch is drawn, its best among them."""
    own, best = tree.own, np.maximum.accumulate(tree.own)
    drawn = _drawn(own.tolist())
    points = [{"at": at + 1, "value": round(float(own[at]), 5)} for at in drawn]
    rises = [0, *(np.flatnonzero(np.diff(best)) + 1).tolist(), len(own) - 1]
    line = [{"at": at + 1, "value": round(float(best[at]), 5)} for at in rises]
    x = {"field": "at", "type": "quantitative", "title": "states", "scale": {"domain": [1, len(own)]}}
    y = {"field": "value", "type": "quantitative", "title": "value under the goals", "scale": {"domain": [0, 1]}}
    tooltip = [{"field": "at", "title": "number"}, {"field": "value", "title": "value"}]
    dots = {"type": "circle", "size": 14, "opacity": 0.45, "color": "#6e9bd1"}
    return {
        "layer": [
            {"data": {"values": points}, "mark": dots, "encoding": {"x": x, "y": y, "tooltip": tooltip}},
            {"data": {"values": line}, "mark": {"type": "line", "interpolate": "step-after", "color": "#bc4c00"},
             "encoding": {"x": x, "y": y}},
        ]
    }  # fmt: skip


def _drawn(values: Sequence[float]) -> list[int]:
    length = -(-len(values) // _MOST_STATES)
    stretches = (range(begin, min(begin + length, len(values))) for begin in range(0, len(values), length))
    return [max(stretch, key=values.__getitem__) for stretch in stretches]
