"""Rules of ops that move data about: broadcast, reshape, transpose, slice, pad, concatenate, iota."""

from __future__ import annotations

import math

import numpy as np

from autopart.graph import Literal
from autopart.rules.context import Context
from autopart.rules.rule import Labels, Linear, Rule, Shape, letters, make


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


def expand_dims(context: Context) -> Rule:
    """Old dimensions pass through; the new ones have size 1."""
    new = {d % len(context.out_shapes[0]) for d in context.op.params["dimensions"]}
    names = letters(len(context.out_shapes[0]))
    out: Labels = [None if d in new else name for d, name in enumerate(names)]
    labels = [name for d, name in enumerate(names) if d not in new]
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
    """Splits two shapes of equal size into the smallest runs of dimensions with equal products."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(source) or j < len(target):
        left, right = [], []
        left_product = right_product = 1
        while True:
            if left_product <= right_product and i < len(source) and not (left and left_product == right_product):
                left_product *= source[i]
                left.append(i)
                i += 1
            elif j < len(target) and (left_product > right_product or not right):
                right_product *= target[j]
                right.append(j)
                j += 1
            else:
                break
            if left_product == right_product and left and right:
                break
        groups.append((left, right))
    return groups


def reshape(context: Context) -> Rule:
    """Inside a group of equal products the major-most dimensions share their greatest common divisor."""
    source, target = context.in_shapes[0], context.out_shapes[0]
    labels: list[str | None] = [None] * len(source)
    out: list[str | None] = [None] * len(target)
    sizes: dict[str, int] = {}
    names = iter(letters(len(source) + len(target)))
    if 0 not in source:
        for left, right in reshape_groups(source, target):
            left = [d for d in left if source[d] != 1]
            right = [d for d in right if target[d] != 1]
            if left and right:
                name = next(names)
                labels[left[0]] = out[right[0]] = name
                sizes[name] = math.gcd(source[left[0]], target[right[0]])
    return make(
        context.in_shapes, context.out_shapes, [labels], [out], sizes=sizes,
        linear=Linear.EACH, linear_operands=(0,),
    )  # fmt: skip


def slice_(context: Context) -> Rule:
    """Dimensions taken whole pass through; a cut one must be whole."""
    source, target = context.in_shapes[0], context.out_shapes[0]
    names = letters(len(source))
    labels = [n if a == b else None for n, a, b in zip(names, source, target, strict=True)]
    return make(
        context.in_shapes, context.out_shapes, [labels], [labels], linear=Linear.EACH, linear_operands=(0,)
    )  # fmt: skip


def pad(context: Context) -> Rule:
    """Unpadded dimensions pass through; padding with zero keeps a sum a sum."""
    names = letters(len(context.in_shapes[0]))
    config = context.op.params["padding_config"]
    labels = [n if tuple(int(x) for x in c) == (0, 0, 0) else None for n, c in zip(names, config, strict=True)]
    value = context.op.operands[1]
    zero = isinstance(value, Literal) and not np.any(np.asarray(value.value) != 0)
    return make(
        context.in_shapes, context.out_shapes, [labels, []], [labels],
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
