"""In what two rules of one op differ, and who of both says more."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from autopart.benchmarks.shardy.ties import Dim, Flow, Tie, Ties


class Verdict(enum.Enum):
    """Who says more."""

    EQUAL = "equal"
    OURS_MORE = "ours says more"
    SHARDYS_MORE = "Shardy says more"
    DIFFERENT = "different"


class Difference(enum.Enum):
    """One way in which rules differ, with who says more where it is the only one."""

    WE_TILE = "we tile a dimension that Shardy keeps whole", Verdict.OURS_MORE
    WE_STAY = "we need nothing of other tiles where Shardy does", Verdict.OURS_MORE
    WE_TIE_MORE = "we tie more dimensions", Verdict.OURS_MORE
    WE_CUT_FINER = "we cut finer", Verdict.OURS_MORE
    THEY_TILE = "Shardy tiles a dimension that we keep whole", Verdict.SHARDYS_MORE
    THEY_PERMUTE = "Shardy permutes along a dimension that we keep whole", Verdict.SHARDYS_MORE
    THEY_HAND_ON = "Shardy hands a layout on past an op that needs the dimension whole", Verdict.SHARDYS_MORE
    THEY_TIE_MORE = "Shardy ties more dimensions", Verdict.SHARDYS_MORE
    THEY_CUT_FINER = "Shardy cuts finer", Verdict.SHARDYS_MORE
    THEY_CUT_MINOR = "Shardy cuts the minor part of a dimension", Verdict.SHARDYS_MORE
    OTHER_FLOW = "the op does something else", Verdict.DIFFERENT
    OTHER_TIES = "other dimensions are tied", Verdict.DIFFERENT


def differences(ours: Ties, theirs: Ties, shapes: Sequence[Sequence[int]]) -> frozenset[Difference]:
    """Compares two rules dimension by dimension; the names of factors do not count, nor the monoid of a reduction."""
    mine, other = _by_dim(ours), _by_dim(theirs)
    found: set[Difference] = set()
    for array, shape in enumerate(shapes):
        for dim in range(len(shape)):
            found |= _at(mine.get((array, dim)), other.get((array, dim)))
    return frozenset(found)


def verdict(found: frozenset[Difference]) -> Verdict:
    """Who says more, all in all."""
    sides = {difference.value[1] for difference in found}
    return Verdict.EQUAL if not sides else sides.pop() if len(sides) == 1 else Verdict.DIFFERENT


def _by_dim(ties: Ties) -> dict[Dim, Tie]:
    return {dim: tie for tie in ties for dim in tie.dims}


def _at(ours: Tie | None, theirs: Tie | None) -> set[Difference]:
    minor = {Difference.THEY_CUT_MINOR} if theirs is not None and theirs.minor else set()
    if ours is None:
        return set() if theirs is None else minor or {_THEY_ALONE[theirs.flow]}
    if theirs is None or theirs.flow is Flow.NEED_REPLICATION:
        return {Difference.WE_TILE}
    return minor | _dims(ours, theirs) | _sizes(ours, theirs) | _flows(ours, theirs)


_THEY_ALONE = {
    Flow.PASS: Difference.THEY_TILE,
    Flow.REDUCTION: Difference.THEY_TILE,
    Flow.PERMUTATION: Difference.THEY_PERMUTE,
    Flow.NEED_REPLICATION: Difference.THEY_HAND_ON,
}


def _dims(ours: Tie, theirs: Tie) -> set[Difference]:
    if ours.dims == theirs.dims:
        return set()
    if ours.dims < theirs.dims:
        return {Difference.THEY_TIE_MORE}
    return {Difference.WE_TIE_MORE if ours.dims > theirs.dims else Difference.OTHER_TIES}


def _sizes(ours: Tie, theirs: Tie) -> set[Difference]:
    if ours.size == theirs.size:
        return set()
    return {Difference.WE_CUT_FINER if ours.size % theirs.size == 0 else Difference.THEY_CUT_FINER}


def _flows(ours: Tie, theirs: Tie) -> set[Difference]:
    if ours.flow is theirs.flow:
        return set()
    stays = ours.flow is Flow.PASS and theirs.flow in (Flow.PERMUTATION, Flow.REDUCTION)
    return {Difference.WE_STAY if stays else Difference.OTHER_FLOW}
