"""Rules of dot_general and convolution: batch and free dimensions pass through, contracting ones are summed."""

from __future__ import annotations

import numpy as np

from autopart.rules.context import Context
from autopart.rules.rule import Kind, Labels, Linear, Rule, letters, make


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
    """Batch and output features pass through, input features are summed; windows stay whole.

    With groups of features or of the batch only what the groups do not tie is offered.
    """
    params = context.op.params
    numbers = params["dimension_numbers"]
    lhs: list[str | None] = [None] * len(context.in_shapes[0])
    rhs: list[str | None] = [None] * len(context.in_shapes[1])
    out: list[str | None] = [None] * len(context.out_shapes[0])
    sums = {}
    if params["batch_group_count"] == 1:
        lhs[numbers.lhs_spec[0]] = out[numbers.out_spec[0]] = "i"
        if params["feature_group_count"] == 1:
            rhs[numbers.rhs_spec[0]] = out[numbers.out_spec[1]] = "j"
            lhs[numbers.lhs_spec[1]] = rhs[numbers.rhs_spec[1]] = "k"
            sums["k"] = Kind.SUM
    return make(
        context.in_shapes, context.out_shapes, [lhs, rhs], [out], sums,
        linear=Linear.EACH, linear_operands=(0, 1),
    )  # fmt: skip
