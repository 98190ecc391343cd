"""Rules of the ops at the borders of loops and conditions: what is inside is laid out as what is outside.

None is linear: a partial sum is reduced before it leaves its region, in every iteration.
"""

from __future__ import annotations

from autopart.sharding.rules.op_context import Context
from autopart.sharding.rules.rule import Labels, Rule, letters, make


def same(context: Context) -> Rule:
    """``enter``, ``loop_carry``, ``branch_join``: one layout for all operands and results."""
    names = letters(len(context.out_shapes[0]))
    return make(
        context.in_shapes, context.out_shapes, [names] * len(context.in_shapes), [names] * len(context.out_shapes)
    )


def scan_slice(context: Context) -> Rule:
    """The leading dimension is the loop's own."""
    names = letters(len(context.out_shapes[0]))
    stacked: Labels = [None, *names]
    return make(context.in_shapes, context.out_shapes, [stacked], [names])


def scan_stack(context: Context) -> Rule:
    """The leading dimension is the loop's own."""
    names = letters(len(context.in_shapes[0]))
    stacked: Labels = [None, *names]
    return make(context.in_shapes, context.out_shapes, [names], [stacked])
