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

from autopart.emit.lower import Program
from autopart.errors import RuleError
from autopart.partitioning import abstract_mesh
from autopart.program import Op
from autopart.sharding.rules import (
    CUSTOM_PARTITIONING,
    Context,
    Kind,
    RegisteredRule,
    Slide,
    Tiles,
    Tiling,
    convolution_slides,
    convolution_tiling,
    mode_name,
    registered_rule,
    scatterings,
)
from autopart.sharding.rules.windows import windows

Localiser = Callable[[Program, Op, Sequence[Any]], Any]


def run_op(program: Program, op: Op, operands: Sequence[Any]) -> list[Any]:
    """Runs ``op`` on the device's tiles; returns its results as a list.

    Raises:
        RuleError: a rule that the user gave turns out not to hold on tiles.
    """
    if op.primitive in _LOCALISERS:
        out = _LOCALISERS[op.primitive](program, op, operands)
        return out if isinstance(out, list) else [out]
    registered = registered_rule(op.primitive)
    if registered is not None:
        return _registered(program, op, operands, registered)
    if op.primitive == CUSTOM_PARTITIONING and program.tiles[op.index].max() >= 0:
        return _custom_partitioning(program, op, operands)
    return bind(op, operands, op.params)


def _registered(program: Program, op: Op, operands: Sequence[Any], registered: RegisteredRule) -> list[Any]:
    """A user's primitive, by the user's function if there is one; what comes out must be tiles."""
    shapes = tuple(program.local_shape(op, number) for number in range(len(op.results)))
    if registered.localise is None:
        results = bind(op, operands, op.params)
    else:
        factors = program.problem.rules[op.index].factors
        axes = {factor.label: program.axes_of_factor(op.index, number) for number, factor in enumerate(factors)}
        out = registered.localise(Tiles(shapes, axes), *operands, **op.params)
        results = list(out) if op.bind.multiple_results else [out]
    found = tuple(tuple(result.shape) for result in results)
    if found != shapes:
        raise RuleError(
            f"'{op.primitive}' with rule '{registered.notation.text}' gives results of shapes {list(found)} on tiles "
            f"of shapes {[tuple(x.shape) for x in operands]}, where {list(shapes)} were due. Fix: give "
            "autopart.register_rule a function localise=... that runs it on tiles, or name the factors that must "
            "stay whole in need_replication_factors."
        )
    return results


def _custom_partitioning(program: Program, op: Op, operands: Sequence[Any]) -> list[Any]:
    """What the function's own ``partition`` callback says that a device runs, at the layout of its tiles."""
    mesh = program.problem.mesh
    abstract = abstract_mesh(mesh)
    rule, values, params = program.problem.rules[op.index], program.problem.graph.values, op.params

    def shape(aval: Any, factors: Sequence[int]) -> Any:
        names = [program.axes_of_factor(op.index, factor) or None for factor in factors]
        spec = jax.sharding.PartitionSpec(*(name[0] if name and len(name) == 1 else name for name in names))
        return jax.ShapeDtypeStruct(aval.shape, aval.dtype, sharding=jax.sharding.NamedSharding(abstract, spec))

    given = [shape(aval, factors) for aval, factors in zip(params["call"].in_avals, rule.operands, strict=True)]
    due = [shape(values[result], factors) for result, factors in zip(op.results, rule.results, strict=True)]
    _, local, result_shardings, shardings = params["partition"](
        *params["static_args"],
        abstract,
        jax.tree.unflatten(params["in_tree"], given),
        jax.tree.unflatten(params["out_tree"], due),
    )
    asked = [*params["in_tree"].flatten_up_to(shardings), *params["out_tree"].flatten_up_to(result_shardings)]
    for array, sharding in zip([*given, *due], asked, strict=True):
        if not sharding.is_equivalent_to(array.sharding, len(array.shape)):
            raise RuleError(
                f"the partition callback of a function under custom_partitioning asks for {sharding} where its rule "
                f"'{params['sharding_rule']}' led to {array.sharding}. Fix: let need_replication_factors name what "
                "the callback cannot take in tiles."
            )
    return jax.tree.leaves(local(*jax.tree.unflatten(params["in_tree"], list(operands))))


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
        limit if tile == full else tile
        for full, tile, limit in zip(source, operands[0].shape, op.params["limit_indices"], strict=True)
    )
    return bind(op, operands, {**op.params, "limit_indices": limits})[0]


