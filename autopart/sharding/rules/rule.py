"""What a sharding rule is: factors that tie an op's operand and result dimensions together."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from autopart.errors import RuleError

Shape = tuple[int, ...]
Labels = Sequence[str | None]
"""One label per dimension; ``None`` marks a dimension that must stay whole."""


MOST_DIMS = 15
"""An array may be tiled along its first dimensions, so many: a packed layout has four bits for a dimension or none."""

MOST_FACTORS = 125
"""An op may be tiled along its first factors, so many: marks are bytes, and a state's key has a thousand numbers for
factor and nesting."""


class Kind(enum.IntEnum):
    """What tiling a factor does to the result: split it, or leave partial results to combine."""

    PASS = 0
    SUM = 1
    MAX = 2
    MIN = 3
    OR = 4
    AND = 5


class Linear(enum.IntEnum):
    """How an op treats a partial sum: not linear, linear in one operand at a time, or in all at once."""

    NO = 0
    EACH = 1
    JOINT = 2


@dataclass(frozen=True)
class Factor:
    """A named size that ties dimensions.

    Attributes:
        label: its letter in the rule's text.
        size: tiles must divide it; for a reshape it is the shared major part of the dimensions.
        kind: pass-through, or the monoid that combines the parts.
    """

    label: str
    size: int
    kind: Kind


@dataclass(frozen=True)
class Halo:
    """What an op that slides a window must see around a tile of an operand, when the dimension is tiled.

    Attributes:
        operand, dim: which dimension of which operand.
        low, high: elements of the tile before and of the tile after; no more than a tile has.
    """

    operand: int
    dim: int
    low: int
    high: int


@dataclass(frozen=True)
class Rule:
    """The sharding rule of one op at its shapes.

    Attributes:
        factors: the factors that may be tiled.
        operands, results: per array, per dimension, an index into ``factors`` or -1 (stays whole).
        linear: whether a partial sum may pass through, and ``linear_operands`` through which.
        halos: what tiles of the operands need of their neighbours.
    """

    factors: tuple[Factor, ...]
    operands: tuple[tuple[int, ...], ...]
    results: tuple[tuple[int, ...], ...]
    linear: Linear = Linear.NO
    linear_operands: tuple[int, ...] = ()
    halos: tuple[Halo, ...] = ()

    def text(self) -> str:
        """The rule in the grammar of ``custom_partitioning``; a dimension that stays whole is ``_``."""

        def side(arrays: tuple[tuple[int, ...], ...]) -> str:
            return ", ".join(" ".join("_" if f < 0 else self.factors[f].label for f in dims) or "()" for dims in arrays)

        kinds: dict[str, list[str]] = {}
        for factor in self.factors:
            if factor.kind is not Kind.PASS:
                kinds.setdefault(factor.kind.name.lower(), []).append(factor.label)
        exchanged = {self.operands[halo.operand][halo.dim] for halo in self.halos}
        if exchanged:
            kinds["permutation"] = [self.factors[f].label for f in sorted(exchanged)]
        notes = "".join(f"; {kind}={{{', '.join(labels)}}}" for kind, labels in kinds.items())
        return f"{side(self.operands)} -> {side(self.results)}{notes}"


def make(
    in_shapes: Sequence[Shape],
    out_shapes: Sequence[Shape],
    operands: Sequence[Labels],
    results: Sequence[Labels],
    reductions: Mapping[str, Kind] | None = None,
    sizes: Mapping[str, int] | None = None,
    linear: Linear = Linear.NO,
    linear_operands: Sequence[int] = (),
    halos: Sequence[Halo] = (),
) -> Rule:
    """Builds a rule from labels per dimension.

    Args:
        in_shapes: shapes of the operands.
        out_shapes: shapes of the results.
        operands: labels per dimension of each operand.
        results: labels per dimension of each result.
        reductions: labels that are summed (or maxed ...) away when tiled.
        sizes: sizes of labels that are a part of their dimension (reshape).
        linear: how the op treats a partial sum.
        linear_operands: operands through which a partial sum may enter.
        halos: what tiles of the operands need of their neighbours.

    Raises:
        RuleError: ranks or sizes do not agree.
    """
    reductions, sizes = reductions or {}, dict(sizes or {})
    given = set(sizes)
    index: dict[str, int] = {}
    arrays: list[tuple[int, ...]] = []
    for shape, labels in zip([*in_shapes, *out_shapes], [*operands, *results], strict=True):
        if len(shape) != len(labels):
            raise RuleError(f"rule gives {len(labels)} dimensions to an array of shape {shape}")
        for size, label in zip(shape, labels, strict=True):
            if label is not None and sizes.setdefault(label, size) != size and label not in given:
                raise RuleError(f"factor {label} has sizes {sizes[label]} and {size}")
        arrays.append(tuple(-1 if label is None else index.setdefault(label, len(index)) for label in labels))
    factors = tuple(Factor(label, sizes[label], reductions.get(label, Kind.PASS)) for label in index)
    count = len(in_shapes)
    return Rule(
        factors, tuple(arrays[:count]), tuple(arrays[count:]), linear, tuple(linear_operands), tuple(halos)
    )  # fmt: skip


def letters(count: int, start: int = 0) -> list[str]:
    """``count`` factor labels: i, j, k, ..."""
    alphabet = "ijklmnopqrstuvwxyzabcdefgh"
    return [alphabet[n % 26] + ("" if n < 26 else str(n // 26)) for n in range(start, start + count)]


def replicated(in_shapes: Sequence[Shape], out_shapes: Sequence[Shape]) -> Rule:
    """The rule of an op that must see its whole operands."""
    return make(in_shapes, out_shapes, [[None] * len(s) for s in in_shapes], [[None] * len(s) for s in out_shapes])


def within_bounds(rule: Rule) -> Rule:
    """The rule with dimensions kept whole that no layout has room for.

    Factors of dimensions from ``MOST_DIMS`` on have size 0, as those that nothing divides; from ``MOST_FACTORS`` on
    there are none.
    """
    arrays = (*rule.operands, *rule.results)
    far = {factor for dims in arrays for factor in dims[MOST_DIMS:] if factor >= 0}
    if not far and len(rule.factors) <= MOST_FACTORS:
        return rule

    def whole(dims: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(-1 if factor in far or factor >= MOST_FACTORS else factor for factor in dims)

    factors = (replace(factor, size=0) if f in far else factor for f, factor in enumerate(rule.factors))
    return replace(
        rule,
        factors=tuple(itertools.islice(factors, MOST_FACTORS)),
        operands=tuple(whole(dims) for dims in rule.operands),
        results=tuple(whole(dims) for dims in rule.results),
    )
