"""HTML for a notebook's cell: tables that fold, and source text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autopart.text.html_page import Markup, Row, element, table

_STYLE = """\
.autopart { font: 13px/1.45 system-ui, sans-serif; overflow-x: auto; }
.autopart table { border-collapse: collapse; }
.autopart th, .autopart td { padding: 1px 12px 1px 0; text-align: left; white-space: nowrap; }
.autopart .number { text-align: right; font-variant-numeric: tabular-nums; }
.autopart summary { font-weight: 600; }
"""

_OPEN = 24
"""Rows of a table that is shown unfolded."""


@dataclass(frozen=True)
class Rows:
    """A table of a cell.

    Attributes:
        title: said above it.
        headings: a heading a column.
        rows: texts, as many a row as there are headings.
        numbers: the columns that stand to the right.
        most: how many rows to show; the rest is counted.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()
    most: int = 60

    def markup(self) -> Markup:
        """The table, folded under its title."""
        hidden = len(self.rows) - self.most
        shown = table(self.headings, [Row(row) for row in self.rows[: self.most]], self.numbers)
        more = [element("p", f"and {hidden} more")] if hidden > 0 else []
        return folded(self.title, shown, *more, is_open=len(self.rows) <= _OPEN)


def folded(title: str, *content: Markup, is_open: bool) -> Markup:
    """What a click on its title shows or hides."""
    state = {"open": ""} if is_open else {}
    return element("details", element("summary", title), *content, **state)


def cell(title: str, tables: Sequence[Rows], source: str = "") -> str:
    """What a notebook shows of an object: a line, tables, and source text."""
    code = [folded("Schedule", element("pre", source), is_open=False)] if source else []
    parts = (element("p", title), *(rows.markup() for rows in tables), *code)
    return element("div", element("style", Markup(_STYLE)), *parts, class_="autopart").text
