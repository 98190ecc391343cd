"""The page, put together: a list of sections, their markup, what their charts draw, and one charting library."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib.resources import files

from autopart.report.html.collectives import collectives
from autopart.report.html.curves import curves
from autopart.report.html.drawing import dataflow
from autopart.report.html.layers import layers
from autopart.report.html.memory import memory
from autopart.report.html.parameters import parameters
from autopart.report.html.parts import parts_of
from autopart.report.html.reported import Reported, Section, note
from autopart.report.html.summary import summary
from autopart.search import SearchTree
from autopart.search.tree.page import chart_element, chart_loader
from autopart.text import Markup, Page, data, element


def report_page(about: Reported, title: str) -> str:
    """The whole report as one page that stands by itself.

    Args:
        about: the plan.
        title: what it is called.
    """
    parts = parts_of(about.subject.problem.graph)
    found = [
        summary(about), parameters(about), collectives(about), memory(about), layers(about, parts),
        dataflow(about, parts), curves(about), _tree(about.tree) if about.tree is not None else None,
    ]  # fmt: skip
    sections = [section for section in found if section is not None]
    scripts = "\n".join([chart_loader(), *map(_asset, ("charts.js", "table.js"))])
    page = Page(title, style=_asset("report.css"), script=f'(() => {{"use strict";\n{scripts}}})();')
    page.add(_contents(sections), *(section.markup() for section in sections))
    page.add(data("charts-data", {name: spec for section in sections for name, spec in section.charts.items()}))
    page.add(Markup(chart_element()))
    return page.html()


def _contents(sections: Sequence[Section]) -> Markup:
    links = [element("a", section.title, href=f"#{section.name}") for section in sections]
    return element("nav", *links)


def _tree(tree: SearchTree) -> Section:
    words = note(f"All {len(tree):,} states of the search (of several searches those of the last), as tactics.")
    return Section("tree", "Search tree", [words, Markup(tree.explorer().fragment(with_chart=False))], {})


@functools.cache
def _asset(name: str) -> str:
    return files("autopart.report.html").joinpath("assets", name).read_text(encoding="utf-8")
