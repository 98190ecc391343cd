"""Rules of reductions and of ops that work along one dimension."""

from __future__ import annotations

from collections.abc import Callable

from autopart.rules.context import Context, family
from autopart.rules.rule import Kind, Labels, Linear, Rule, Shape, letters, make


def reduce(kind: Kind | None) -> Callable[[Context], Rule]:
    """Kept dimensions pass through, reduced ones combine with the monoid ``kind`` (``None``: stay whole).

    There is no collective for the bitwise and/or of integers, nor for the order of complex numbers: there
    the reduced dimensions stay whole too.
    """

    def rule(context: Context) -> Rule:
        axes = context.op.params["axes"]
        dtype = family(context.in_dtypes[0])
        logical = kind in (Kind.AND, Kind.OR)
        whole = kind is None or (logical and dtype != "bool") or (kind is not Kind.SUM and dtype == "complex")
        names = letters(len(context.in_shapes[0]))
        labels: Labels = [None if whole and d in axes else name for d, name in enumerate(names)]
        out = [name for d, name in enumerate(names) if d not in axes]
        reductions = {} if kind is None or whole else {names[d]: kind for d in axes}
        linear = Linear.EACH if kind is Kind.SUM else Linear.NO
        return make(
            context.in_shapes, context.out_shapes, [labels], [out], reductions,
            linear=linear, linear_operands=(0,),
        )  # fmt: skip

    return rule


def reduce_by_function(context: Context) -> Rule:
    """A reduction by the user's own function: kept dimensions pass through, reduced ones stay whole."""
    axes = context.op.params["dimensions"]
    arrays = len(context.out_shapes)
    names = letters(len(context.in_shapes[0]))
    labels: Labels = [None if d in axes else name for d, name in enumerate(names)]
    out = [name for d, name in enumerate(names) if d not in axes]
    starts: list[Labels] = [[] for _ in range(arrays)]
    return make(context.in_shapes, context.out_shapes, [*[labels] * arrays, *starts], [out] * arrays)


def reduce_window(context: Context) -> Rule:
    """Dimensions with a window of one and a stride of one pass through."""
    params, rank = context.op.params, len(context.out_shapes[0])
    ones = (1,) * rank
    still = [
        window == stride == base == spread == 1 and tuple(pad) == (0, 0)
        for window, stride, base, spread, pad in zip(
            params["window_dimensions"], params["window_strides"], params.get("base_dilation") or ones,
            params.get("window_dilation") or ones, params["padding"], strict=True,
        )
    ]  # fmt: skip
    labels: Labels = [name if free else None for name, free in zip(letters(rank), still, strict=True)]
    operands: list[Labels] = [labels if shape else [] for shape in context.in_shapes]
    return make(context.in_shapes, context.out_shapes, operands, [labels] * len(context.out_shapes))


def arg_reduce(context: Context) -> Rule:
    """The searched dimension must be whole: the answer is a position in it."""
    axes = context.op.params["axes"]
    names = letters(len(context.in_shapes[0]))
    labels: Labels = [None if d in axes else name for d, name in enumerate(names)]
    out = [name for d, name in enumerate(names) if d not in axes]
    return make(context.in_shapes, context.out_shapes, [labels], [out])


def along(parameter: str) -> Callable[[Context], Rule]:
    """Ops whose operands and results share all dimensions but one, which stays whole (cumsum, sort, top_k)."""

    def rule(context: Context) -> Rule:
        worked = context.op.params[parameter] % len(context.in_shapes[0])
        labels = [None if d == worked else n for d, n in enumerate(letters(len(context.in_shapes[0])))]
        return make(
            context.in_shapes, context.out_shapes,
            [labels] * len(context.in_shapes), [labels] * len(context.out_shapes),
        )  # fmt: skip

    return rule


def leading(core: int) -> Callable[[Context], Rule]:
    """Ops on the last ``core`` dimensions of their first operand, batched over the others (linear algebra)."""

    def rule(context: Context) -> Rule:
        count = len(context.in_shapes[0]) - core
        names = letters(count)

        def labels(shape: Shape) -> Labels:
            return [*names, *[None] * (len(shape) - count)]

        return make(
            context.in_shapes, context.out_shapes,
            [labels(s) for s in context.in_shapes], [labels(s) for s in context.out_shapes],
        )  # fmt: skip

    return rule


def triangular_solve(context: Context) -> Rule:
    """Batch dimensions pass through, and so do the right-hand sides, each of which is solved for itself."""
    batch = letters(len(context.in_shapes[0]) - 2)
    each = letters(1, len(batch))[0]
    sides: Labels = [*batch, None, each] if context.op.params["left_side"] else [*batch, each, None]
    return make(
        context.in_shapes, context.out_shapes, [[*batch, None, None], sides], [sides],
        linear=Linear.EACH, linear_operands=(1,),
    )  # fmt: skip


def tridiagonal_solve(context: Context) -> Rule:
    """Batch dimensions pass through, and so do the right-hand sides, each of which is solved for itself."""
    batch = letters(len(context.in_shapes[0]) - 1)
    sides: Labels = [*batch, None, letters(1, len(batch))[0]]
    return make(
        context.in_shapes, context.out_shapes, [*[[*batch, None]] * 3, sides], [sides],
        linear=Linear.EACH, linear_operands=(3,),
    )  # fmt: skip


def fft(context: Context) -> Rule:
    """The transformed dimensions, which come last, stay whole."""
    return leading(len(context.op.params["fft_lengths"]))(context)
