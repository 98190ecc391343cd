"""One HTML page that stands by itself: no network, no script but its own, every text escaped."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

STYLE = """\
:root { color-scheme: light dark; }
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; margin: .5rem 0 1rem; }
th, td { padding: .25rem .75rem; text-align: left; vertical-align: top; border-bottom: 1px solid #8884; }
th { border-bottom: 2px solid #8888; } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
tr.good { font-weight: bold; } tr.bad { color: #b3261e; } tr.dim { opacity: .6; }
caption { caption-side: bottom; text-align: left; opacity: .7; }
pre { overflow-x: auto; background: #8881; padding: .75rem; }
"""


@dataclass(frozen=True)
class Markup:
    """Text that is HTML already; anything else is escaped where it is put into a page."""

    text: str


def escaped(content: str | Markup) -> str:
    """HTML that shows ``content``, in an element or an attribute."""
    return content.text if isinstance(content, Markup) else html.escape(content, quote=True)


def element(name: str, *content: str | Markup, **attributes: str) -> Markup:
    """An element; of attributes' names a trailing ``_`` is lost (``class_``), others are ``-`` (``data_chart``).

    Content and attributes are escaped.
    """
    texts = [
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(value, quote=True)}"' for key, value in attributes.items()
    ]
    return Markup(f"<{name}{''.join(texts)}>{''.join(escaped(part) for part in content)}</{name}>")


def address(target: Path, page: Path) -> str:
    """What a link on a page says to lead to another file: from the page on, so that both may move together."""
    try:
        way = os.path.relpath(target, page.parent)
    except ValueError:  # Another drive.
        return target.absolute().as_uri()
    return quote(os.fsencode(Path(way).as_posix()))


def data(name: str, value: Any) -> Markup:
    """Plain values as JSON in an element with the id ``name``, in letters that no markup or script can end."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)  # U+2028 and its like are escaped by default.
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(f'<script type="application/json" id="{html.escape(name, quote=True)}">{text}</script>')


@dataclass(frozen=True)
class Row:
    """A row of a table; ``style`` is ``good``, ``bad``, ``dim`` or empty."""

    cells: Sequence[str | Markup]
    style: str = ""


def table(headings: Sequence[str], rows: Iterable[Row], numbers: Sequence[int] = (), caption: str = "") -> Markup:
    """A table; ``numbers`` are the columns that stand to the right."""

    def line(name: str, row: Row) -> Markup:
        cells = [
            element(name, cell, class_="number") if place in numbers else element(name, cell)
            for place, cell in enumerate(row.cells)
        ]
        return element("tr", *cells, class_=row.style) if row.style else element("tr", *cells)

    head = element("thead", line("th", Row(headings)))
    below = [element("caption", caption)] if caption else []
    return element("table", *below, head, element("tbody", *(line("td", row) for row in rows)))


@dataclass
class Page:
    """A page that is filled from top to bottom.

    Attributes:
        title: shown at the top and by the browser.
        parts: what stands on it.
        style: rules beside those of every page.
        script: what runs when all parts are there; our own text, never a user's.
    """

    title: str
    parts: list[Markup] = field(default_factory=list)
    style: str = ""
    script: str = ""

    def add(self, *parts: Markup) -> None:
        """Puts parts below those that are there."""
        self.parts += parts

    def heading(self, text: str) -> None:
        """Begins a section."""
        self.add(element("h2", text))

    def paragraph(self, text: str) -> None:
        """Adds a few sentences."""
        self.add(element("p", text))

    def html(self) -> str:
        """The document, whole; it loads nothing."""
        runs = "; script-src 'unsafe-inline'" if self.script else ""
        head = element(
            "head", Markup('<meta charset="utf-8">'),
            Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Markup("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                   f"style-src 'unsafe-inline'; img-src data:{runs}\">"),
            element("title", self.title), element("style", Markup(STYLE + self.style)),
        )  # fmt: skip
        script = [element("script", Markup(self.script))] if self.script else []
        body = element("body", element("h1", self.title), *self.parts, *script)
        return f"<!doctype html>\n{element('html', head, body, lang='en').text}\n"
