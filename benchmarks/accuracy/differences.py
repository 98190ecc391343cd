"""How two counts of collectives differ, each difference with a name.

The names are those of docs/accuracy.md, which says where each comes from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeAlias

from autopart.emit.lower import CollectiveKey

Counts = Counter[CollectiveKey]

MERGED = "merged"
REPEATED = "repeated"
PADDED = "padded"
OTHER_DTYPE = "other dtype"
WHOLE_SUM = "summed whole"
SCATTERED_SUM = "scattered sum"
TWO_STEPS = "in two steps"
ONE_STEP = "in one step"
OTHER_BYTES = "other bytes"
OTHER_KIND = "other kind"
LEFT_OUT = "left out"
ADDED = "added"

MEANING: Final[Mapping[str, str]] = MappingProxyType(
    {
        MERGED: "fewer of the very same collective: the compiler computes equal values once",
        REPEATED: "more of the very same collective",
        PADDED: "a reduce_scatter of padded tiles, and a collective_permute that shifts them into place",
        OTHER_DTYPE: "the same before or after a cast: twice, half, four times or a quarter of the bytes",
        WHOLE_SUM: "an all_reduce for a reduce_scatter: the sum on every device, then sliced",
        SCATTERED_SUM: "a reduce_scatter for an all_reduce",
        TWO_STEPS: "one axis after the other for both at once",
        ONE_STEP: "both axes at once for one after the other",
        OTHER_BYTES: "the same kind on the same axes, of an array of another size",
        OTHER_KIND: "another kind of the same bytes on the same axes",
        LEFT_OUT: "predicted, with nothing in its place",
        ADDED: "not predicted, in the place of nothing",
    }
)
"""Kinds of difference, from what explains most to what explains nothing."""


@dataclass
class Differences:
    """What one count has over another, explained away piece by piece.

    Attributes:
        missing: predicted and not found.
        extra: found and not predicted.
        named: how many collectives of either side each kind of difference explains.
    """

    missing: Counts
    extra: Counts
    named: Counter[str] = field(default_factory=Counter)

    def take(self, name: str, missing: Counts, extra: Counts) -> bool:
        """Explains some of both sides, if they are all there."""
        if not (missing <= self.missing and extra <= self.extra):
            return False
        self.missing -= missing
        self.extra -= extra
        self.named[name] += missing.total() + extra.total()
        return True


def differences(predicted: Counts, found: Counts) -> Counter[str]:
    """How many collectives each kind of difference accounts for; none where the counts are equal."""
    left = Differences(predicted - found, found - predicted)
    _padded(left)
    _two_axes(left)
    _swap(left, _LIKELY)
    _same_key(left, predicted, found)
    _swap(left, _UNLIKELY)
    left.named[LEFT_OUT] += left.missing.total()
    left.named[ADDED] += left.extra.total()
    return +left.named


def _padded(left: Differences) -> None:
    """A reduce_scatter of a little more than was predicted, with a permute on its axes."""
    for kind, axes, nbytes in sorted(left.missing.elements()):
        if kind != "reduce_scatter":
            continue
        padded = [key for key in left.extra if key[:2] == (kind, axes) and nbytes < key[2] <= 1.25 * nbytes]
        shifts = [key for key in left.extra if key[:2] == ("collective_permute", axes)]
        for one in padded[:1]:
            moved = Counter({one: 1}) + Counter(shifts[:1])
            left.take(PADDED, Counter({(kind, axes, nbytes): 1}), moved)


def _two_axes(left: Differences) -> None:
    """A collective on two axes for one on each, and the other way round."""
    for name, have, want in ((ONE_STEP, "missing", "extra"), (TWO_STEPS, "extra", "missing")):
        for key in sorted(getattr(left, want).elements()):
            kind, axes, nbytes = key
            if len(axes) != 2:
                continue
            parts = [other for other in getattr(left, have) if other[1] in ((axes[0],), (axes[1],))]
            near = [other for other in parts if _sums(kind, other[0]) and other[2] <= nbytes]
            first = [other for other in near if other[1] == (axes[0],)]
            second = [other for other in near if other[1] == (axes[1],)]
            if first and second:
                pair = Counter([max(first, key=_bytes), max(second, key=_bytes)])
                sides = (pair, Counter([key])) if name == ONE_STEP else (Counter([key]), pair)
                left.take(name, *sides)


def _sums(kind: str, other: str) -> bool:
    sums = ("all_reduce", "reduce_scatter")
    return kind == other or (kind in sums and other in sums)


def _bytes(key: CollectiveKey) -> int:
    return key[2]


def _other_dtype(key: CollectiveKey, extra: Counts) -> Iterator[CollectiveKey]:
    kind, axes, nbytes = key
    yield from ((kind, axes, size) for size in (2 * nbytes, nbytes // 2, 4 * nbytes, nbytes // 4))


def _whole_sum(key: CollectiveKey, extra: Counts) -> Iterator[CollectiveKey]:
    if key[0] == "reduce_scatter":
        yield "all_reduce", key[1], key[2]


def _scattered_sum(key: CollectiveKey, extra: Counts) -> Iterator[CollectiveKey]:
    if key[0] == "all_reduce":
        yield "reduce_scatter", key[1], key[2]


def _other_kind(key: CollectiveKey, extra: Counts) -> Iterator[CollectiveKey]:
    yield from (other for other in list(extra) if other[1:] == key[1:])


def _other_bytes(key: CollectiveKey, extra: Counts) -> Iterator[CollectiveKey]:
    yield from (other for other in list(extra) if other[:2] == key[:2])


_Swaps: TypeAlias = tuple[tuple[str, Callable[[CollectiveKey, Counts], Iterator[CollectiveKey]]], ...]
"""One for one: the name, and what might stand for a collective that is missing."""

_LIKELY: Final[_Swaps] = ((WHOLE_SUM, _whole_sum), (SCATTERED_SUM, _scattered_sum), (OTHER_DTYPE, _other_dtype))
_UNLIKELY: Final[_Swaps] = ((OTHER_KIND, _other_kind), (OTHER_BYTES, _other_bytes))


def _swap(left: Differences, swaps: _Swaps) -> None:
    for name, partners in swaps:
        for key in sorted(left.missing.elements()):
            for partner in partners(key, left.extra):
                if left.take(name, Counter({key: 1}), Counter({partner: 1})):
                    break


def _same_key(left: Differences, predicted: Counts, found: Counts) -> None:
    """What is there on both sides, only not as often."""
    for key in list(left.missing):
        if found[key]:
            left.take(MERGED, Counter({key: left.missing[key]}), Counter())
    for key in list(left.extra):
        if predicted[key]:
            left.take(REPEATED, Counter(), Counter({key: left.extra[key]}))
