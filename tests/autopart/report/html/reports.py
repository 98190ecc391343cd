"""Plans that are reported on, and their reports opened in a browser."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from autopart.benchmarks.schedules import EXPERTS
from autopart.plan.plan import Plan, plan_of
from autopart.planner.api import partition_graph
from autopart.planner.auto import Auto
from autopart.report.html.reported import Reported
from autopart.search import Budget
from tests.autopart.tiny import MESH, tiny, tiny_graph

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Dialog, Page


@functools.cache
def searched(model: str = "mlp") -> Plan:
    """A plan that was searched for."""
    return partition_graph(tiny_graph(model), MESH, tactics=[Auto(budget=Budget(60))])


@functools.cache
def by_experts(model: str, schedule: str = "BP+MP+Z3") -> Plan:
    """A plan by hand, which has collectives of several kinds."""
    return plan_of(tiny(model), EXPERTS[model][1][schedule])


def by_most_tactics(model: str) -> Plan:
    """The plan of the longest of a model's schedules by hand."""
    schedules = EXPERTS[model][1]
    return by_experts(model, max(schedules, key=lambda name: len(schedules[name])))


def about(plan: Plan) -> Reported:
    """A plan as its sections read it."""
    goals = () if plan.tree is None else plan.tree.goals
    return Reported(plan.subject, plan.schedule_source(), goals, plan.metrics, plan.recipes, plan.search, plan.tree)


@contextmanager
def opened(browser: BrowserContext, folder: Path) -> Iterator[Callable[[str], Page]]:
    """Opens HTML from disk; what a page complains of, a dialog or a request beside its own file fails the test."""
    faults: list[str] = []

    def dismissed(dialog: Dialog) -> None:
        faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open_page(text: str) -> Page:
        path = folder / "report.html"
        path.write_text(text, encoding="utf-8")
        page = browser.new_page()
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("console", lambda said: faults.extend([said.text] if said.type in ("error", "warning") else []))
        page.on("dialog", dismissed)
        page.on("request", lambda asked: faults.extend([asked.url] if asked.url != path.as_uri() else []))
        page.goto(path.as_uri())
        return page

    try:
        yield open_page
    finally:
        for page in browser.pages:
            page.close()
    assert faults == []
