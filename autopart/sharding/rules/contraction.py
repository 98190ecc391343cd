"""Rules of products and convolution: batch and free dimensions pass through, contracting ones are summed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autopart.sharding.rules.op_context import Context
from autopart.sharding.rules.rule import Kind, Labels, Linear, Rule, letters, make
from autopart.sharding.rules.windows import convolution_slides, convolution_tiling, halos


def _product_labels(numbers: Any, lhs_rank: int, rhs_rank: int) -> tuple[list[str], list[str], list[str]]:
    """Labels of both operands and of the result of a product with JAX's dot dimension numbers."""
    (lhs_contract, rhs_contract), (lhs_batch, rhs_batch) = numbers
    names = iter(letters(lhs_rank + rhs_rank))
    lhs = [next(names) for _ in range(lhs_rank)]
    rhs: list[str | None] = [None] * rhs_rank
    for left, right in [
        *zip(lhs_contract, rhs_contract, strict=True),
        *zip(lhs_batch, rhs_batch, strict=True),
    ]:
        rhs[right] = lhs[left]
    filled = [name if name is not None else next(names) for name in rhs]
    out = (
        [lhs[d] for d in lhs_batch]
        + [name for d, name in enumerate(lhs) if d not in (*lhs_contract, *lhs_batch)]
        + [name for d, name in enumerate(filled) if d not in (*rhs_contract, *rhs_batch)]
    )
    return lhs, filled, out


def dot_general(context: Context) -> Rule:
    """``b i k, b k j -> b i j; sum={k}``, in whatever order the dimension numbers say."""
    numbers = context.op.params["dimension_numbers"]
    lhs, rhs, out = _product_labels(numbers, *map(len, context.in_shapes))
    logical = context.out_dtypes[0] == np.bool_
    sums = {lhs[d]: Kind.OR if logical else Kind.SUM for d in numbers[0][0]}
    return make(
        context.in_shapes, context.out_shapes, [lhs, rhs], [out], sums,
        linear=Linear.NO if logical else Linear.EACH, linear_operands=(0, 1),
    )  # fmt: skip


def scaled_dot(context: Context) -> Rule:
    """A product of blocks that each have a scale: a contracting dimension is cut between blocks of both."""
    numbers = context.op.params["dimension_numbers"]
    lhs, rhs, out = _product_labels(numbers, len(context.in_shapes[0]), len(context.in_shapes[1]))
    sizes = {
        lhs[left]: math.gcd(context.in_shapes[2][left], context.in_shapes[3][right])
        for left, right in zip(*numbers[0], strict=True)
    }
    return make(
        context.in_shapes, context.out_shapes, [lhs, rhs, lhs, rhs], [out], dict.fromkeys(sizes, Kind.SUM), sizes
    )


def ragged_dot(context: Context) -> Rule:
    """As ``dot_general``, but the ragged dimension, and that of the groups it is cut into, stay whole.

    Rows find their group by counting from the first row, which a tile of rows or of groups cannot.
    """
    numbers = context.op.params["ragged_dot_dimension_numbers"]
    dot = numbers.dot_dimension_numbers
    (lhs_contract, _), (lhs_batch, _) = dot
    (ragged,) = numbers.lhs_ragged_dimensions
    rank = len(context.in_shapes[0])
    lhs, rhs, out = _product_labels(dot, rank, len(context.in_shapes[1]))
    free = [d for d in range(rank) if d not in (*lhs_contract, *lhs_batch)]
    before = next(list(dims) for dims in (free, lhs_contract, lhs_batch) if ragged in dims)
    before = before[: before.index(ragged)] if ragged in lhs_batch else [*lhs_batch, *before[: before.index(ragged)]]
    whole = {lhs[ragged], *(rhs[d] for d in numbers.rhs_group_dimensions)}
    grouped = [] if len(context.in_shapes[2]) == 1 else [lhs[d] for d in before]
    if ragged in lhs_contract:
        out = ["", *out]  # The groups come first; no label is empty.
        whole.add("")
    else:
        out = [name for name in out if name not in {rhs[d] for d in numbers.rhs_group_dimensions}]

    def kept(labels: list[str]) -> Labels:
        return [None if name in whole else name for name in labels]

    sums = {lhs[d]: Kind.SUM for d in lhs_contract if lhs[d] not in whole}
    return make(
        context.in_shapes, context.out_shapes, [kept(lhs), kept(rhs), [*kept(grouped), None]], [kept(out)], sums,
        linear=Linear.EACH, linear_operands=(0, 1),
    )  # fmt: skip


def convolution(context: Context) -> Rule:
    """Batch and output features pass through, input features are summed, groups go with whole groups.

    A spatial dimension is cut at the window's places, or along the window (see ``windows``): then halos are
    exchanged, and in the latter case the products are summed.
    """
    params = context.op.params
    numbers = params["dimension_numbers"]
    features, batches = params["feature_group_count"], params["batch_group_count"]
    lhs: list[str | None] = [None] * len(context.in_shapes[0])
    rhs: list[str | None] = [None] * len(context.in_shapes[1])
    out: list[str | None] = [None] * len(context.out_shapes[0])
    sums, sizes = {}, {}
    rhs[numbers.rhs_spec[0]] = out[numbers.out_spec[1]] = "j"
    if batches == 1:
        lhs[numbers.lhs_spec[0]] = out[numbers.out_spec[0]] = "i"
    else:
        lhs[numbers.lhs_spec[0]], sizes["j"] = "j", batches
    if features == 1:
        lhs[numbers.lhs_spec[1]] = rhs[numbers.rhs_spec[1]] = "k"
        sums["k"] = Kind.SUM
    else:
        lhs[numbers.lhs_spec[1]], sizes["j"] = "j", features
    widths: list[tuple[int, int] | None] = [None] * len(lhs)
    for place, slide in enumerate(convolution_slides(context), start=2):
        tiling, by_tap = convolution_tiling(slide)
        if tiling is None:
            continue
        [label] = letters(1, start=place + 1)
        lhs[numbers.lhs_spec[place]], sizes[label] = label, tiling.tiles
        widths[numbers.lhs_spec[place]] = tiling.low, tiling.high
        if by_tap:
            rhs[numbers.rhs_spec[place]], sums[label] = label, Kind.SUM
        else:
            out[numbers.out_spec[place]] = label
    return make(
        context.in_shapes, context.out_shapes, [lhs, rhs], [out], sums, sizes,
        linear=Linear.EACH, linear_operands=(0, 1), halos=halos(0, lhs, widths),
    )  # fmt: skip
