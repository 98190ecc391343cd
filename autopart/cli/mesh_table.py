"""The meshes that a search looked at, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from autopart.text import bytes_text, seconds_text


def shapes_table(rows: Sequence[Mapping[str, Any]], chosen: Mapping[str, int], room: float) -> Table:
    """A row for each mesh: states evaluated, and the figures of the best of them.

    Args:
        rows: ``Plan.search["shapes"]``.
        chosen: axes of the plan's mesh.
        room: bytes that a device has.
    """
    table = Table(title="Mesh shapes", title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("mesh")
    for heading in ("states", "a device", "a step", "collectives"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for row in rows:
        axes, figures = row["axes"], row["metrics"]
        name = " × ".join(f"{escape(axis)} {size}" for axis, size in axes.items())
        if not figures:
            table.add_row(name, "", "", "", "", escape(row.get("refused", "not searched")), style="dim")
            continue
        cells = (
            str(row["states"]),
            bytes_text(figures["peak_memory_bytes"]),
            seconds_text(figures["step_s"]),
            seconds_text(figures["communication_s"]),
            "does not fit" if figures["peak_memory_bytes"] > room else "",
        )
        table.add_row(name, *cells, style="bold green" if axes == chosen else "")
    return table
