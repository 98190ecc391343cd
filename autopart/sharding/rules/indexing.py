"""Rules of ops that read or write at computed positions: gather, scatter, dynamic slices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autopart.sharding.rules.op_context import Context, family
from autopart.sharding.rules.rule import Kind, Linear, Rule, letters, make


def dynamic_slice(context: Context) -> Rule:
    """Dimensions taken whole pass through; a sliced one must be whole."""
    source, target = context.in_shapes[0], context.out_shapes[0]
    labels = [n if a == b else None for n, a, b in zip(letters(len(source)), source, target, strict=True)]
    starts: list[list[str | None]] = [[None] * len(s) for s in context.in_shapes[1:]]
    return make(
        context.in_shapes, context.out_shapes, [labels, *starts], [labels],
        linear=Linear.EACH, linear_operands=(0,),
    )  # fmt: skip


def dynamic_update_slice(context: Context) -> Rule:
    """Dimensions overwritten whole pass through; a tile of another one takes what falls in it of a whole update."""
    whole, update = context.in_shapes[0], context.in_shapes[1]
    names = letters(len(whole))
    written = [n if a == b else None for n, a, b in zip(names, whole, update, strict=True)]
    starts: list[list[str | None]] = [[None] * len(s) for s in context.in_shapes[2:]]
    return make(
        context.in_shapes, context.out_shapes, [names, written, *starts], [names],
        linear=Linear.JOINT, linear_operands=(0, 1),
    )  # fmt: skip


MASKED_MODES = ("PROMISE_IN_BOUNDS", "CLIP", "FILL_OR_DROP")
"""Modes for which a tile of the indexed dimension can tell what is its own, and what is out of bounds."""


def mode_name(params: Mapping[str, Any]) -> str:
    """Name of the op's ``GatherScatterMode``."""
    return str(params["mode"]).rpartition(".")[2]


def gather(context: Context) -> Rule:
    """Index batch dimensions and whole slices pass through; a looked-up dimension is a masked sum.

    A tile of a dimension that is indexed (slice size 1, collapsed) answers only the indices that fall
    in it and gives zero for the others; the parts are summed. What an index out of bounds gives is
    answered by the first tile. Where several dimensions are looked up, each may be tiled.
    """
    numbers = context.op.params["dimension_numbers"]
    sizes = context.op.params["slice_sizes"]
    operand, indices = context.in_shapes
    out_rank = len(context.out_shapes[0])
    names = iter(letters(len(operand) + out_rank))
    out: list[str | None] = [None] * out_rank
    batch_positions = [d for d in range(out_rank) if d not in numbers.offset_dims]
    index_labels: list[str | None] = [None] * len(indices)
    for position, dimension in zip(batch_positions, range(len(indices) - 1), strict=True):
        index_labels[dimension] = out[position] = next(names)
    labels: list[str | None] = [None] * len(operand)
    removed = (*numbers.collapsed_slice_dims, *numbers.operand_batching_dims)
    kept = [d for d in range(len(operand)) if d not in removed]
    for position, dimension in zip(numbers.offset_dims, kept, strict=True):
        if sizes[dimension] == operand[dimension]:
            labels[dimension] = out[position] = next(names)
    for left, right in zip(numbers.operand_batching_dims, numbers.start_indices_batching_dims, strict=True):
        labels[left] = index_labels[right]
    sums = {}
    if mode_name(context.op.params) in MASKED_MODES:
        for looked_up in numbers.start_index_map:
            if looked_up in numbers.collapsed_slice_dims:
                name = labels[looked_up] = next(names)
                sums[name] = Kind.OR if context.out_dtypes[0] == np.bool_ else Kind.SUM
    return make(
        context.in_shapes, context.out_shapes, [labels, index_labels], [out], sums,
        linear=Linear.EACH if _fills_linearly(context) else Linear.NO, linear_operands=(0,),
    )  # fmt: skip


def _fills_linearly(context: Context) -> bool:
    """Whether what stands for indices out of bounds is its own sum: zero, or not a number."""
    if mode_name(context.op.params) in ("PROMISE_IN_BOUNDS", "CLIP"):
        return True
    fill = context.op.params["fill_value"]
    if fill is None:
        return family(context.out_dtypes[0]) in ("float", "complex")
    return bool(np.isnan(fill) or fill == 0)


def scatter(kind: Kind | None) -> Callable[[Context], Rule]:
    """Window dimensions pass through; tiles of a written dimension take the updates that fall in them.

    Where updates combine by the monoid ``kind`` they may be split too: each part combines its own.
    """

    def rule(context: Context) -> Rule:
        numbers = context.op.params["dimension_numbers"]
        operand, indices, updates = context.in_shapes
        names = iter(letters(len(operand) + len(updates)))
        labels: list[str | None] = [None] * len(operand)
        update_labels: list[str | None] = [None] * len(updates)
        removed = (*numbers.inserted_window_dims, *numbers.operand_batching_dims)
        kept = [d for d in range(len(operand)) if d not in removed]
        for position, dimension in zip(numbers.update_window_dims, kept, strict=True):
            if updates[position] == operand[dimension]:
                labels[dimension] = update_labels[position] = next(names)
        index_labels: list[str | None] = [None] * len(indices)
        positions = [d for d in range(len(updates)) if d not in numbers.update_window_dims]
        batching = dict(zip(numbers.scatter_indices_batching_dims, numbers.operand_batching_dims, strict=True))
        combines = kind is not None and family(context.in_dtypes[0]) in (
            ("integer", "float", "complex") if kind is Kind.SUM else ("integer", "float")
        )
        reductions = {}
        for dimension, position in enumerate(positions):
            if dimension in batching:
                name = labels[batching[dimension]] = next(names)
            elif kind is not None and combines:
                name = next(names)
                reductions[name] = kind
            else:
                continue
            index_labels[dimension] = update_labels[position] = name
        written = numbers.scatter_dims_to_operand_dims
        masked = mode_name(context.op.params) in MASKED_MODES
        for dimension in written if masked else ():
            if dimension in numbers.inserted_window_dims:
                labels[dimension] = next(names)
        return make(
            context.in_shapes, context.out_shapes, [labels, index_labels, update_labels], [labels], reductions,
            linear=Linear.JOINT if kind is Kind.SUM and combines else Linear.NO, linear_operands=(0, 2),
        )  # fmt: skip

    return rule
