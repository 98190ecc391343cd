"""Rules of ops that read or write at computed positions: gather, scatter-add, dynamic slices."""

from __future__ import annotations

from autopart.rules.context import Context
from autopart.rules.rule import Kind, Linear, Rule, letters, make


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
    """Dimensions overwritten whole pass through; a sliced one must be whole."""
    whole, update = context.in_shapes[0], context.in_shapes[1]
    labels = [n if a == b else None for n, a, b in zip(letters(len(whole)), whole, update, strict=True)]
    starts: list[list[str | None]] = [[None] * len(s) for s in context.in_shapes[2:]]
    return make(
        context.in_shapes, context.out_shapes, [labels, labels, *starts], [labels],
        linear=Linear.JOINT, linear_operands=(0, 1),
    )  # fmt: skip


def gather(context: Context) -> Rule:
    """Index batch dimensions and whole slices pass through; a looked-up dimension is a masked sum.

    A tile of a dimension that is indexed (slice size 1, collapsed) answers only the indices that fall
    in it and gives zero for the others; the parts are summed. Indices out of bounds would come out
    otherwise than in the whole program unless the mode promises that there are none, so only that
    mode, and clamping, are offered.
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
    if len(numbers.start_index_map) == 1 and _in_bounds(context):
        (looked_up,) = numbers.start_index_map
        if looked_up in numbers.collapsed_slice_dims:
            name = next(names)
            labels[looked_up] = name
            sums[name] = Kind.SUM
    return make(
        context.in_shapes, context.out_shapes, [labels, index_labels], [out], sums,
        linear=Linear.EACH, linear_operands=(0,),
    )  # fmt: skip


def _in_bounds(context: Context) -> bool:
    return "PROMISE_IN_BOUNDS" in str(context.op.params["mode"])


def scatter_add(context: Context) -> Rule:
    """Window dimensions pass through; update batches are summed: each part adds its own updates."""
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
    sums = {}
    for dimension, position in enumerate(positions):
        name = next(names)
        index_labels[dimension] = update_labels[position] = name
        sums[name] = Kind.SUM
    for left, right in zip(numbers.operand_batching_dims, numbers.scatter_indices_batching_dims, strict=True):
        name_or_none = index_labels[right]
        labels[left] = name_or_none
        if name_or_none is not None:
            sums.pop(name_or_none, None)
    looked_up = numbers.scatter_dims_to_operand_dims
    if len(looked_up) == 1 and looked_up[0] in numbers.inserted_window_dims and _in_bounds(context):
        labels[looked_up[0]] = next(names)
    return make(
        context.in_shapes, context.out_shapes, [labels, index_labels, update_labels], [labels], sums,
        linear=Linear.JOINT, linear_operands=(0, 2),
    )  # fmt: skip
