"""How an op runs on its tiles inside the SPMD program: parameters with shapes, offsets and masks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from autopart.graph import Op
from autopart.lower import Program
from autopart.rules.context import Context
from autopart.rules.indexing import mode_name
from autopart.rules.rule import Kind
from autopart.rules.windows import (
    Slide,
    Tiling,
    convolution_slides,
    convolution_tiling,
    scatterings,
    windows,
)

Localiser = Callable[[Program, Op, Sequence[Any]], Any]


def run_op(program: Program, op: Op, operands: Sequence[Any]) -> list[Any]:
    """Runs ``op`` on the device's tiles; returns its results as a list."""
    if op.primitive in _LOCALISERS:
        out = _LOCALISERS[op.primitive](program, op, operands)
        return out if isinstance(out, list) else [out]
    return bind(op, operands, op.params)


def bind(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> list[Any]:
    """Calls the op's primitive."""
    out = op.bind.bind(*operands, **op.bind.get_bind_params(params))
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
    """A tile counts on from where it begins; counted in integers, for floats would round twice."""
    dimension = op.params["dimension"]
    axes = program.axes_of_factor(op.index, program.problem.rules[op.index].results[0][dimension])
    shape = program.local_shape(op, 0)
    if not axes:
        return bind(op, operands, {**op.params, "shape": shape})[0]
    tile = bind(op, operands, {**op.params, "shape": shape, "dtype": np.dtype(np.int32)})[0]
    return (tile + tile_index(axes) * shape[dimension]).astype(op.params["dtype"])


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
    numbers = op.params["dimension_numbers"]
    axes: tuple[str, ...] = ()
    if len(numbers.start_index_map) == 1:
        factor = rule.operands[0][numbers.start_index_map[0]]
        if factor >= 0 and rule.factors[factor].kind is not Kind.PASS:
            axes = program.axes_of_factor(op.index, factor)
    if not axes:
        return bind(op, operands, params)[0]
    looked_up = numbers.start_index_map[0]
    wide = _wide_positions(indices, full[looked_up], op.params)
    local = wide - tile_index(axes) * table.shape[looked_up]
    inside = (local >= 0) & (local < table.shape[looked_up])
    params |= {
        "mode": lax.GatherScatterMode.PROMISE_IN_BOUNDS,
        "fill_value": None,
        "unique_indices": False,
        "indices_are_sorted": False,
    }
    found = bind(op, [table, jnp.where(inside, local, 0)], params)[0]

    def over_slices(mask: Any) -> Any:
        return jnp.expand_dims(jnp.all(mask, axis=-1), numbers.offset_dims)

    found = jnp.where(over_slices(inside), found, jnp.zeros((), found.dtype))
    if mode_name(op.params) == "FILL_OR_DROP":
        outside = ((wide < 0) | (wide >= full[looked_up])) & (tile_index(axes) == 0)
        found = jnp.where(over_slices(outside), _fill_value(op, found.dtype), found)
    return found


def _fill_value(op: Op, dtype: Any) -> Any:
    """What a gather gives for an index out of bounds, by JAX's own defaults."""
    fill = op.params["fill_value"]
    if fill is None:
        if jnp.issubdtype(dtype, jnp.inexact):
            fill = jnp.nan
        elif dtype == jnp.bool_:
            fill = True
        else:
            info = np.iinfo(dtype)
            fill = info.min if info.min < 0 else info.max
    return jnp.asarray(fill, dtype)


def _wide_positions(indices: Any, size: int, params: Mapping[str, Any]) -> Any:
    """Indices into a dimension of ``size`` as integers that can hold it: -1 and ``size`` are out of bounds."""
    info = np.iinfo(indices.dtype)
    bounded = jnp.clip(indices, max(int(info.min), -1), min(int(info.max), size))
    wide = bounded.astype(indices.dtype if info.bits == 64 and info.min < 0 else jnp.int32)
    return jnp.clip(wide, 0, size - 1) if mode_name(params) == "CLIP" else wide


def _scatter(program: Program, op: Op, operands: Sequence[Any]) -> Any:
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
    inserted = op.params["dimension_numbers"].inserted_window_dims
    axes: tuple[str, ...] = ()
    if len(written) == 1 and written[0] in inserted:
        axes = program.axes_of_factor(op.index, rule.operands[0][written[0]])
    if axes:
        full = program.problem.graph.values[_value(op, 0)].shape[written[0]]
        rows = target.shape[written[0]]
        local = _wide_positions(indices, full, op.params) - tile_index(axes) * rows
        indices = jnp.where((local >= 0) & (local < rows), local, rows)
        params["mode"] = lax.GatherScatterMode.FILL_OR_DROP
        params["unique_indices"] = params["indices_are_sorted"] = False
    return bind(op, [target, indices, updates], params)[0]


def _convolution(program: Program, op: Op, operands: Sequence[Any]) -> Any:
    """Tiles have their halos, and so less padding; groups that other devices work on are not counted."""
    rule, numbers, params = program.problem.rules[op.index], op.params["dimension_numbers"], dict(op.params)
    padding = list(params["padding"])
    for place, slide in enumerate(convolution_slides(Context.of(program.problem.graph, op))):
        tiling, _ = convolution_tiling(slide)
        if program.parts(op.index, rule.operands[0][numbers.lhs_spec[2 + place]]) > 1:
            assert tiling is not None
            padding[place] = tiling.padding
    groups = program.parts(op.index, rule.operands[1][numbers.rhs_spec[0]])
    for name in ("feature_group_count", "batch_group_count"):
        if params[name] > 1:
            params[name] //= groups
    return bind(op, operands, {**params, "padding": tuple(padding)})[0]


def _reduce_window(program: Program, op: Op, operands: Sequence[Any]) -> Any:
    """Tiled and dilated dimensions are padded here, with what no window chooses or adds."""
    factors = program.problem.rules[op.index].results[0]
    slides = windows(Context.of(program.problem.graph, op))
    cuts = [_cut(program, op, slide, factor) for slide, factor in zip(slides, factors, strict=True)]
    arrays, params = list(operands), dict(op.params)
    for position, fill in enumerate(_fills(op, operands)):
        array = arrays[position]
        for d, (tiling, factor) in enumerate(zip(cuts, factors, strict=True)):
            if tiling is not None and program.parts(op.index, factor) > 1:
                axes = program.axes_of_factor(op.index, factor)
                array = _fill_ends(array, axes, d, (tiling.low, tiling.high), fill)
        config = [(0, 0, 0) if t is None else (*t.padding, s.base - 1) for t, s in zip(cuts, slides, strict=True)]
        arrays[position] = lax.pad(array, fill, config) if any(cuts) else array
    params["padding"] = tuple(pad if cut is None else (0, 0) for cut, pad in zip(cuts, params["padding"], strict=True))
    params["base_dilation"] = (1,) * len(slides)
    return bind(op, arrays, params)


def _cut(program: Program, op: Op, slide: Slide, factor: int) -> Tiling | None:
    """How one dimension is cut; a dilated one that is whole is one tile; ``None`` if the op may stay as it is."""
    cut = slide.by_position() if program.parts(op.index, factor) > 1 else Tiling(1, 0, 0, slide.padding)
    assert cut is not None
    same = slide.base == 1 and not cut.low and not cut.high and cut.padding == slide.padding
    return None if same else cut


def _fills(op: Op, operands: Sequence[Any]) -> list[Any]:
    """For each array operand of a reduce_window, or of its kin, a scalar that changes no window."""
    name = op.primitive
    if name == "reduce_window":
        return list(operands[len(operands) // 2 :])
    dtype = operands[0].dtype
    if name == "reduce_window_sum":
        return [jnp.zeros((), dtype)]
    if name == "select_and_gather_add":
        return [jnp.zeros((), dtype), _least(operands[1].dtype, op.params["select_prim"].name == "ge")]
    return [_least(dtype, name == "reduce_window_max")]


def _least(dtype: Any, largest_wins: bool) -> Any:
    """The scalar that loses every comparison."""
    if dtype == jnp.bool_:
        return jnp.asarray(not largest_wins)
    if jnp.issubdtype(dtype, jnp.inexact):
        return jnp.asarray(-np.inf if largest_wins else np.inf, dtype)
    info = np.iinfo(dtype)
    return jnp.asarray(info.min if largest_wins else info.max, dtype)


def _fill_ends(x: Any, axes: Sequence[str], dim: int, widths: tuple[int, int], fill: Any) -> Any:
    """Writes ``fill`` into the halos that lie beyond the ends of the array."""
    if not any(widths):
        return x
    index, tiles = tile_index(axes), math.prod(jax.lax.axis_size(axis) for axis in axes)
    at = lax.broadcasted_iota(jnp.int32, x.shape, dim)
    outside = ((index == 0) & (at < widths[0])) | ((index == tiles - 1) & (at >= x.shape[dim] - widths[1]))
    return jnp.where(outside, fill, x)


def _select_and_scatter(program: Program, op: Op, operands: Sequence[Any]) -> Any:
    """All windows that meet the tile choose; what they choose outside of it is another device's."""
    source, operand = operands
    factors, params = program.problem.rules[op.index].results[0], dict(op.params)
    padding, config = list(params["padding"]), [(0, 0, 0)] * len(factors)
    trim, fill = list(config), _least(operand.dtype, params["select_prim"].name == "ge")
    for d, (cut, factor) in enumerate(zip(scatterings(Context.of(program.problem.graph, op)), factors, strict=True)):
        if cut is None or program.parts(op.index, factor) == 1:
            continue
        operand = _fill_ends(operand, program.axes_of_factor(op.index, factor), d, cut.operand, fill)
        (low, high), (before, after) = cut.padding, cut.operand
        padding[d], config[d], trim[d] = (0, 0), (low, high, 0), (-low - before, -high - after, 0)
    chosen = bind(op, [source, lax.pad(operand, fill, config)], {**params, "padding": tuple(padding)})[0]
    return lax.pad(chosen, jnp.zeros((), chosen.dtype), trim)


_LOCALISERS: Mapping[str, Localiser] = MappingProxyType(
    {
        "broadcast_in_dim": _with("shape", _result_shape),
        "conv_general_dilated": _convolution,
        "dynamic_slice": _with("slice_sizes", _dynamic_slice_sizes),
        "gather": _gather,
        "iota": _iota,
        **dict.fromkeys(
            ("reduce_window", "reduce_window_max", "reduce_window_min", "reduce_window_sum", "select_and_gather_add"),
            _reduce_window,
        ),
        "reshape": _with("new_sizes", _result_shape),
        **dict.fromkeys(
            ("scatter", "scatter-add", "scatter-max", "scatter-min", "scatter-mul", "scatter-sub"), _scatter
        ),
        "select_and_scatter_add": _select_and_scatter,
        "slice": _slice,
    }
)
