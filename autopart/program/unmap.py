"""The program over whole arrays that a ``shard_map`` stands for: its body, mapped over stacked tiles.

Each axis that the body is manual over becomes a mapped one: an array is cut as its spec says, its tiles are
stacked, and collectives over the axis become plain sums, gathers and permutations along the stack. What comes
out knows of no mesh, and partitions like any other program.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import jax
import jax.extend.core as jex
import numpy as np
from jax import lax

# Ops that only change which axes a value is said to vary over.
_CASTS = ("pvary", "preduced", "reduced_vary_cast_p", "vary_unreduced_cast_p")


def stacked(params: Mapping[str, Any], calls: Mapping[str, str]) -> Callable[..., tuple[Any, ...]]:
    """A function over whole arrays that does what the shard_map does.

    Args:
        params: those of the shard_map.
        calls: primitives that mean nothing but their body, and the parameter that holds it.
    """
    sizes = {name: size for name, size in params["mesh"].shape.items() if name in params["newly_manual_axes"]}
    body = params["jaxpr"]
    jaxpr, consts = (body.jaxpr, body.consts) if hasattr(body, "consts") else (body, ())

    def run(*arrays: Any) -> tuple[Any, ...]:
        stacks = [_stack(x, spec, sizes) for x, spec in zip(arrays, params["in_specs"], strict=True)]

        def device(*tiles: Any) -> tuple[Any, ...]:
            return tuple(_evaluate(jaxpr, consts, tiles, calls))

        mapped = device
        for axis in reversed(sizes):
            where = tuple(0 if axis in names else None for _, names in stacks)
            mapped = jax.vmap(mapped, in_axes=where, out_axes=0, axis_name=axis, axis_size=sizes[axis])
        results = mapped(*(x for x, _ in stacks))
        return tuple(_joined(x, spec, sizes) for x, spec in zip(results, params["out_specs"], strict=True))

    return run


def _axes_of(spec: Any, rank: int, sizes: Mapping[str, int]) -> list[tuple[str, ...]]:
    """Manual axes of each dimension, outermost first."""
    entries = [*spec, *[None] * (rank - len(spec))]
    names = [() if e is None else e if isinstance(e, tuple) else (e,) for e in entries]
    return [tuple(name for name in row if name in sizes) for row in names]


def _stack(x: Any, spec: Any, sizes: Mapping[str, int]) -> tuple[Any, list[str]]:
    """Tiles of ``x`` along leading dimensions, one for each axis of the spec, and those axes in mesh order."""
    shape: list[int] = []
    place: dict[str, int] = {}
    for size, names in zip(x.shape, _axes_of(spec, x.ndim, sizes), strict=True):
        for name in names:
            place[name] = len(shape)
            shape.append(sizes[name])
        shape.append(size // math.prod(sizes[name] for name in names))
    mine = [axis for axis in sizes if axis in place]
    front = [place[axis] for axis in mine]
    return x.reshape(shape).transpose(*front, *(d for d in range(len(shape)) if d not in front)), mine


def _joined(x: Any, spec: Any, sizes: Mapping[str, int]) -> Any:
    """The whole array of a stack of tiles; along axes that the spec does not name all tiles are equal."""
    per_dim = _axes_of(spec, x.ndim - len(sizes), sizes)
    named = {name for names in per_dim for name in names}
    for place, axis in reversed(list(enumerate(sizes))):
        if axis not in named:
            x = lax.index_in_dim(x, 0, place, keepdims=False)
    left = [axis for axis in sizes if axis in named]
    tile = x.shape[len(left) :]
    order = [place for d, names in enumerate(per_dim) for place in (*map(left.index, names), len(left) + d)]
    whole = [size * math.prod(sizes[n] for n in names) for size, names in zip(tile, per_dim, strict=True)]
    return x.transpose(order).reshape(whole)


def _evaluate(jaxpr: Any, consts: Sequence[Any], args: Sequence[Any], calls: Mapping[str, str]) -> list[Any]:
    """Runs a jaxpr without what it says about meshes and the axes that values vary over."""
    env: dict[Any, Any] = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *args], strict=True))

    def read(atom: Any) -> Any:
        # A literal of JAX's own remembers the mesh that it was written under; a plain array does not.
        if not isinstance(atom, jex.Literal):
            return env[atom]
        aval: Any = atom.aval
        return np.asarray(atom.val, aval.dtype)

    for eqn in jaxpr.eqns:
        operands = [read(atom) for atom in eqn.invars]
        name = eqn.primitive.name
        if name in calls and calls[name] in eqn.params:
            results = _closed(eqn.params[calls[name]], calls)(*operands)
        elif name in _CASTS:
            results = operands
        elif name in _PLAIN:
            results = [_PLAIN[name](*operands, eqn.params)]
        else:
            params = {key: _plain_param(value, calls) for key, value in eqn.params.items()}
            out = eqn.primitive.bind(*operands, **eqn.primitive.get_bind_params(params))
            results = list(out) if eqn.primitive.multiple_results else [out]
        env.update(zip(eqn.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _closed(body: Any, calls: Mapping[str, str]) -> Callable[..., list[Any]]:
    jaxpr, consts = (body.jaxpr, body.consts) if hasattr(body, "consts") else (body, ())
    return lambda *args: _evaluate(jaxpr, consts, args, calls)


def _plain_param(value: Any, calls: Mapping[str, str]) -> Any:
    """A parameter without shardings; bodies of loops and branches are written anew."""
    if isinstance(value, jax.sharding.Sharding):
        return None
    if isinstance(value, tuple) and value and all(hasattr(item, "jaxpr") for item in value):
        return tuple(_plain_param(item, calls) for item in value)
    if hasattr(value, "jaxpr") and hasattr(value, "consts"):
        shapes = [jax.ShapeDtypeStruct(aval.shape, aval.dtype, weak_type=aval.weak_type) for aval in value.in_avals]
        return jax.make_jaxpr(_closed(value, calls))(*shapes)
    return value


def _psum(x: Any, params: Mapping[str, Any]) -> Any:
    return lax.psum(x, params["axes"])


def _all_gather(x: Any, params: Mapping[str, Any]) -> Any:
    return lax.all_gather(x, params["axis_name"], axis=params["all_gather_dimension"], tiled=params["tiled"])


_PLAIN: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"psum_invariant": _psum, "all_gather_invariant": _all_gather}
)
"""Collectives that also say over which axes the result varies, and what they do."""
