"""Glob patterns over tree paths: ``*`` is one path component, ``**`` any number, ``{a,b}`` a choice."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from autopart.errors import TacticError


def matcher(pattern: str) -> re.Pattern[str]:
    """The regular expression that a pattern stands for."""
    parts = {"**": ".*", "*": "[^/]*", "{": "(?:", "}": ")", ",": "|"}
    tokens = re.split(r"(\*\*|\*|[{},])", pattern)
    return re.compile("".join(parts.get(token, re.escape(token)) for token in tokens))


def select(pattern: str, names: Sequence[str]) -> list[str]:
    """The names that ``pattern`` matches, in order; a pattern also matches whole subtrees (``batch``).

    Raises:
        TacticError: it matches none; the message names the near misses.
    """
    expression = matcher(pattern)
    found = [n for n in names if expression.fullmatch(n)]
    if not found:
        subtree = matcher(f"{pattern}/**")
        found = [n for n in names if subtree.fullmatch(n)]
    if not found:
        starred = sorted({starify(n) for n in names})
        near = difflib.get_close_matches(pattern, starred, n=3, cutoff=0.3) or starred[:3]
        raise TacticError(f"pattern '{pattern}' matches no argument. Near misses: {', '.join(near)}")
    return found


def starify(name: str) -> str:
    """The name with its numeric components (layer numbers) replaced by ``*``."""
    return "/".join("*" if part.isdigit() else part for part in name.split("/"))


def cover(names: Sequence[str], all_names: Iterable[str]) -> str | None:
    """One pattern that matches exactly ``names`` among ``all_names``, or ``None``.

    Components that differ become ``*`` where that adds nothing, else a choice ``{a,b}``.
    """
    rows = [name.split("/") for name in names]
    if len({len(row) for row in rows}) != 1:
        return None
    wanted, everything = set(names), list(all_names)
    columns = [list(dict.fromkeys(column)) for column in zip(*rows, strict=True)]

    def text(starred: set[int]) -> str:
        return "/".join(
            column[0] if len(column) == 1 else "*" if place in starred else "{" + ",".join(column) + "}"
            for place, column in enumerate(columns)
        )

    def exact(pattern: str) -> bool:
        expression = matcher(pattern)
        return {n for n in everything if expression.fullmatch(n)} == wanted

    varying = {place for place, column in enumerate(columns) if len(column) > 1}
    starred: set[int] = set()
    for place in sorted(varying):
        if _adds_nothing(text(starred | {place}), text(starred), everything):
            starred.add(place)
    pattern = text(starred)
    return pattern if exact(pattern) else None


def _adds_nothing(wider: str, narrower: str, names: Sequence[str]) -> bool:
    wide, narrow = matcher(wider), matcher(narrower)
    return all(bool(narrow.fullmatch(n)) for n in names if wide.fullmatch(n))
