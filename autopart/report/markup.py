"""HTML for a notebook's cell: tables and source text, every word escaped."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

_BOX = "font:13px/1.45 system-ui,sans-serif;max-width:100%;overflow-x:auto"
_OPEN = 24
"""Rows of a table that is shown unfolded."""

_CELL = "padding:1px 12px 1px 0;text-align:{};white-space:nowrap"


@dataclass(frozen=True)
class Rows:
    """A table of a cell.

    Attributes:
        title: said above it.
        header: a heading a column; those of columns of numbers begin with ``>``.
        rows: texts, as many a row as there are headings.
        most: how many rows to show; the rest is counted.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    most: int = 60

    def html(self) -> str:
        """The table, folded under its title."""
        sides = ["right" if heading.startswith(">") else "left" for heading in self.header]
        head = "".join(_cell("th", h.removeprefix(">"), side) for h, side in zip(self.header, sides, strict=True))
        body = "".join(
            "<tr>" + "".join(_cell("td", text, side) for text, side in zip(row, sides, strict=True)) + "</tr>"
            for row in self.rows[: self.most]
        )
        hidden = len(self.rows) - self.most
        more = f"<p>and {hidden} more</p>" if hidden > 0 else ""
        table = f'<table style="border-collapse:collapse"><tr>{head}</tr>{body}</table>{more}'
        state = " open" if len(self.rows) <= _OPEN else ""
        return f"<details{state}><summary><b>{html.escape(self.title)}</b></summary>{table}</details>"


def cell(title: str, tables: Sequence[Rows], source: str = "") -> str:
    """What a notebook shows of an object: a line, tables, and source text."""
    code = f"<details><summary><b>Schedule</b></summary><pre>{html.escape(source)}</pre></details>" if source else ""
    return f'<div style="{_BOX}"><p>{html.escape(title)}</p>{"".join(t.html() for t in tables)}{code}</div>'


def _cell(kind: str, text: str, side: str) -> str:
    return f'<{kind} style="{_CELL.format(side)}">{html.escape(text)}</{kind}>'
