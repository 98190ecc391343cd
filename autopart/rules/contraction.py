"""Rule of dot_general: batch and free dimensions pass through, contracting ones are summed."""

from __future__ import annotations

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
    sums = {lhs[d]: Kind.SUM for d in lhs_contract}
    return make(
        context.in_shapes, context.out_shapes, [lhs, filled], [out], sums,
        linear=Linear.EACH, linear_operands=(0, 1),
    )  # fmt: skip
