"""The vocabulary in which our rules and Shardy's are compared: which dimensions are cut alike, and what the op does."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from autopart.sharding.rules.rule import Kind, Rule, letters

Dim: TypeAlias = "tuple[int, int]"
"""An array of the op, operands first, and one of its dimensions."""


class Flow(enum.Enum):
    """What an op does where the dimensions of a tie are cut."""

    PASS = "pass-through"
    REDUCTION = "reduction"
    PERMUTATION = "permutation"
    NEED_REPLICATION = "need_replication"


@dataclass(frozen=True)
class Tie:
    """A factor: dimensions that are cut alike.

    Attributes:
        dims: those of which it is the major part (or the whole).
        minor: those of which it is a part that others stand before, each with the size of what stands before.
        size: tiles must divide it.
        flow: what the op does.
        word: how the rule calls it, where it is no pass-through: ``sum``, ``reduction``, ...
    """

    dims: frozenset[Dim]
    size: int
    flow: Flow
    word: str = ""
    minor: frozenset[tuple[int, Dim]] = frozenset()


Ties: TypeAlias = "tuple[Tie, ...]"


def our_ties(rule: Rule, arrays: Sequence[int], shapes: Sequence[Sequence[int]]) -> Ties:
    """A rule of our table as ties; dimensions of size 1, which nothing cuts, are left out.

    Args:
        rule: the rule.
        arrays: the operands that are compared (literals are not).
        shapes: of those operands, then of the results.
    """
    members: dict[int, set[Dim]] = {}
    for number, factors in enumerate((*(rule.operands[i] for i in arrays), *rule.results)):
        for dim, factor in enumerate(factors):
            if factor >= 0 and shapes[number][dim] > 1:
                members.setdefault(factor, set()).add((number, dim))
    exchanged = {rule.operands[halo.operand][halo.dim] for halo in rule.halos}
    return tuple(
        Tie(frozenset(dims), rule.factors[f].size, *_our_flow(rule.factors[f].kind, f in exchanged))
        for f, dims in members.items()
        if rule.factors[f].size > 1
    )


def _our_flow(kind: Kind, exchanged: bool) -> tuple[Flow, str]:
    if kind is not Kind.PASS:
        return Flow.REDUCTION, kind.name.lower()
    return (Flow.PERMUTATION, "permutation") if exchanged else (Flow.PASS, "")


def text(ties: Iterable[Tie], shapes: Sequence[Sequence[int]], operands: int) -> str:
    """Ties in the grammar of ``custom_partitioning``, factors named in order of appearance; whole: ``_``."""
    parts: dict[Dim, list[tuple[int, Tie]]] = {}
    for tie in ties:
        for dim in tie.dims:
            parts.setdefault(dim, []).append((1, tie))
        for before, dim in tie.minor:
            parts.setdefault(dim, []).append((before, tie))
    names: dict[Tie, str] = {}
    free = iter(letters(1000))
    written = []
    for array, shape in enumerate(shapes):
        here = [sorted(parts.get((array, d), []), key=lambda part: part[0]) for d in range(len(shape))]
        for part in here:
            names |= {tie: next(free) for _, tie in part if tie not in names}
        written.append(" ".join(_dimension([names[tie] for _, tie in part]) for part in here) or "()")
    sides = f"{', '.join(written[:operands])} -> {', '.join(written[operands:])}"
    return sides + _notes(names)


def _dimension(labels: Sequence[str]) -> str:
    return "_" if not labels else labels[0] if len(labels) == 1 else f"({' '.join(labels)})"


def _notes(names: Mapping[Tie, str]) -> str:
    words: dict[str, list[str]] = {}
    for tie, name in names.items():
        if tie.word:
            words.setdefault(tie.word, []).append(name)
    return "".join(f"; {word}={{{', '.join(labels)}}}" for word, labels in words.items())
