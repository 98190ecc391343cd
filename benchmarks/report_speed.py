"""How quick the search tree's explorer and the report of a plan are in a browser: the first paint, clicks, charts.

The tree is that of a real search. Chromium opens the page from disk, without a network; times are taken inside the
page, to the frame in which what was asked for has been painted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from autopart.benchmarks.browser import chromium
from autopart.benchmarks.models import t32
from autopart.benchmarks.schedules import BATCH, MODEL
from autopart.costmodel.mesh import Mesh
from autopart.plan.plan import Plan
from autopart.planner.api import partition_graph
from autopart.planner.auto import Auto
from autopart.program.trace import trace_step
from autopart.search import Budget, SearchTree
from autopart.text.quantities import bytes_text, seconds_text

if TYPE_CHECKING:
    from playwright.sync_api import Page

DESCRIPTION = """\
Opens the explorer of a search tree in Chromium and times the first paint, clicks that expand nodes, the jump to the
best answer, and the scatter of all states by their metrics. With --report the report of a plan: how long it takes to
make and how large it is, the first paint, and clicks that unfold arguments, sort collectives and expand a node.
"""
EXAMPLES = """\
examples:
  python -m benchmarks.report_speed                           50,000 states of T32 (some minutes of search)
  python -m benchmarks.report_speed --tree runs/X/tree.npz    a tree that a run has left
  python -m benchmarks.report_speed --json | tail -1          {"first_paint_s": ..., "expand_s": ..., ...}
  python -m benchmarks.report_speed --screenshots DIR         writes what was seen
  python -m benchmarks.report_speed --report --states 2000    the report of a plan for T32
"""
MESH: Final = Mesh({BATCH: 16, MODEL: 2}, "tpu_v3")
_CLICKS = 9

_FIRST_PAINT = """
const watch = new MutationObserver(() => {
    if (!document.querySelector(".search-tree[data-ready]")) return;
    watch.disconnect();
    requestAnimationFrame(() => setTimeout(() => (window.firstPaint = performance.now())));
});
watch.observe(document, { attributes: true, childList: true, subtree: true });
"""

_CLICK = """async ([selector, number, wanted]) => {
    const begin = performance.now();
    document.querySelectorAll(selector)[number].click();
    const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    do await frame(); while (wanted && !document.querySelector(wanted));
    return performance.now() - begin;
}"""
"""Clicks, and takes the time to the end of the frame in which what was wanted is there."""


def planned(preset: str, states: int) -> Plan:
    """The plan that a search of T32 finds."""
    auto = Auto(budget=Budget(simulations=states))
    return partition_graph(trace_step(t32.step(preset)), MESH, tactics=[auto])


def searched(preset: str, states: int) -> SearchTree:
    """The tree of a search of T32."""
    tree = planned(preset, states).tree
    assert tree is not None
    return tree


@contextmanager
def opened(page_text: str) -> Iterator[tuple[Page, float]]:
    """A page opened from disk, and the milliseconds to its first paint, the explorer's rows included."""
    with tempfile.TemporaryDirectory() as folder, chromium() as context:
        path = Path(folder) / "page.html"
        path.write_text(page_text, encoding="utf-8")
        page = context.new_page()
        page.add_init_script(_FIRST_PAINT)
        page.goto(path.as_uri())
        page.wait_for_function("window.firstPaint")
        yield page, float(page.evaluate("window.firstPaint"))


def measured(page_text: str, screenshots: Path | None = None) -> dict[str, float]:
    """Seconds in a browser: to the first paint, of clicks that expand, of the jump to the best, of the chart."""
    with opened(page_text) as (page, first):
        _photograph(page, screenshots, "tree_start")
        best = _clicked(page, "button", 2)
        _photograph(page, screenshots, "tree_best")
        chart = _clicked(page, "button", 1, ".chart canvas")
        _photograph(page, screenshots, "tree_metrics")
        _clicked(page, "button", 0)
        _clicked(page, "button", 3)
        clicks = [_clicked(page, '.row[aria-expanded="false"] .twist', 0) for _ in range(_CLICKS)]
    times = {"first_paint_s": first, "expand_s": statistics.median(clicks), "longest_expand_s": max(clicks),
             "best_answer_s": best, "chart_s": chart}  # fmt: skip
    return {name: milliseconds / 1e3 for name, milliseconds in times.items()}


