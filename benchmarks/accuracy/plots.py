"""Scatter plots of predictions against a judge, as PNG and as one HTML file that needs no network."""

from __future__ import annotations

import importlib
import importlib.util
import math
from pathlib import Path
from typing import Any

from autopart.benchmarks.accuracy.errors import JudgeError
from autopart.benchmarks.accuracy.findings import Scatter

WIDTH, HEIGHT, SCALE = 420, 360, 2
"""Points on a screen; a PNG has ``SCALE`` pixels for each."""


def require() -> None:
    """Checks that what draws is installed.

    Raises:
        JudgeError: it is not.
    """
    for module in ("altair", "vl_convert"):
        if importlib.util.find_spec(module) is None:
            raise JudgeError(f"plots need '{module}', which is not installed. Fix: pip install 'autopart[plots]'")


def write(scatter: Scatter, folder: Path) -> tuple[Path, Path]:
    """Writes the plot into ``folder``; returns the paths of the PNG and the HTML file."""
    convert: Any = importlib.import_module("vl_convert")
    folder.mkdir(parents=True, exist_ok=True)
    png, html = folder / f"{scatter.name}.png", folder / f"{scatter.name}.html"
    picture = chart(scatter)
    png.write_bytes(convert.vegalite_to_png(picture.to_json(), scale=SCALE))
    picture.save(str(html), inline=True)
    return png, html


def chart(scatter: Scatter) -> Any:
    """The plot as an altair chart: a point a program, and the diagonal where both axes have one unit."""
    altair: Any = importlib.import_module("altair")
    rows = [
        {"program": p.program, "group": p.group, "predicted": p.predicted, "judged": p.judged}
        for p in scatter.points
        if p.predicted > 0 and p.judged > 0  # A logarithmic axis has no zero.
    ]
    x, y = (_axis(altair, name, scatter) for name in ("judged", "predicted"))
    points = (
        altair.Chart(altair.Data(values=rows))
        .mark_point(filled=True, size=60, opacity=0.75)
        .encode(
            x=altair.X("judged:Q", **x),
            y=altair.Y("predicted:Q", **y),
            color=altair.Color("group:N", title=None),
            shape=altair.Shape("group:N", title=None),
            tooltip=["program:N", "predicted:Q", "judged:Q"],
        )
    )
    layers = [points]
    if scatter.diagonal and rows:
        ends = [{"x": end, "y": end} for end in _ends(scatter, ("judged", "predicted"))]
        line = altair.Chart(altair.Data(values=ends)).mark_line(color="grey", strokeDash=[4, 4], clip=True)
        layers.insert(0, line.encode(x=altair.X("x:Q", **x), y=altair.Y("y:Q", **y)))
    return altair.layer(*layers).properties(title=scatter.title, width=WIDTH, height=HEIGHT)


def _axis(altair: Any, name: str, scatter: Scatter) -> dict[str, Any]:
    names = ("judged", "predicted") if scatter.diagonal else (name,)
    domain = list(_ends(scatter, names))
    return {"title": getattr(scatter, name), "scale": altair.Scale(type="log", domain=domain, nice=False)}


def _ends(scatter: Scatter, names: tuple[str, ...]) -> tuple[float, float]:
    """The least and the largest figure, with a tenth of a decade around."""
    figures = [getattr(p, name) for p in scatter.points for name in names if p.predicted > 0 and p.judged > 0]
    margin = math.pow(10, 0.1)
    return (min(figures) / margin, max(figures) * margin) if figures else (0.1, 10.0)
