"""Primitives that are rewritten, while tracing, into others that partition; the results are the very same.

``argmax`` becomes a maximum, a comparison and the least of the positions that hold it, so that a sharded
dimension costs two reductions instead of a gather. ``random_bits`` of threefry keys becomes the counters of
its stream, hashed one by one, so that a tile draws its own part of the unpartitioned stream. Ops that only
hand on what they get vanish.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import jax
import jax.extend.core as jex
import numpy as np
from jax import lax

Params = Mapping[str, Any]
Rewrite = Callable[[Sequence[Any], Params], "Callable[..., Any] | None"]

MAX_COUNTERS = 2**32
"""Longer streams count in 64 bits."""


def rewritten(primitive: str, avals: Sequence[Any], params: Params) -> Any:
    """The closed jaxpr that stands for an op at the abstract values of its operands, or ``None`` to keep it."""
    if primitive not in _REWRITES:
        return None
    function = _REWRITES[primitive](avals, params)
    if function is None:
        return None
    shapes = [jax.ShapeDtypeStruct(aval.shape, aval.dtype) for aval in avals]
    return jax.make_jaxpr(function)(*shapes)


def _arg_reduce(largest: bool, avals: Sequence[Any], params: Params) -> Callable[..., Any] | None:
    """The first position of the largest (or least) element; one that is not a number counts as both."""
    (axis,) = params["axes"]
    shape, dtype, index_dtype = avals[0].shape, avals[0].dtype, params["index_dtype"]
    bounds: Any = np.iinfo(index_dtype)
    beyond = int(bounds.max)
    if not isinstance(dtype, np.dtype) or shape[axis] - 1 > beyond or 0 in shape:
        return None
    if dtype == np.bool_:
        extreme = lax.reduce_or if largest else lax.reduce_and
    else:
        extreme = lax.reduce_max if largest else lax.reduce_min
    kept = tuple(d for d in range(len(shape)) if d != axis)

    def arg_reduce(x: Any) -> Any:
        best = lax.broadcast_in_dim(extreme(x, (axis,)), shape, kept)
        wins = lax.eq(x, best)
        if jax.numpy.issubdtype(dtype, jax.numpy.inexact):
            wins = lax.bitwise_or(wins, lax.ne(x, x))
        positions = lax.broadcasted_iota(index_dtype, shape, axis)
        nowhere = lax.full(shape, beyond, index_dtype)
        return lax.reduce_min(lax.select(wins, positions, nowhere), (axis,))

    return arg_reduce


def _counters(shape: Sequence[int]) -> Any:
    """The row-major number of each element of an array, as 32-bit words."""
    strides = [math.prod(shape[d + 1 :]) for d in range(len(shape))]
    out: Any = None
    for dimension, stride in enumerate(strides):
        if shape[dimension] > 1:
            along = lax.broadcasted_iota(np.uint32, tuple(shape), dimension) * np.uint32(stride)
            out = along if out is None else out + along
    return lax.full(tuple(shape), 0, np.uint32) if out is None else out


def _random_bits(avals: Sequence[Any], params: Params) -> Callable[..., Any] | None:
    """Threefry's stream with ``jax_threefry_partitionable``: element n is the hash of the key and n."""
    (keys,) = avals
    shape, width, batch = tuple(params["shape"]), params["bit_width"], len(keys.shape)
    threefry = str(keys.dtype) == "key<fry>" and bool(jax.config.jax_threefry_partitionable)  # type: ignore[attr-defined]
    if not threefry or not 0 < math.prod(shape) < MAX_COUNTERS or 0 in keys.shape:
        return None
    full = (*keys.shape, *shape)

    def random_bits(keys: Any) -> Any:
        words = jax.random.key_data(keys)
        halves = [lax.index_in_dim(words, half, batch, keepdims=False) for half in (0, 1)]
        if batch:
            halves = [lax.broadcast_in_dim(half, full, range(batch)) for half in halves]
        low = lax.broadcast_in_dim(_counters(shape), full, range(batch, len(full)))
        high = lax.full(full, 0, np.uint32)
        first, second = jex.primitives.threefry2x32_p.bind(*halves, high, low)
        if width == 64:
            upper = lax.shift_left(lax.convert_element_type(first, np.uint64), lax.full(full, 32, np.uint64))
            return lax.bitwise_or(upper, lax.convert_element_type(second, np.uint64))
        return lax.convert_element_type(lax.bitwise_xor(first, second), np.dtype(f"uint{width}"))

    return random_bits


def _iota_2x32(avals: Sequence[Any], params: Params) -> Callable[..., Any] | None:
    """The upper and lower words of the numbers of an array's elements."""
    shape = tuple(params["shape"])
    if math.prod(shape) >= MAX_COUNTERS:
        return None
    return lambda: (lax.full(shape, 0, np.uint32), _counters(shape))


def _linear_solve(avals: Sequence[Any], params: Params) -> Callable[..., Any] | None:
    """The solver that the user gave, at its own constants; the other functions are for derivatives."""
    lengths = params["const_lengths"]
    begin = lengths.matvec + lengths.vecmat
    total = sum(lengths)
    solve = jex.jaxpr_as_fun(params["jaxprs"].solve)
    return lambda *args: solve(*args[begin : begin + lengths.solve], *args[total:])


def _positional(reduce: Callable[..., Any], avals: Sequence[Any], params: Params) -> Callable[..., Any] | None:
    """A collective over an axis that a ``vmap`` has made a dimension."""
    axes = params["axes"]
    if not all(isinstance(axis, int) for axis in axes) or params.get("axis_index_groups") is not None:
        return None
    return lambda x: reduce(x, axes)


def _operands(avals: Sequence[Any], params: Params) -> Callable[..., Any]:
    return lambda *args: args


def _second_operand(avals: Sequence[Any], params: Params) -> Callable[..., Any]:
    return lambda first, second: second


def _device_put(avals: Sequence[Any], params: Params) -> Callable[..., Any] | None:
    """To no device in particular: nothing happens."""
    return None if any(device is not None for device in params["devices"]) else _operands(avals, params)


_REWRITES: Mapping[str, Rewrite] = MappingProxyType(
    {
        "argmax": functools.partial(_arg_reduce, True),
        "argmin": functools.partial(_arg_reduce, False),
        "consume": _operands,
        "custom_linear_solve": _linear_solve,
        "device_put": _device_put,
        "iota_2x32_shape": _iota_2x32,
        "pmax": functools.partial(_positional, lax.reduce_max),
        "pmin": functools.partial(_positional, lax.reduce_min),
        "psum": functools.partial(_positional, lax.reduce_sum),
        "random_bits": _random_bits,
        "tie": _second_operand,
        "xla_metadata_value": _operands,
    }
)
