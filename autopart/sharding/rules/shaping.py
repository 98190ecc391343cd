"""Rules of ops that move data about: broadcast, reshape, transpose, slice, pad, concatenate, iota."""

from __future__ import annotations

import math

import numpy as np

from autopart.program import Literal
from autopart.sharding.rules.op_context import Context
from autopart.sharding.rules.rule import Labels, Linear, Rule, Shape, letters, make


def broadcast_in_dim(context: Context) -> Rule:
    """Mapped dimensions are shared; new ones, and size-1 ones that grow, are the result's own."""
    out = letters(len(context.out_shapes[0]))
    operands: list[Labels] = [[] for _ in context.in_shapes]
    if context.in_shapes[0]:
        mapped = context.op.params["broadcast_dimensions"]
        operands[0] = [
            out[d] if size == context.out_shapes[0][d] else None
            for size, d in zip(context.in_shapes[0], mapped, strict=True)
        ]
    return make(
        context.in_shapes, context.out_shapes, operands, [out], linear=Linear.EACH, linear_operands=(0,)
    )  # fmt: skip


def iota(context: Context) -> Rule:
    """Every dimension is free: a tile of an iota is an iota with an offset."""
    return make((), context.out_shapes, [], [letters(len(context.out_shapes[0]))])


def squeeze(context: Context) -> Rule:
    """Kept dimensions pass through; the dropped ones have size 1."""
    dropped = {d % len(context.in_shapes[0]) for d in context.op.params["dimensions"]}
    names = letters(len(context.in_shapes[0]))
    labels: Labels = [None if d in dropped else name for d, name in enumerate(names)]
    out = [name for d, name in enumerate(names) if d not in dropped]
    return make(
        context.in_shapes, context.out_shapes, [labels], [out], linear=Linear.EACH, linear_operands=(0,)
    )  # fmt: skip


def transpose(context: Context) -> Rule:
    """Dimensions permuted."""
    names = letters(len(context.in_shapes[0]))
    out = [names[d] for d in context.op.params["permutation"]]
    return make(
        context.in_shapes, context.out_shapes, [names], [out], linear=Linear.EACH, linear_operands=(0,)
    )  # fmt: skip


def rev(context: Context) -> Rule:
    """Untouched dimensions pass through; a reversed one must be whole."""
    turned = context.op.params["dimensions"]
    labels = [None if d in turned else n for d, n in enumerate(letters(len(context.in_shapes[0])))]
    return make(
        context.in_shapes, context.out_shapes, [labels], [labels], linear=Linear.EACH, linear_operands=(0,)
    )  # fmt: skip


def reshape_groups(source: Shape, target: Shape) -> list[tuple[list[int], list[int]]]:
    """Splits two shapes of equal size into the smallest runs of dimensions with equal products.

    Dimensions of size 1 that are left over at the end are groups of their own, one-sided. No size may be 0.
    """
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(source) and j < len(target):
        left, right = [i], [j]
        left_product, right_product = source[i], target[j]
        while left_product != right_product:
            if left_product < right_product:
                left.append(left[-1] + 1)
                left_product *= source[left[-1]]
            else:
                right.append(right[-1] + 1)
                right_product *= target[right[-1]]
        groups.append((left, right))
        i, j = left[-1] + 1, right[-1] + 1
    groups.extend(([d], []) for d in range(i, len(source)))
    groups.extend(([], [d]) for d in range(j, len(target)))
    return groups


def reshape(context: Context) -> Rule:
    """Inside a group of equal products the major-most dimensions share their greatest common divisor."""
    source, target = context.in_shapes[0], context.out_shapes[0]
    labels: list[str | None] = [None] * len(source)
    out: list[str | None] = [None] * len(target)
    sizes: dict[str, int] = {}
    names = iter(letters(len(source) + len(target)))
    if 0 not in source and context.op.params.get("dimensions") is None:
        for left, right in reshape_groups(source, target):
            left = [d for d in left if source[d] != 1]
            right = [d for d in right if target[d] != 1]
            shared = math.gcd(source[left[0]], target[right[0]]) if left and right else 1
            if shared > 1:
                name = next(names)
                labels[left[0]] = out[right[0]] = name
                sizes[name] = shared
    return make(
        context.in_shapes, context.out_shapes, [labels], [out], sizes=sizes,
        linear=Linear.EACH, linear_operands=(0,),
    )  # fmt: skip


