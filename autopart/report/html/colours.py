"""Colours that stay the same all over a report: an axis, or a set of them, has one everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from autopart.emit import DimAxes
from autopart.text import Markup, element

COMPUTE = "#8b949e"

_AXES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#6f42c1", "#17808f", "#a33b3b")
"""Told apart by people who see fewer colours, too (after Okabe and Ito), on light and on dark ground."""


def colour_of(axes: Sequence[str], every: Sequence[str]) -> str:
    """The colour of collectives over ``axes``; ``every`` names the mesh's axes."""
    if len(axes) == 1:
        return _AXES[every.index(axes[0]) % len(_AXES)]
    together = sum(1 << every.index(axis) for axis in axes)
    return _AXES[(len(every) + together) % len(_AXES)]


def chip(text: str, axes: Sequence[str], every: Sequence[str]) -> Markup:
    """A few words on the colour of some axes."""
    return element("span", text, class_="chip", style=f"--axis:{colour_of(axes, every)}")


def layout(axes: DimAxes, every: Sequence[str]) -> Markup:
    """A layout as JAX writes it, its axes in their colours."""
    parts = [Markup("P(")]
    for place, names in enumerate(axes):
        parts.append(Markup(", " if place else ""))
        words = [element("b", name, style=f"--axis:{colour_of([name], every)}") for name in names]
        parts += _joined(words) if words else [element("i", "–")]
    return element("code", *parts, Markup(")"), class_="layout")


def _joined(words: Sequence[Markup]) -> list[Markup]:
    return [part for place, word in enumerate(words) for part in ([Markup("·"), word] if place else [word])]
