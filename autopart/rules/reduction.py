"""Rules of reductions and of ops that work along one dimension."""

from __future__ import annotations

from collections.abc import Callable

from autopart.rules.context import Context
from autopart.rules.rule import Kind, Labels, Linear, Rule, letters, make


def reduce(kind: Kind) -> Callable[[Context], Rule]:
    """Kept dimensions pass through, reduced ones combine with the monoid ``kind``."""

    def rule(context: Context) -> Rule:
        axes = context.op.params["axes"]
        names = letters(len(context.in_shapes[0]))
        out = [name for d, name in enumerate(names) if d not in axes]
        linear = Linear.EACH if kind is Kind.SUM else Linear.NO
        return make(
            context.in_shapes, context.out_shapes, [names], [out], {names[d]: kind for d in axes},
            linear=linear, linear_operands=(0,),
        )  # fmt: skip

    return rule


def arg_reduce(context: Context) -> Rule:
    """The searched dimension must be whole: the answer is a position in it."""
    axes = context.op.params["axes"]
    names = letters(len(context.in_shapes[0]))
    labels: Labels = [None if d in axes else name for d, name in enumerate(names)]
    out = [name for d, name in enumerate(names) if d not in axes]
    return make(context.in_shapes, context.out_shapes, [labels], [out])


def along(parameter: str) -> Callable[[Context], Rule]:
    """Ops of equal operand and result shapes that need one dimension whole (cumsum, sort)."""

    def rule(context: Context) -> Rule:
        worked = context.op.params[parameter] % len(context.in_shapes[0])
        labels = [None if d == worked else n for d, n in enumerate(letters(len(context.in_shapes[0])))]
        return make(
            context.in_shapes, context.out_shapes,
            [labels] * len(context.in_shapes), [labels] * len(context.out_shapes),
        )  # fmt: skip

    return rule
