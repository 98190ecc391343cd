"""Paths of many layers as few lines: what is said of equal paths in equal words is said once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from autopart.program.patterns import starify

Parts: TypeAlias = tuple[tuple[str, ...], ...]
"""The components of some paths: for each place what stands there in one path or another."""


@dataclass(frozen=True)
class Bundle:
    """Paths of which the same is said.

    Attributes:
        paths: in the order in which they came.
        words: what is said of them.
    """

    paths: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def pattern(self) -> str:
        """A path for one; of several ``*`` for the numbers that differ and ``{a,b}`` for other components that do."""
        return "/".join(
            column[0] if len(column) == 1 else "*" if all(x.isdigit() for x in column) else "{" + ",".join(column) + "}"
            for column in _columns(self.paths)
        )

    def line(self) -> str:
        """Path and words; of several paths how many, and the first."""
        several = f" (×{len(self.paths)}, first {self.paths[0]})" if len(self.paths) > 1 else ""
        return " ".join([f"{self.pattern}{several}", *self.words])


def bundled(rows: Iterable[tuple[str, tuple[str, ...]]]) -> list[Bundle]:
    """(path, words) in bundles: those that differ in numbers, and of these those that differ in one other component."""
    layers: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for path, words in rows:
        layers.setdefault((starify(path), words), []).append(path)
    out: list[Bundle] = []
    for (_, words), paths in layers.items():
        bundle = Bundle(tuple(paths), words)
        place = next((i for i, other in enumerate(out) if _may_join(other, bundle)), None)
        if place is None:
            out.append(bundle)
        else:
            out[place] = Bundle((*out[place].paths, *paths), words)
    return out


def _columns(paths: Iterable[str]) -> Parts:
    return tuple(tuple(dict.fromkeys(column)) for column in zip(*(path.split("/") for path in paths), strict=True))


def _may_join(one: Bundle, other: Bundle) -> bool:
    """Whether all paths of both are one pattern's, with nothing besides: they differ in one component."""
    if one.words != other.words or one.paths[0].count("/") != other.paths[0].count("/"):
        return False
    pairs = zip(_columns(one.paths), _columns(other.paths), strict=True)
    return sum(a != b for a, b in pairs) == 1
