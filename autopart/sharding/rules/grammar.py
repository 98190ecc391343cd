"""Rules as text, in the grammar of JAX's ``custom_partitioning(sharding_rule=...)``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from autopart.errors import RuleError
from autopart.sharding.rules.op_context import Context
from autopart.sharding.rules.rule import Kind, Rule, letters, make

Dims: TypeAlias = "tuple[str | None, ...]"
"""A factor's name per dimension; ``None`` stays whole; a first ``...`` (or ``...1``) is any number of dimensions."""

_TOKEN = re.compile(r"\.\.\.\d*|[^\W\d_]\w*|_|\(|\)|\S")
_NAME = re.compile(r"[^\W\d_]\w*")


@dataclass(frozen=True)
class Notation:
    """A rule for any shapes.

    Attributes:
        text: as the user wrote it.
        operands, results: names of the dimensions of each array.
    """

    text: str
    operands: tuple[Dims, ...]
    results: tuple[Dims, ...]

    def names(self) -> set[str]:
        """All factors that the rule names."""
        return {
            name for dims in (*self.operands, *self.results) for name in dims if name is not None and name[0] != "."
        }


def parse(text: str) -> Notation:
    """Reads a rule such as ``"... i k, k j -> ... i j"``; ``_`` stays whole, ``()`` or nothing is a scalar.

    Raises:
        RuleError: the text is malformed, or has a compound factor.
    """
    sides = text.split("->")
    if len(sides) != 2:
        raise RuleError(f"rule '{text}' must have one '->' between operands and results")
    operands, results = (tuple(_dims(text, array) for array in side.split(",")) for side in sides)
    return Notation(text, operands, results)


def _dims(text: str, array: str) -> Dims:
    tokens = _TOKEN.findall(array)
    if tokens == ["(", ")"]:
        return ()
    for place, token in enumerate(tokens):
        if token in "()":
            raise RuleError(f"rule '{text}' has a compound factor, which is not offered: name one factor a dimension")
        if token.startswith("...") and place:
            raise RuleError(f"rule '{text}': '...' may only stand first in an array")
        if token != "_" and not token.startswith("...") and not _NAME.fullmatch(token):
            raise RuleError(f"rule '{text}': '{token}' is no factor; a name starts with a letter")
    return tuple(None if token == "_" else token for token in tokens)


def resolve(notation: Notation, context: Context, reductions: Mapping[str, Kind], whole: set[str]) -> Rule:
    """The rule at the shapes of an op; the factors ``whole`` are not offered.

    Raises:
        RuleError: the rule does not fit the shapes; the message shows both.
    """
    shapes = (*context.in_shapes, *context.out_shapes)
    counts = (len(context.in_shapes), len(context.out_shapes))
    operands = () if not context.in_shapes and notation.operands == ((),) else notation.operands
    if (len(operands), len(notation.results)) != counts:
        raise _misfit(
            notation, context,
            f"it has {len(operands)} operands and {len(notation.results)} results, the op has "
            f"{counts[0]} and {counts[1]}",
        )  # fmt: skip
    spans: dict[str, int] = {}
    arrays = [
        _expand(notation, context, dims, shape, spans)
        for dims, shape in zip((*operands, *notation.results), shapes, strict=True)
    ]
    _check_sizes(notation, context, arrays, shapes)
    renamed = _short_names(arrays)
    labels = [[None if name is None or name in whole else renamed[name] for name in array] for array in arrays]
    kinds = {renamed[name]: kind for name, kind in reductions.items() if name in renamed and name not in whole}
    return make(context.in_shapes, context.out_shapes, labels[: counts[0]], labels[counts[0] :], kinds)


def _misfit(notation: Notation, context: Context, why: str) -> RuleError:
    return RuleError(
        f"rule '{notation.text}' does not fit '{context.op.primitive}' with operands of shapes "
        f"{list(context.in_shapes)} and results of shapes {list(context.out_shapes)}: {why}"
    )


def _expand(
    notation: Notation, context: Context, dims: Dims, shape: Sequence[int], spans: dict[str, int]
) -> list[str | None]:
    """Names for every dimension, those of an ellipsis numbered; ``spans`` holds for how many each stands."""
    if not dims or dims[0] is None or dims[0][0] != ".":
        if len(dims) != len(shape):
            raise _misfit(notation, context, f"{len(dims)} dimensions are named of an array of shape {tuple(shape)}")
        return list(dims)
    spare = len(shape) - (len(dims) - 1)
    if spare < 0:
        raise _misfit(notation, context, f"an array of shape {tuple(shape)} has fewer than {len(dims) - 1} dimensions")
    group = dims[0].lstrip(".") or "0"
    if spans.setdefault(group, spare) != spare:
        raise _misfit(notation, context, f"'...' stands for {spans[group]} dimensions and for {spare}")
    return [*(f".{group}.{place}" for place in range(spare)), *dims[1:]]


def _check_sizes(
    notation: Notation, context: Context, arrays: Sequence[Sequence[str | None]], shapes: Sequence[Sequence[int]]
) -> None:
    sizes: dict[str, int] = {}
    for dims, shape in zip(arrays, shapes, strict=True):
        if len(set(dims) - {None}) < len(dims) - list(dims).count(None):
            raise _misfit(notation, context, "a factor stands twice in one array")
        for name, size in zip(dims, shape, strict=True):
            if name is not None and sizes.setdefault(name, size) != size:
                shown = name if name[0] != "." else "of an ellipsis"
                raise _misfit(notation, context, f"factor {shown} has sizes {sizes[name]} and {size}")


def _short_names(arrays: Sequence[Sequence[str | None]]) -> dict[str, str]:
    """Names as they were, and free letters for the dimensions of an ellipsis."""
    found = dict.fromkeys(name for dims in arrays for name in dims if name is not None)
    taken = {name for name in found if name[0] != "."}
    free = iter([letter for letter in letters(len(found) + len(taken)) if letter not in taken])
    return {name: next(free) if name[0] == "." else name for name in found}


def one_sided(notation: Notation, reductions: Mapping[str, Kind], localised: bool) -> frozenset[str]:
    """Factors of operands alone that are no reductions, and of results alone that no one knows how to make."""
    before, after = ({name for dims in side for name in dims if name} for side in (notation.operands, notation.results))
    lost = before - after - set(reductions)
    return frozenset(name for name in (lost if localised else lost | (after - before)) if name[0] != ".")