def bitcast(context: Context) -> Rule:
    """Dimensions on both sides pass through; one that holds the parts of a wider element stays whole."""
    names = letters(min(len(context.in_shapes[0]), len(context.out_shapes[0])))
    labels, out = ([*names, *[None] * (len(s) - len(names))] for s in (context.in_shapes[0], context.out_shapes[0]))
    return make(context.in_shapes, context.out_shapes, [labels], [out])


def tile(context: Context) -> Rule:
    """Dimensions repeated once pass through; of the others the repetitions are the result's own."""
    source, repeats = context.in_shapes[0], context.op.params["reps"]
    out = letters(len(source))
    labels = [name if count == 1 else None for name, count in zip(out, repeats, strict=True)]
    sizes = {name: count for name, count in zip(out, repeats, strict=True) if count != 1}
    return make(
        context.in_shapes, context.out_shapes, [labels], [out], sizes=sizes, linear=Linear.EACH, linear_operands=(0,)
    )  # fmt: skip


def stack(context: Context) -> Rule:
    """Dimensions pass through; the new one, along which the operands stand, stays whole."""
    new = context.op.params["axis"] % len(context.out_shapes[0])
    names = letters(len(context.in_shapes[0]))
    out: Labels = [*names[:new], None, *names[new:]]
    return make(
        context.in_shapes, context.out_shapes, [names] * len(context.in_shapes), [out],
        linear=Linear.JOINT, linear_operands=range(len(context.in_shapes)),
    )  # fmt: skip


def unstack(context: Context) -> Rule:
    """Dimensions pass through; the one that is taken apart stays whole."""
    cut = context.op.params["axis"] % len(context.in_shapes[0])
    out = letters(len(context.in_shapes[0]) - 1)
    labels: Labels = [*out[:cut], None, *out[cut:]]
    return make(context.in_shapes, context.out_shapes, [labels], [out] * len(context.out_shapes))


def slice_(context: Context) -> Rule:
    """Dimensions taken whole pass through, and so does one of which each stride gives an element; others stay whole."""
    source, target, params = context.in_shapes[0], context.out_shapes[0], context.op.params
    strides = params["strides"] or (1,) * len(source)
    labels: list[str | None] = []
    sizes: dict[str, int] = {}
    for name, size, kept, start, stride in zip(
        letters(len(source)), source, target, params["start_indices"], strides, strict=True
    ):
        labels.append(name if kept * stride == size and start < stride else None)
        sizes[name] = kept
    return make(
        context.in_shapes, context.out_shapes, [labels], [labels], sizes=sizes, linear=Linear.EACH, linear_operands=(0,)
    )  # fmt: skip


def pad(context: Context) -> Rule:
    """Unpadded dimensions pass through, and so does one padded alike around each element; padding with zero is linear.

    The latter is the gradient of a strided slice.
    """
    names = letters(len(context.in_shapes[0]))
    config = [tuple(int(x) for x in dim) for dim in context.op.params["padding_config"]]
    alike = [low >= 0 and high >= 0 and low + high == inner for low, high, inner in config]
    labels = [name if same else None for name, same in zip(names, alike, strict=True)]
    value = context.op.operands[1]
    zero = isinstance(value, Literal) and not np.any(np.asarray(value.value) != 0)
    return make(
        context.in_shapes, context.out_shapes, [labels, []], [labels],
        sizes=dict(zip(names, context.in_shapes[0], strict=True)),
        linear=Linear.EACH if zero else Linear.NO, linear_operands=(0,),
    )  # fmt: skip


def concatenate(context: Context) -> Rule:
    """All but the joined dimension pass through."""
    joined = context.op.params["dimension"]
    labels = [None if d == joined else n for d, n in enumerate(letters(len(context.out_shapes[0])))]
    return make(
        context.in_shapes, context.out_shapes, [labels] * len(context.in_shapes), [labels],
        linear=Linear.JOINT, linear_operands=range(len(context.in_shapes)),
    )  # fmt: skip


def split(context: Context) -> Rule:
    """All but the split dimension pass through."""
    cut = context.op.params["axis"]
    labels = [None if d == cut else n for d, n in enumerate(letters(len(context.in_shapes[0])))]
    return make(context.in_shapes, context.out_shapes, [labels], [labels] * len(context.out_shapes))
