"""Tactics in a few words, for tables and sentences."""

from __future__ import annotations

from autopart.tactics.manual import Atomic, Dim, Manual, Tactic
from autopart.tactics.resolve import Resolve

_MOST_PATTERNS = 3


def title(tactic: Tactic) -> str:
    """A tactic in a few words on one line: its name, or the first of what it asks for."""
    items = [] if tactic.name else _items(tactic)
    if not items:
        return tactic.name or type(tactic).__name__
    first = f"{items[0]} whole" if isinstance(tactic, Atomic) else items[0]
    return f"{first} and {len(items) - 1} more" if len(items) > 1 else first


def label(tactic: Tactic, tiles: str = "") -> str:
    """A tactic in a few lines: its name or its kind, the axis, and the first of its patterns.

    Args:
        tactic: the tactic.
        tiles: what a named strategy came to, patterns and dimensions with commas between.
    """
    items = _items(tactic) or (tiles.split(", ") if tiles else [])
    more = [f"and {len(items) - _MOST_PATTERNS} more"] if len(items) > _MOST_PATTERNS else []
    return "\n  ".join([f"{tactic.name or type(tactic).__name__} on {tactic.axis}", *items[:_MOST_PATTERNS], *more])


def _items(tactic: Tactic) -> list[str]:
    """What a tactic asks for, one text each; nothing of one that finds its values itself."""
    if isinstance(tactic, Manual):
        return [f"{pattern}: {dim.name if isinstance(dim, Dim) else dim}" for pattern, dim in tactic.tiles.items()]
    if isinstance(tactic, Atomic):
        return list(tactic.patterns)
    return [f"{tactic.op}: {tactic.factor}"] if isinstance(tactic, Resolve) else []
