"""A schedule as Python source that a person would have written: tactics with patterns over layers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autopart.errors import TacticError
from autopart.tactics.custom import SavedTactic, is_custom, saved
from autopart.tactics.manual import Atomic, Dim, Manual, Tactic
from autopart.tactics.resolve import Resolve
from autopart.tactics.strategies import Strategy

_WIDTH = 100


@dataclass(frozen=True)
class Note:
    """What is said of a tactic in comments after it.

    Attributes:
        tiles: what a named strategy came to; empty for others.
        report: the figures after it.
    """

    tiles: str
    report: str


def schedule_source(schedule: Sequence[Tactic], mesh_axes: dict[str, int], notes: Sequence[Note]) -> str:
    """Source of a module with a ``SCHEDULE`` list; ``notes`` (one a tactic) become comments after each.

    The module imports the tactics only, nothing of the search.

    Raises:
        TacticError: a tactic leaves a dimension to a function.
    """
    axes = ", ".join(f"{name}={size}" for name, size in mesh_axes.items())
    lines = [f'"""Tactics for a mesh of {axes}; apply with: autopart apply schedule=schedule.py ..."""', ""]
    lines += [*_imports(schedule), "SCHEDULE = ["]
    for tactic, note in zip(schedule, notes, strict=True):
        lines += [*_tactic(tactic), *_comment("", note.tiles), *_comment("-> ", note.report)]
    return "\n".join([*lines, "]", ""])


def tiles_text(manual: Manual) -> str:
    """The tiles of a tactic in one line, for people."""
    return ", ".join(f"{pattern}: {_dim(dim)}" for pattern, dim in manual.tiles.items())


def tactic_text(tactic: Tactic) -> str:
    """A tactic in one line, as in source.

    Raises:
        TacticError: it leaves a dimension to a function.
    """
    tactic = _writable(tactic)
    kind, (opening, entries, closing) = type(tactic).__name__, _entries(tactic)
    return f"{kind}({opening}{', '.join(entries)}{closing})"


def _imports(schedule: Sequence[Tactic]) -> list[str]:
    every = [_writable(tactic) for tactic in schedule]
    names = {type(tactic).__name__ for tactic in every}
    tiles = [t.tiles or {} for t in every if isinstance(t, Manual | SavedTactic)]
    names |= {dim.name for some in tiles for dim in some.values() if isinstance(dim, Dim)}
    if not names:
        return []
    line = f"from autopart import {', '.join(sorted(names))}"
    if len(line) > _WIDTH:
        return ["from autopart import (", *(f"    {name}," for name in sorted(names)), ")", ""]
    return [line, ""]


def _comment(mark: str, text: str) -> list[str]:
    words = " ".join(text.split())
    short = words if len(words) <= _WIDTH else words[: _WIDTH - 3] + "..."
    return [f"    # {mark}{short}"] if words else []


def _tactic(tactic: Tactic) -> list[str]:
    """The lines of one tactic: one if it is short, else one a pattern."""
    tactic = _writable(tactic)
    line = f"    {tactic_text(tactic)},"
    if len(line) <= _WIDTH or isinstance(tactic, Strategy | Resolve | SavedTactic):
        return [line]
    opening, entries, closing = _entries(tactic)
    bracket, rest = closing.split(", ", 1)
    lines = [f"            {entry.rstrip(',')}," for entry in entries]
    return [
        f"    {type(tactic).__name__}(",
        f"        {opening}",
        *lines,
        f"        {bracket},",
        f"        {rest},",
        "    ),",
    ]


def _entries(tactic: Tactic) -> tuple[str, list[str], str]:
    """What is written before the patterns, the patterns, and what is written after them."""
    if isinstance(tactic, SavedTactic):
        tiles = None if tactic.tiles is None else f"{{{_tiles(tactic.tiles)}}}"
        end = f", axis={_quoted(tactic.axis)}" + (f", name={_quoted(tactic.name)}" if tactic.name else "")
        return "", [_quoted(tactic.kind), repr(dict(tactic.fields)), str(tiles)], end
    if isinstance(tactic, Strategy):
        return "", [_quoted(tactic.axis)], f", among={_quoted(tactic.among)}" if tactic.among else ""
    rest = f", axis={_quoted(tactic.axis)}" + (f", name={_quoted(tactic.name)}" if tactic.name else "")
    if isinstance(tactic, Resolve):
        return "", [_quoted(tactic.op), f"factor={_quoted(tactic.factor)}"], rest
    if isinstance(tactic, Atomic):
        entries = [_quoted(p) for p in tactic.patterns]
        return "(", [f"{entries[0]},"] if len(entries) == 1 else entries, f"){rest}"
    if isinstance(tactic, Manual) and not tactic.chooses:
        return "{", [f"{_quoted(p)}: {_dim(d)}" for p, d in tactic.tiles.items()], f"}}{rest}"
    raise TacticError(f"{tactic!r} cannot be written down: it is no tactic of patterns and dimensions")


def _tiles(tiles: Mapping[str, int | Dim]) -> str:
    return ", ".join(f"{_quoted(pattern)}: {_dim(dim)}" for pattern, dim in tiles.items())


def _writable(tactic: Tactic) -> Tactic:
    """A tactic of a user's own as a file keeps it, any other as it is."""
    return saved(tactic) if is_custom(tactic) else tactic


def _quoted(text: str) -> str:
    """A text as Python source, in double quotes: what JSON escapes, Python reads."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _dim(dim: object) -> str:
    return dim.name if isinstance(dim, Dim) else str(dim)
