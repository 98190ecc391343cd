"""Curves of the best step time so far, as PNG and as one HTML file that needs no network."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autopart.benchmarks.search.summary import Row
from autopart.cost.metrics import STEP_S

WIDTH, HEIGHT, SCALE = 260, 180, 2


def write(rows: Sequence[Row], folder: Path) -> tuple[Path, Path]:
    """Writes one picture of all cases into ``folder``; returns the paths of the PNG and the HTML file."""
    convert: Any = importlib.import_module("vl_convert")
    folder.mkdir(parents=True, exist_ok=True)
    picture = chart(rows)
    png, html = folder / "search.png", folder / "search.html"
    png.write_bytes(convert.vegalite_to_png(picture.to_json(), scale=SCALE))
    picture.save(str(html), inline=True)
    return png, html


def chart(rows: Sequence[Row]) -> Any:
    """A field for each case; a line for each seed: step time over the expert's, by evaluated states."""
    altair: Any = importlib.import_module("altair")
    points = [
        {
            "case": f"{row.case.model} {row.case.mesh}",
            "strategy": row.strategy,
            "run": f"{row.strategy} {trial.seed}",
            "states": states,
            "ratio": step / row.case.expert.metrics[STEP_S],
        }
        for row in rows
        for trial in row.trials
        for states, _, step in trial.curve
        if math.isfinite(step)
    ]
    return (
        altair.Chart(altair.Data(values=points))
        .mark_line(interpolate="step-after", opacity=0.6)
        .encode(
            x=altair.X("states:Q", title="evaluated states", scale=altair.Scale(type="log")),
            y=altair.Y("ratio:Q", title="step time / best expert's", scale=altair.Scale(type="log", zero=False)),
            color=altair.Color("strategy:N", title=None),
            detail="run:N",
        )
        .properties(width=WIDTH, height=HEIGHT)
        .facet(facet=altair.Facet("case:N", title=None), columns=4)
        .resolve_scale(y="independent")
    )
