"""How an op runs on its tiles inside the SPMD program: parameters with shapes, offsets and masks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from autopart.graph import Op
from autopart.lower import Program
from autopart.rules.rule import Kind

Localiser = Callable[[Program, Op, Sequence[Any]], Any]


def run_op(program: Program, op: Op, operands: Sequence[Any]) -> list[Any]:
    """Runs ``op`` on the device's tiles; returns its results as a list."""
    if op.primitive in _LOCALISERS:
        return [_LOCALISERS[op.primitive](program, op, operands)]
    return bind(op, operands, op.params)


def bind(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> list[Any]:
    """Calls the op's primitive."""
    out = op.bind.bind(*operands, **params)
    return list(out) if op.bind.multiple_results else [out]


def tile_index(axes: Sequence[str]) -> Any:
    """Number of this device's tile among those that ``axes`` cut, outermost axis first."""
    index: Any = 0
    for axis in axes:
        index = index * jax.lax.axis_size(axis) + lax.axis_index(axis)
    return index


def _with(name: str, local: Callable[[Program, Op], Any]) -> Localiser:
    """An op whose parameter ``name`` holds a shape."""

    def run(program: Program, op: Op, operands: Sequence[Any]) -> Any:
        return bind(op, operands, {**op.params, name: local(program, op)})[0]

    return run


def _result_shape(program: Program, op: Op) -> tuple[int, ...]:
    return program.local_shape(op, 0)


def _iota(program: Program, op: Op, operands: Sequence[Any]) -> Any:
    dimension = op.params["dimension"]
    shape = program.local_shape(op, 0)
    tile = bind(op, operands, {**op.params, "shape": shape})[0]
    axes = program.axes_of_factor(op.index, program.problem.rules[op.index].results[0][dimension])
    if not axes:
        return tile
    offset = tile_index(axes) * shape[dimension]
    return tile + jnp.asarray(offset, tile.dtype)


def _slice(program: Program, op: Op, operands: Sequence[Any]) -> Any:
    source = program.problem.graph.values[_value(op, 0)].shape
    limits = tuple(
        tile if full == limit and start == 0 else limit
        for full, tile, start, limit in zip(
            source, operands[0].shape, op.params["start_indices"], op.params["limit_indices"], strict=True
        )
    )
    return bind(op, operands, {**op.params, "limit_indices": limits})[0]


def _value(op: Op, position: int) -> int:
    operand = op.operands[position]
    assert isinstance(operand, int)
    return operand


def _dynamic_slice_sizes(program: Program, op: Op) -> tuple[int, ...]:
    return program.local_shape(op, 0)


def _gather(program: Program, op: Op, operands: Sequence[Any]) -> Any:
    """A tile of the looked-up dimension answers what falls in it, and zero elsewhere."""
    table, indices = operands
    rule = program.problem.rules[op.index]
    full = program.problem.graph.values[_value(op, 0)].shape
    sizes = tuple(
        table.shape[d] if size == full[d] else size for d, size in enumerate(op.params["slice_sizes"])
    )  # fmt: skip
    params = {**op.params, "slice_sizes": sizes}
    axes: tuple[str, ...] = ()
    looked_up = op.params["dimension_numbers"].start_index_map
    if len(looked_up) == 1:
        factor = rule.operands[0][looked_up[0]]
        if factor >= 0 and rule.factors[factor].kind is Kind.SUM:
            axes = program.axes_of_factor(op.index, factor)
    if not axes:
        return bind(op, operands, params)[0]
    rows = table.shape[looked_up[0]]
    local = indices - jnp.asarray(tile_index(axes) * rows, indices.dtype)
    inside = (local >= 0) & (local < rows)
    found = bind(op, [table, jnp.where(inside, local, 0)], params)[0]
    offset = op.params["dimension_numbers"].offset_dims
    mask = jnp.expand_dims(jnp.all(inside, axis=-1), offset)
    return jnp.where(mask, found, jnp.zeros((), found.dtype))


def _scatter_add(program: Program, op: Op, operands: Sequence[Any]) -> Any:
    """A tile of the written dimension takes the updates that fall in it; summed parts start from zero but one."""
    target, indices, updates = operands
    rule = program.problem.rules[op.index]
    params = dict(op.params)
    summed = [
        axis
        for number, factor in enumerate(rule.factors)
        if factor.kind is Kind.SUM
        for axis in program.axes_of_factor(op.index, number)
    ]
    if summed:
        target = jnp.where(tile_index(summed) == 0, target, jnp.zeros((), target.dtype))
    written = op.params["dimension_numbers"].scatter_dims_to_operand_dims
    factor = rule.operands[0][written[0]] if len(written) == 1 else -1
    axes = program.axes_of_factor(op.index, factor)
    if axes:
        rows = target.shape[written[0]]
        local = indices - jnp.asarray(tile_index(axes) * rows, indices.dtype)
        indices = jnp.where((local >= 0) & (local < rows), local, rows)
        params["mode"] = lax.GatherScatterMode.FILL_OR_DROP
        params["unique_indices"] = params["indices_are_sorted"] = False
    return bind(op, [target, indices, updates], params)[0]


_LOCALISERS: Mapping[str, Localiser] = MappingProxyType(
    {
        "broadcast_in_dim": _with("shape", _result_shape),
        "dynamic_slice": _with("slice_sizes", _dynamic_slice_sizes),
        "gather": _gather,
        "iota": _iota,
        "reshape": _with("new_sizes", _result_shape),
        "scatter-add": _scatter_add,
        "slice": _slice,
    }
)


def local_bytes(shape: Sequence[int], itemsize: int) -> int:
    """Bytes of a tile of ``shape``."""
    return math.prod(shape) * itemsize
