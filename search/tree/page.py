"""What shows a search tree in a page: markup, style, script and data in one piece that takes nothing from a network."""

import base64
import functools
import gzip
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

_HEIGHT_PX = 640
_KINDS: Mapping[str, str] = {"f": "f4", "i": "i4", "u": "i4"}
"""What the page holds of each kind of number: single precision is more than it shows."""


@dataclass(frozen=True)
class TreePage:
    """A search tree ready to be shown: plain values and columns of numbers.

    Attributes:
        header: names, goals, actions and seeds; see `SearchTree`.
        columns: the numbers of states and of edges, by the names that the script reads.
    """

    header: Mapping[str, Any]
    columns: Mapping[str, npt.NDArray[Any]]

    def fragment(self, with_chart: bool = True) -> str:
        """Return HTML to be put into a page: an element with its style, script and data. Several may share a page.

        `with_chart`: bring the charting library along, if it is installed. A page that loads vega-embed itself needs
        none: `window.vegaEmbed` is used where it is there. Without either there is no second view.
        """
        chart = chart_element() if with_chart else ""
        return (
            f'<div class="search-tree"><style>{_resource("style.css")}</style>'
            f'<script type="application/json" class="tree-header">{self._header_text()}</script>'
            f'<script type="text/plain" class="tree-data">{self._data()}</script>{chart}'
            f"<script>{_script()}</script></div>"
        )

    def page(self, title: str) -> str:
        """Return a whole page that shows this and nothing else."""
        return (
            f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
            f"<style>body{{margin:0}}body>.search-tree{{height:100vh}}</style></head><body>{self.fragment()}</body></html>"
        )

    def _header_text(self) -> str:
        """The plain values as JSON that no markup can end."""
        layout = [[name, _kind(column), int(column.size)] for name, column in self.columns.items()]
        text = json.dumps({**self.header, "columns": layout})
        return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

    def _data(self) -> str:
        return _packed(b"".join(np.ascontiguousarray(c, f"<{_kind(c)}").tobytes() for c in self.columns.values()))


def framed(page: str) -> str:
    """Return a page in a frame of its own, as a notebook's cell shows it: neither can reach into the other."""
    return (
        f'<iframe sandbox="allow-scripts" style="width:100%;height:{_HEIGHT_PX}px;border:0" '
        f'srcdoc="{html.escape(page)}"></iframe>'
    )


@functools.cache
def chart_library() -> str:
    """Return Vega-Embed with Vega and Vega-Lite, packed, as vl-convert carries it; empty where it is not installed."""
    try:
        import vl_convert
    except ImportError:
        return ""
    return _packed(str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")).encode())


def chart_element() -> str:
    """Return the element in which a page holds the charting library; empty where it is not installed."""
    library = chart_library()
    return f'<script type="text/plain" class="tree-chart">{library}</script>' if library else ""


def chart_loader() -> str:
    """Return the script that unpacks it: `embedder(host)` gives a promise of vega-embed, or of null without it."""
    return _resource("library.js")


@functools.cache
def _resource(name: str) -> str:
    return files("autopart.search.tree").joinpath("explorer", name).read_text(encoding="utf-8")


def _script() -> str:
    """The script in one scope of its own."""
    parts = "\n".join(_resource(f"{name}.js") for name in ("library", "data", "list", "facts", "chart", "main"))
    return f'(() => {{"use strict";\n{parts}}})();'


def _kind(column: npt.NDArray[Any]) -> str:
    return _KINDS[column.dtype.kind]


def _packed(content: bytes) -> str:
    """Compressed, in letters: what `unpacked` of the script reads."""
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode()
