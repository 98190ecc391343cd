"""Rules of reductions and of ops that work along one dimension."""

from __future__ import annotations

from collections.abc import Callable

from autopart.sharding.rules.op_context import Context, family
from autopart.sharding.rules.rule import Kind, Labels, Linear, Rule, Shape, letters, make
from autopart.sharding.rules.windows import halos, scatterings, windows


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


def reduce_window(linear: Linear = Linear.NO) -> Callable[[Context], Rule]:
    """Dimensions are cut at the window's places where that is possible; halos are exchanged if it reaches over.

    Scalars among the operands are what each reduction starts from.
    """

    def rule(context: Context) -> Rule:
        tilings = [slide.by_position() for slide in windows(context)]
        names = letters(len(tilings))
        labels: Labels = [None if t is None else name for name, t in zip(names, tilings, strict=True)]
        sizes = {name: t.tiles for name, t in zip(names, tilings, strict=True) if t is not None}
        widths = [None if t is None else (t.low, t.high) for t in tilings]
        arrays = [i for i, shape in enumerate(context.in_shapes) if shape]
        return make(
            context.in_shapes, context.out_shapes,
            [labels if shape else [] for shape in context.in_shapes], [labels] * len(context.out_shapes), sizes=sizes,
            linear=linear, linear_operands=(0,), halos=[halo for i in arrays for halo in halos(i, labels, widths)],
        )  # fmt: skip

    return rule


def unmoved_windows(context: Context) -> Rule:
    """Only dimensions over which no window moves pass through; scalars among the operands have none."""
    still = [slide.window == slide.stride == slide.base == 1 and slide.padding == (0, 0) for slide in windows(context)]
    labels: Labels = [name if free else None for name, free in zip(letters(len(still)), still, strict=True)]
    operands: list[Labels] = [labels if shape else [] for shape in context.in_shapes]
    return make(context.in_shapes, context.out_shapes, operands, [labels] * len(context.out_shapes))


def select_and_scatter(context: Context) -> Rule:
    """Source, operand and result are cut alike where windows and tiles begin alike; it is linear in the source."""
    cuts = scatterings(context)
    names = letters(len(cuts))
    labels: Labels = [None if cut is None else name for name, cut in zip(names, cuts, strict=True)]
    sizes = {name: cut.tiles for name, cut in zip(names, cuts, strict=True) if cut is not None}
    source = halos(0, labels, [None if cut is None else cut.source for cut in cuts])
    operand = halos(1, labels, [None if cut is None else cut.operand for cut in cuts])
    return make(
        context.in_shapes, context.out_shapes, [labels, labels], [labels], sizes=sizes,
        linear=Linear.EACH, linear_operands=(0,), halos=[*source, *operand],
    )  # fmt: skip


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