def _tile(program: Program, op: Op, operands: Sequence[Any]) -> Any:
    """A device makes its share of the repetitions."""
    factors = program.problem.rules[op.index].results[0]
    repeats = op.params["reps"]
    each = [r if r == 1 else r // program.parts(op.index, f) for r, f in zip(repeats, factors, strict=True)]
    return bind(op, operands, {**op.params, "reps": tuple(each)})[0]


def _value(op: Op, position: int) -> int:
    operand = op.operands[position]
    assert isinstance(operand, int)
    return operand


def _dynamic_slice(program: Program, op: Op, operands: Sequence[Any]) -> Any:
    """Positions are clamped here: a compiler may merge this slice with the one that cut the tile, clamps and all."""
    array, *starts = operands
    sizes = program.local_shape(op, 0)
    bounded = [
        jnp.clip(start, 0, min(full - size, int(np.iinfo(start.dtype).max))).astype(start.dtype)
        for start, full, size in zip(starts, array.shape, sizes, strict=True)
    ]
    return bind(op, [array, *bounded], {**op.params, "slice_sizes": sizes})[0]


def _dynamic_update_slice(program: Program, op: Op, operands: Sequence[Any]) -> Any:
    """Where a dimension is tiled but not its update, a tile takes of the update what falls in it.

    Only a window of the tile as long as the update is read and written again: the rest may stay in place.
    """
    array, update, *starts = operands
    rule = program.problem.rules[op.index]
    cut = {d: axes for d, f in enumerate(rule.operands[1]) if f < 0 and (axes := _axes_of_dim(program, op, d))}
    if not cut:
        return bind(op, operands, op.params)[0]
    full = program.problem.graph.values[_value(op, 0)].shape
    window = tuple(min(sizes) for sizes in zip(update.shape, array.shape, strict=True))
    at: list[Any] = []
    skipped: list[Any] = []
    inside: Any = True
    for d, (start, count) in enumerate(zip(starts, update.shape, strict=True)):
        places = full[d] - count + 1 if d in cut else array.shape[d] - count + 1
        first = _wide_positions(start, places, True)
        if d in cut:
            first = first - tile_index(cut[d]) * array.shape[d]
        at.append(jnp.clip(first, 0, array.shape[d] - window[d]))
        skip = at[d] - first
        element = lax.broadcasted_iota(skip.dtype, window, d) + skip
        inside &= (element >= 0) & (element < count)
        skipped.append(jnp.clip(skip, -window[d], count) + window[d])
    around = lax.pad(update, jnp.zeros((), update.dtype), [(size, size, 0) for size in window])
    taken = lax.dynamic_slice(around, skipped, window)
    return lax.dynamic_update_slice(array, jnp.where(inside, taken, lax.dynamic_slice(array, at, window)), at)


def _gather(program: Program, op: Op, operands: Sequence[Any]) -> Any:
    """A tile of the looked-up dimensions answers what falls in it, and zero elsewhere.

    An index that breaks its promise to be in bounds is clamped, which is what compilers do with it.
    """
    table, indices = operands
    full = program.problem.graph.values[_value(op, 0)].shape
    full_sizes = op.params["slice_sizes"]
    sizes = tuple(table.shape[d] if size == full[d] else size for d, size in enumerate(full_sizes))
    params = {**op.params, "slice_sizes": sizes}
    numbers = op.params["dimension_numbers"]
    tiled = {d: _axes_of_dim(program, op, d) for d in numbers.start_index_map if d in numbers.collapsed_slice_dims}
    if not any(tiled.values()):
        return bind(op, [table, _clamped(op, indices, full)], params)[0]
    inside: Any = True
    outside: Any = False
    first: Any = True
    local: list[Any] = []
    for component, dimension in enumerate(numbers.start_index_map):
        last = full[dimension] - full_sizes[dimension]
        wide = _wide_positions(indices[..., component], last + 1, mode_name(op.params) != "FILL_OR_DROP")
        outside |= (wide < 0) | (wide > last)
        if axes := tiled.get(dimension, ()):
            rows = table.shape[dimension]
            wide = wide - tile_index(axes) * rows
            inside &= (wide >= 0) & (wide < rows)
            first &= tile_index(axes) == 0
            last = rows - 1
        local.append(jnp.clip(wide, 0, last))
    params |= {
        "mode": lax.GatherScatterMode.PROMISE_IN_BOUNDS,
        "fill_value": None,
        "unique_indices": False,
        "indices_are_sorted": False,
    }
    found = bind(op, [table, jnp.stack(local, -1)], params)[0]
    found = jnp.where(jnp.expand_dims(inside, numbers.offset_dims), found, jnp.zeros((), found.dtype))
    if mode_name(op.params) == "FILL_OR_DROP":
        filled, nothing = _fill_value(op, found.dtype), jnp.zeros((), found.dtype)
        outside = jnp.expand_dims(outside, numbers.offset_dims)
        found = jnp.where(outside, jnp.where(first, filled, nothing), found)
    return found


def _clamped(op: Op, indices: Any, full: Sequence[int]) -> Any:
    """Positions that the op would clamp, clamped: see ``_dynamic_slice``."""
    numbers, sizes = op.params["dimension_numbers"], op.params["slice_sizes"]
    if mode_name(op.params) != "CLIP" or not numbers.start_index_map:
        return indices
    places = [full[d] - sizes[d] + 1 for d in numbers.start_index_map]
    return jnp.stack([_wide_positions(indices[..., c], count, True) for c, count in enumerate(places)], -1)


def _axes_of_dim(program: Program, op: Op, dimension: int) -> tuple[str, ...]:
    """Mesh axes that tile a dimension of the op's first operand."""
    return program.axes_of_factor(op.index, program.problem.rules[op.index].operands[0][dimension])


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


def _wide_positions(indices: Any, size: int, clamped: bool) -> Any:
    """Indices into a dimension of ``size`` as integers that can hold it: -1 and ``size`` are out of bounds."""
    info = np.iinfo(indices.dtype)
    bounded = jnp.clip(indices, max(int(info.min), -1), min(int(info.max), size))
    wide = bounded.astype(indices.dtype if info.bits == 64 and info.min < 0 else jnp.int32)
    return jnp.clip(wide, 0, size - 1) if clamped else wide


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
    numbers = op.params["dimension_numbers"]
    tiled = {
        d: _axes_of_dim(program, op, d)
        for d in numbers.scatter_dims_to_operand_dims
        if d in numbers.inserted_window_dims
    }
    if any(tiled.values()):
        indices = _positions_in_tile(program, op, target, indices, tiled)
        params["mode"] = lax.GatherScatterMode.FILL_OR_DROP
        params["unique_indices"] = params["indices_are_sorted"] = False
    return bind(op, [target, indices, updates], params)[0]


def _positions_in_tile(
    program: Program, op: Op, target: Any, indices: Any, tiled: Mapping[int, tuple[str, ...]]
) -> Any:
    """Where each update of a scatter goes in this tile; out of its bounds if it belongs to another."""
    numbers, values = op.params["dimension_numbers"], program.problem.graph.values
    full, updates = values[_value(op, 0)].shape, values[_value(op, 2)].shape
    removed = (*numbers.inserted_window_dims, *numbers.operand_batching_dims)
    kept = [d for d in range(len(full)) if d not in removed]
    window = {d: updates[p] for d, p in zip(kept, numbers.update_window_dims, strict=True)}
    local: list[Any] = []
    for component, dimension in enumerate(numbers.scatter_dims_to_operand_dims):
        places = full[dimension] - window.get(dimension, 1) + 1
        wide = _wide_positions(indices[..., component], places, mode_name(op.params) == "CLIP")
        if axes := tiled.get(dimension, ()):
            rows = target.shape[dimension]
            wide = wide - tile_index(axes) * rows
            wide = jnp.where((wide >= 0) & (wide < rows), wide, rows)
        local.append(wide)
    return jnp.stack(local, -1)


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
        "dynamic_slice": _dynamic_slice,
        "dynamic_update_slice": _dynamic_update_slice,
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
        "tile": _tile,
    }
)