def measured_report(page_text: str, screenshots: Path | None = None) -> dict[str, float]:
    """Seconds in a browser: to the first paint, the slowest click of each kind (0 without collectives), all charts."""
    with opened(page_text) as (page, first):
        _photograph(page, screenshots, "report_start")
        begin = time.perf_counter()
        for place in page.locator("[data-chart]").all():
            place.scroll_into_view_if_needed()
            place.locator("canvas").wait_for()
        charts = time.perf_counter() - begin
        for section in ("collectives", "layers", "dataflow"):
            page.locator(f"#{section}").evaluate("section => section.scrollIntoView()")
            _photograph(page, screenshots, f"report_{section}")
        heads = page.locator("#collectives th button").count()
        sort = max((_clicked(page, "th button", n, within="#collectives") for n in range(heads)), default=0.0)
        closed = page.locator("#parameters details").count()
        unfold = max(_clicked(page, "details > summary", n, within="#parameters") for n in range(closed))
        nodes = [_clicked(page, '.row[aria-expanded="false"] .twist', 0) for _ in range(_CLICKS)]
    longest = {"longest_sort_s": sort, "longest_unfold_s": unfold, "longest_expand_s": max(nodes)}
    return {"first_paint_s": first / 1e3, "charts_s": charts} | {name: ms / 1e3 for name, ms in longest.items()}


def _clicked(page: Page, selector: str, number: int, wanted: str = "", within: str = ".search-tree") -> float:
    return float(page.evaluate(_CLICK, [f"{within} {selector}", number, wanted]))


def _photograph(page: Page, folder: Path | None, name: str) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{name}.png")


def measure(tree: SearchTree, screenshots: Path | None = None) -> dict[str, Any]:
    """All figures of a tree: its size, that of the page, and the times."""
    begin = time.perf_counter()
    page = tree.explorer().page("Search tree")
    made = time.perf_counter() - begin
    size = {"states": len(tree), "edges": len(tree.edge_child), "page_bytes": len(page.encode()), "page_made_s": made}
    return size | measured(page, screenshots)


def measure_report(plan: Plan, screenshots: Path | None = None) -> dict[str, Any]:
    """All figures of a plan's report: how long it takes to make the first time, its size, and the times."""
    begin = time.perf_counter()
    page = plan.to_html("Plan of T32")
    made = time.perf_counter() - begin
    size = {"ops": len(plan.problem.graph.ops), "states": len(plan.tree or ()), "page_bytes": len(page.encode())}
    return size | {"page_made_s": made} | measured_report(page, screenshots)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report_speed", description=DESCRIPTION, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--states", type=int, default=50_000, help="states of the search (default: %(default)s)")
    parser.add_argument("--preset", default="full", choices=("full", "tiny"), help="of T32 (default: %(default)s)")
    parser.add_argument("--report", action="store_true", help="the report of a plan instead of the explorer alone")
    parser.add_argument("--tree", type=Path, help="a file that a search has left, instead of searching")
    parser.add_argument("--screenshots", type=Path, help="a folder for screenshots")
    parser.add_argument("--json", action="store_true", help="print JSON in the last line")
    given = parser.parse_args(arguments)
    if given.report and given.tree is not None:
        parser.error("--report takes a plan, which --tree is none of: leave one of them out")
    if given.report:
        figures, what = measure_report(planned(given.preset, given.states), given.screenshots), "Report"
    else:
        tree = searched(given.preset, given.states) if given.tree is None else SearchTree.load(given.tree)
        figures, what = measure(tree, given.screenshots), "Explorer"
    _show(what, figures)
    if given.json:
        print(json.dumps(figures))
    return 0


def _show(what: str, figures: Mapping[str, Any]) -> None:
    table = Table("", "", title=f"{what} of {figures['states']:,} states in Chromium", show_header=False)
    for name, value in figures.items():
        text = (
            seconds_text(value)
            if name.endswith("_s")
            else bytes_text(value)
            if name.endswith("_bytes")
            else f"{value:,}"
        )
        table.add_row(name.removesuffix("_s").removesuffix("_bytes").replace("_", " "), text)
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
