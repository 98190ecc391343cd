"""Glob patterns over tree paths: ``*`` is one path component, ``**`` any number, ``{a,b}`` a choice."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Iterable, Sequence

from autopart.errors import TacticError

MEANINGFUL = frozenset("*{},")
"""Characters that mean something in a pattern."""


@functools.lru_cache(maxsize=1024)
def matcher(pattern: str) -> re.Pattern[str]:
    """The regular expression that a pattern stands for.

    Raises:
        TacticError: its braces do not match.
    """
    out, depth = [], 0
    for token in re.split(r"(\*\*/|\*\*|\*|[{},])", pattern):
        depth += (token == "{") - (token == "}")
        if depth < 0:
            break
        wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "{": "(?:", "}": ")"}
        out.append("|" if token == "," and depth else wild.get(token, re.escape(token)))
    if depth:
        raise TacticError(f"pattern '{pattern}': the braces do not match; a choice is written {{a,b}}")
    return re.compile("".join(out))


@functools.lru_cache(maxsize=1024)
def select(pattern: str, names: tuple[str, ...], tags: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The names that ``pattern`` matches, in order; one that matches none may name whole subtrees (``batch``).

    A name in full selects itself, whatever characters are in it. Where no name is matched, ``tags`` are looked at.

    Raises:
        TacticError: it matches none (the message names the near misses), or its braces do not match.
    """
    for some in (names, tags):
        if pattern in some:
            return (pattern,)
        for expression in (matcher(pattern), matcher(f"{pattern}/**")):
            found = tuple(n for n in some if expression.fullmatch(n))
            if found:
                return found
    starred = sorted({starify(n) for n in (*names, *tags)})
    near = difflib.get_close_matches(pattern, starred, n=3, cutoff=0.3) or starred[:3]
    what = "no argument and no name given inside the program" if tags else "no argument"
    raise TacticError(f"pattern '{pattern}' matches {what}. Near misses: {', '.join(near)}")


def starify(name: str) -> str:
    """The name with its numeric components (layer numbers) replaced by ``*``."""
    return "/".join("*" if part.isdigit() else part for part in name.split("/"))


def cover(names: Sequence[str], all_names: Iterable[str]) -> str | None:
    """One pattern that matches exactly ``names`` (one at least, no two equal) among ``all_names``.

    Components that differ become ``*`` where that adds nothing, else a choice ``{a,b}``; what is no product
    of choices becomes a choice of patterns. ``None`` if several names are to be covered of which one has a
    character that means something in a pattern.
    """
    if len(names) == 1:
        return names[0]
    if any(MEANINGFUL & set(name) for name in names):
        return None
    everything = list(all_names)
    return _product(names, everything) or _choice([cover(part, everything) for part in _parts(names)])


def _choice(patterns: Sequence[str | None]) -> str:
    return "{" + ",".join(pattern or "" for pattern in patterns) + "}"


def _parts(names: Sequence[str]) -> list[list[str]]:
    """The names by their number of components or, if that is one, by the first component that differs."""
    rows = [name.split("/") for name in names]
    by: Callable[[list[str]], object] = len
    if len({len(row) for row in rows}) == 1:
        place = next(place for place, column in enumerate(zip(*rows, strict=True)) if len(set(column)) > 1)
        by = lambda row: row[place]  # noqa: E731
    parts: dict[object, list[str]] = {}
    for name, row in zip(names, rows, strict=True):
        parts.setdefault(by(row), []).append(name)
    return list(parts.values())


def _product(names: Sequence[str], everything: Sequence[str]) -> str | None:
    """A pattern with one choice or ``*`` for each component, or ``None`` if none is exact."""
    rows = [name.split("/") for name in names]
    if len({len(row) for row in rows}) != 1:
        return None
    columns = [list(dict.fromkeys(column)) for column in zip(*rows, strict=True)]

    def text(starred: set[int]) -> str:
        return "/".join(
            column[0] if len(column) == 1 else "*" if place in starred else _choice(column)
            for place, column in enumerate(columns)
        )

    starred: set[int] = set()
    for place, column in enumerate(columns):
        if len(column) > 1 and _matched(text(starred | {place}), everything) == _matched(text(starred), everything):
            starred.add(place)
    pattern = text(starred)
    return pattern if _matched(pattern, everything) == set(names) else None


def _matched(pattern: str, names: Sequence[str]) -> set[str]:
    expression = matcher(pattern)
    return {name for name in names if expression.fullmatch(name)}
