"""Rules of dot_general and convolution: batch and free dimensions pass through, contracting ones are summed."""

from __future__ import annotations

import numpy as np

from autopart.rules.context import Context
from autopart.rules.rule import Kind, Labels, Linear, Rule, letters, make
from autopart.rules.windows import convolution_slides, convolution_tiling, halos


def dot_general(context: Context) -> Rule:
    """``b i k, b k j -> b i j; sum={k}``, in whatever order the dimension numbers say."""
    (lhs_contract, rhs_contract), (lhs_batch, rhs_batch) = context.op.params["dimension_numbers"]
    lhs_shape, rhs_shape = context.in_shapes
    names = iter(letters(len(lhs_shape) + len(rhs_shape)))
    lhs: list[str] = [next(names) for _ in lhs_shape]
    rhs: list[str | None] = [None] * len(rhs_shape)
    for left, right in [
        *zip(lhs_contract, rhs_contract, strict=True),
        *zip(lhs_batch, rhs_batch, strict=True),
    ]:
        rhs[right] = lhs[left]
    filled: list[str] = [name if name is not None else next(names) for name in rhs]
    out: Labels = (
        [lhs[d] for d in lhs_batch]
        + [name for d, name in enumerate(lhs) if d not in (*lhs_contract, *lhs_batch)]
        + [name for d, name in enumerate(filled) if d not in (*rhs_contract, *rhs_batch)]
    )
    logical = context.out_dtypes[0] == np.bool_
    sums = {lhs[d]: Kind.OR if logical else Kind.SUM for d in lhs_contract}
    return make(
        context.in_shapes, context.out_shapes, [lhs, filled], [out], sums,
        linear=Linear.NO if logical else Linear.EACH, linear_operands=(0, 1),
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
