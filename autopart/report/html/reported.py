"""What a report is about, and what its sections are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from autopart.explain import PlanExplanation, Subject, explain_plan
from autopart.search import SearchTree
from autopart.text import Markup, element

Goal: TypeAlias = tuple[str, float | None]
"""A figure's name, and its limit; without one it should be as small as may be."""


@dataclass(frozen=True)
class Reported:
    """A plan as its report reads it.

    Attributes:
        subject: the program with the schedule applied.
        source: the schedule as Python.
        goals: what was searched for, in order of importance.
        figures: the plan's figures by name: ``analysis.METRICS``, and what the goals name beside them.
        recipes: figures of the known recipes, by name.
        search: how the search went, see ``Plan.search``.
        tree: what the search saw.
    """

    subject: Subject
    source: str
    goals: tuple[Goal, ...]
    figures: Mapping[str, float]
    recipes: Mapping[str, Mapping[str, float]]
    search: Mapping[str, Any]
    tree: SearchTree | None

    @cached_property
    def explained(self) -> PlanExplanation:
        """The plan at a glance."""
        return explain_plan(self.subject)


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        name: its id on the page.
        title: what stands above it, and in the list of sections.
        parts: what it shows.
        charts: what its charts draw, by the ids of their places: Vega-Lite, without data from a network.
    """

    name: str
    title: str
    parts: Sequence[Markup]
    charts: Mapping[str, Mapping[str, Any]]

    def markup(self) -> Markup:
        """The section on the page."""
        return element("section", element("h2", self.title), *self.parts, id=self.name)


def chart_place(name: str, height_px: int = 260) -> Markup:
    """Where a chart is drawn once it comes into sight."""
    return element("div", class_="chart", data_chart=name, style=f"height:{height_px}px")


def note(text: str) -> Markup:
    """A sentence below what it explains."""
    return element("p", text, class_="note")
