"""Small programs that cover every family of rules, random legal states of them, and the judge of both laws."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from autopart.emit.spmd import spmd
from autopart.emit.stablehlo import lowered_collectives
from autopart.graph import Graph
from autopart.lower import Program, lower
from autopart.problem import Problem
from autopart.propagate import ATOMIC, TILE
from autopart.state import State
from autopart.step import Step
from autopart.trace import trace
from costmodel.mesh import Mesh

Draw = np.random.Generator
Case = tuple[Callable[..., Any], Callable[[Draw], tuple[Any, ...]], tuple[int, ...]]

MESHES = ({"a": 8}, {"a": 4, "b": 2}, {"a": 2, "b": 2, "c": 2})
FILL, CLIP, PROMISE = "fill", "clip", "promise_in_bounds"


def normal(rng: Draw, *shape: int, dtype: Any = np.float32) -> Any:
    """Normal numbers as a jax array."""
    return jnp.asarray(rng.standard_normal(shape), dtype)


def integers(rng: Draw, low: int, high: int, *shape: int, dtype: Any = np.int32) -> Any:
    """Integers in ``low..high-1`` as a jax array."""
    return jnp.asarray(rng.integers(low, high, shape), dtype)


def narrow(x: Any, y: Any, z: Any) -> Any:
    """Dimensions that not all axes together divide, so that what is tiled one way cannot be cut another way."""
    product = x @ y
    other = jnp.tanh(product) @ z
    lifted = product.reshape(2, 2, 4, 1) * other.reshape(2, 2, 1, 4)
    return other.sum(0), product + 1.0, lifted, x.sum(0), z.sum(1), jnp.sum(x.reshape(2, 2, 2, 4), axis=(1, 3))


def linear_chain(dq: Any, dk: Any, dv: Any, wq: Any, wk: Any, wv: Any, bias: Any) -> Any:
    """A sum of three products, and a bias on top of it."""
    dx = dq @ wq + dk @ wk + dv @ wv
    return dx, dx * 2.0 + bias


def dense(params: Any, x: Any) -> Any:
    """Loss and gradients of two dense layers."""

    def loss(params: Any) -> Any:
        hidden = jax.nn.gelu(x @ params["up"].astype(x.dtype) + params["bias"].astype(x.dtype))
        return jnp.sum((hidden @ params["down"].astype(x.dtype)).astype(jnp.float32) ** 2) / x.size

    return jax.value_and_grad(loss)(params)


def dense_remat(params: Any, x: Any) -> Any:
    """The same, recomputed in the backward pass, and with a step of gradient descent."""

    @jax.checkpoint
    def layer(params: Any, x: Any) -> Any:
        return jax.nn.relu(x @ params["up"] + params["bias"]) @ params["down"]

    def loss(params: Any) -> Any:
        return jnp.mean(layer(params, layer(params, x)) ** 2)

    value, gradients = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda p, g: p - 0.1 * g, params, gradients), value


def dense_params(rng: Draw) -> Any:
    """Parameters of the dense layers."""
    return {"up": normal(rng, 16, 32), "bias": normal(rng, 32), "down": normal(rng, 32, 16)}


def shapes(x: Any, y: Any) -> Any:
    """Reshapes, transposes and broadcasts."""
    merged = x.reshape(32, 16)
    split = merged.reshape(4, 8, 2, 8)
    uneven = x.reshape(16, 32).T.reshape(8, 64)
    wide = jnp.broadcast_to(y[:, None, :], (8, 4, 16)) * x.reshape(8, 4, 16)
    ones = jnp.squeeze(lax.expand_dims(y, (0, 3)), 0).reshape(1, 8, 1, 16, 1)
    return merged @ y.T, split.transpose(2, 0, 3, 1), jnp.tanh(uneven), wide.sum(1), ones * 2.0


def pieces(x: Any, y: Any) -> Any:
    """Slices, pads, joins and what turns them round."""
    padded = lax.pad(x, 0.0, ((0, 0, 0), (2, 6, 0))) @ jnp.ones((24, 8), x.dtype)
    negative = lax.pad(x, 1.0, ((-4, -4, 0), (0, 0, 0))) + y
    joined = jnp.concatenate([x, y, jnp.zeros((8, 16), x.dtype)], axis=0)
    turned = lax.rev(x, (0,)) + lax.slice(joined, (8, 0), (24, 16))
    halves = jnp.split(joined, 2, axis=1)
    stacked = jnp.stack([x, x + 1.0], axis=1)
    one, two = jnp.unstack(stacked, axis=1)
    strided = lax.slice(x, (0, 0), (16, 16), (2, 1)) * 3.0
    rolled = jnp.roll(x, 3, axis=0) + jnp.roll(x, 3, axis=1)
    return padded, negative, joined, turned, halves[0] @ halves[1].T, one * two, jnp.tile(y, (1, 3)), strided, rolled


def partial_pieces(x: Any, y: Any) -> Any:
    """Ops that move data about, over what may be a partial sum."""
    z = x @ y
    joined = jnp.concatenate([z, jnp.zeros((8, 16), z.dtype)], axis=0)
    padded = lax.pad(x @ y * 2.0, 0.0, ((0, 8, 0), (0, 0, 0)))
    shifted = lax.pad(x @ (y + 1.0), 1.0, ((0, 8, 0), (0, 0, 0)))
    turned = lax.rev(-(x @ y), (1,)).T.reshape(4, 4, 8)
    written = lax.dynamic_update_slice(jnp.zeros((8, 32), z.dtype), x @ y, (0, 3))
    over = lax.dynamic_update_slice(jnp.ones((8, 32), z.dtype), (x @ y) * 3.0, (0, 3))
    stacked = jnp.stack([x @ y, (x * 2.0) @ y])
    return joined, padded, shifted, turned, written, over, stacked, jnp.tile(x @ y, (1, 2)), (x @ y)[2:4], 1.0 - x @ y


def lookups(table: Any, index: Any, flags: Any, counts: Any) -> Any:
    """Gathers of every mode, with positions out of bounds, of floats, bools and integers."""
    rows = [table.at[index].get(mode=mode) for mode in (FILL, CLIP)]
    safe = table.at[jnp.clip(index, 0, 15)].get(mode=PROMISE)
    narrow_index = table.at[index.astype(jnp.int8)].get(mode=FILL, fill_value=3.0)
    whole = counts.at[index].get(mode=FILL)
    yes = flags.at[index].get(mode=FILL)
    along = jnp.take_along_axis(table, jnp.clip(index.reshape(16, 1), 0, 7), axis=1)
    last = jnp.take(table, jnp.clip(index, 0, 7), axis=1, mode=CLIP)
    partial = [(table @ table.T).at[index].get(mode=FILL, fill_value=fill) for fill in (None, 2.0)]
    return *rows, jnp.tanh(safe), narrow_index, whole, yes, along, last, *partial


def bytes_lookup(table: Any, index: Any) -> Any:
    """A table that is longer than its narrow unsigned indices can count."""
    return table[index], table.at[index].get(mode=CLIP)


def embedding(table: Any, weights: Any, index: Any) -> Any:
    """Gradient of a lookup of a product and of logits by the same table."""

    def loss(table: Any, weights: Any) -> Any:
        x = (table @ weights)[index]
        return jnp.sum(jnp.tanh(x @ table.T))

    return jax.grad(loss, argnums=(0, 1))(table, weights)


def writes(x: Any, index: Any, updates: Any, counts: Any) -> Any:
    """Scatters of every kind and mode, with positions out of bounds."""
    wide = [x.at[index].add(updates, mode=mode) for mode in (FILL, CLIP)]
    unique = jnp.arange(0, 16, 2)
    rows = jnp.tile(index, 2)[:, None] % 8
    return (
        *wide,
        x.at[unique].set(updates, mode=PROMISE, unique_indices=True),
        x.at[index].max(updates),
        counts.at[index].min(index * 2 - 5),
        x.at[index].multiply(updates),
        jnp.zeros((16, 8), x.dtype).at[jnp.clip(index, 0, 15)].add(updates @ jnp.ones((8, 8), x.dtype), mode=PROMISE),
        x.at[:, 3].set(updates[:, 0].sum() + jnp.ones(16, x.dtype)),
        jax.vmap(lambda row, i, u: row.at[i].add(u))(x, rows, jnp.tile(updates, (2, 1))[:, :1]),
    )


def reductions(x: Any, counts: Any, flags: Any, waves: Any) -> Any:
    """Every monoid, of floats, integers, bools and complex numbers; and what works along one dimension."""
    return (
        x.sum(0), x.max(1), x.min(), jnp.prod(x * 0.5 + 1, axis=0), jnp.any(flags, axis=0), jnp.all(flags, axis=1),
        counts.sum(1), counts.max(0), jnp.sum(counts.astype(jnp.uint8), axis=0, dtype=jnp.uint8),
        lax.reduce_or(counts, (0,)), lax.reduce_and(counts, (1,)), lax.reduce_xor(counts, (0,)),
        jnp.argmax(x, axis=0), jnp.argmin(x, axis=1), jnp.cumsum(x, axis=0), lax.cummax(x, axis=1, reverse=True),
        lax.sort((counts.T, x), dimension=0, num_keys=1), lax.top_k(x, 3), waves.sum(0), jnp.real(waves @ waves.T),
        jax.nn.softmax(x, axis=1), lax.reduce(x, np.float32(0), lax.add, (1,)), jax.nn.logsumexp(x, axis=0),
    )  # fmt: skip


def places(x: Any, update: Any, at: Any) -> Any:
    """Dynamic slices and updates, iotas of several types."""
    cut = lax.dynamic_slice(x, (at, 0), (4, 16))
    written = lax.dynamic_update_slice(x @ jnp.ones((16, 16), x.dtype), update, (0, at))
    rows = lax.broadcasted_iota(jnp.bfloat16, (512, 8), 0)
    small = lax.broadcasted_iota(jnp.uint8, (512, 8), 0)
    mask = lax.broadcasted_iota(jnp.int32, x.shape, 0) >= lax.broadcasted_iota(jnp.int32, x.shape, 1)
    return cut * 2.0, written, rows * 2, small + 1, jnp.where(mask, x, -1.0)


def rounding(x: Any, y: Any, small: Any) -> Any:
    """What is not linear though it looks so: quotients and casts of integers, rounding of sums."""
    total = x @ y
    little = small.astype(jnp.int8)
    return (
        total // 7, lax.div(x @ y, jnp.full_like(total, 3)), (x @ y).astype(jnp.float32) * 0.5, -total + total * 2,
        little @ little.T, lax.rem(x @ y, 5), (total.sum(0) > 0) & (total.sum(1) > 3), (x @ y).astype(jnp.uint8),
        lax.reduce_precision((x @ y).astype(jnp.float32), 8, 7), jnp.sum(small, axis=0) / 3,
        (little @ little.T).astype(jnp.int32), (x @ y) * 3 + (y.T @ x.T).T * 5,
    )  # fmt: skip


def choices(flag: Any, mask: Any, x: Any, y: Any, w: Any) -> Any:
    """Selects with scalar and full predicates over partial sums; clamps with scalar bounds."""
    one, two = x @ w, y @ w
    chosen = lax.select_n(flag, one, two)
    masked = jnp.where(mask, one, two) + one
    alone = jnp.where(mask, x @ w, 0.0) + y @ w, jnp.where(mask, x @ w, 1.0), jnp.where(mask, x @ w, y @ w)
    return chosen, masked, *alone, lax.clamp(-1.0, one, y.sum()), lax.select(mask, one, -two)


def batched(x: Any, spd: Any) -> Any:
    """Linear algebra, Fourier transforms, convolution and windows, with batch dimensions."""
    factor = jnp.linalg.cholesky(spd + 8 * jnp.eye(4, dtype=spd.dtype))
    solved = lax.linalg.triangular_solve(factor, spd, left_side=True, lower=True)
    picture = x.reshape(8, 4, 4, 8)
    kernel = picture[:3, :3, 0, :].reshape(3, 3, 8, 1) * jnp.ones((16,), x.dtype)
    layout = ("NHWC", "HWIO", "NHWC")
    filtered = lax.conv_general_dilated(picture, kernel, (1, 1), "SAME", dimension_numbers=layout)
    deep = jnp.ones((3, 3, 1, 8), x.dtype) * 0.1
    depthwise = lax.conv_general_dilated(
        picture, deep, (1, 1), "VALID", dimension_numbers=layout, feature_group_count=8
    )
    pooled = lax.reduce_window(filtered, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return solved, jnp.abs(jnp.fft.rfft(x, axis=1)), filtered, depthwise, pooled, lax.bitcast_convert_type(x, jnp.int32)


def convolve(x: Any, weights: Any, strides: Any, padding: Any, layout: str = "NHWC", **more: Any) -> Any:
    """A convolution of pictures; weights are HWIO."""
    return lax.conv_general_dilated(x, weights, strides, padding, dimension_numbers=(layout, "HWIO", layout), **more)


def convolutions(x: Any, weights: Any, point: Any) -> Any:
    """Values and gradients of convolutions: same and valid, strided, dilated, of one tap, of patches, shifted."""

    def loss(x: Any, weights: Any, point: Any) -> Any:
        patches = convolve(x, weights[:2, :2], (2, 2), "VALID")
        parts = (
            convolve(x, weights, (1, 1), "SAME"),
            convolve(x, weights, (2, 2), "SAME"),
            convolve(x, weights, (1, 1), "VALID"),
            convolve(x, weights, (1, 1), "SAME", rhs_dilation=(2, 1)),
            convolve(x, weights, (1, 1), ((2, 1), (3, 2)), lhs_dilation=(2, 2)),
            convolve(x, weights, (1, 2), ((-1, 3), (2, -1))),
            convolve(x, point, (1, 1), "VALID"),
            convolve(jnp.tanh(x), point, (2, 2), "SAME") * patches[..., :4],
        )
        return sum(jnp.sum(jnp.sin(part)) for part in parts), parts

    (_, parts), gradients = jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)(x, weights, point)
    return parts, gradients


def grouped(x: Any, deep: Any, pairs: Any, weights: Any) -> Any:
    """Depthwise and grouped convolutions of channels first, and groups of the batch, with gradients."""

    def loss(x: Any, deep: Any, pairs: Any, weights: Any) -> Any:
        each = convolve(x, deep, (1, 1), "SAME", "NCHW", feature_group_count=8)
        some = convolve(jnp.tanh(each), pairs, (2, 2), ((1, 0), (0, 1)), "NCHW", feature_group_count=4)
        batches = convolve(x, weights, (1, 1), "SAME", "NCHW", batch_group_count=2)
        return jnp.sum(some**2) + jnp.sum(jnp.sin(batches)), (some, batches)

    (_, parts), gradients = jax.value_and_grad(loss, argnums=(0, 1, 2, 3), has_aux=True)(x, deep, pairs, weights)
    return parts, gradients


def partial_convolution(x: Any, y: Any, weights: Any) -> Any:
    """Convolutions of what may be partial sums, and of sums of them."""
    line = ("NWC", "WIO", "NWC")
    once = lax.conv_general_dilated(x @ y, weights, (1,), "SAME", dimension_numbers=line)
    twice = lax.conv_general_dilated(once * 2.0, weights, (2,), "SAME", dimension_numbers=line)
    window = lax.reduce_window(x @ y, 0.0, lax.add, (1, 3, 1), (1, 1, 1), "SAME")
    return twice, once + window, lax.conv_general_dilated(weights, x, (1,), [(7, 7)], dimension_numbers=line)


def pools(x: Any, counts: Any) -> Any:
    """Values and gradients of pooling, with windows that overlap and that do not; other windows."""
    three, two, each = (1, 3, 3, 1), (1, 2, 2, 1), (1, 1, 1, 1)

    def loss(x: Any) -> Any:
        parts = (
            lax.reduce_window(x, -jnp.inf, lax.max, three, two, "SAME"),
            lax.reduce_window(x, -jnp.inf, lax.max, two, two, "VALID"),
            lax.reduce_window(x, jnp.inf, lax.min, (1, 5, 2, 1), each, ((0, 0), (3, 1), (1, 0), (0, 0))),
            lax.reduce_window(x, 0.0, lax.add, three, two, "SAME"),
            lax.reduce_window(x, 0.0, lax.add, two, two, "VALID"),
            lax.reduce_window(x, 0.0, lax.add, three, each, "VALID"),
        )
        return sum(jnp.sum(jnp.sin(part)) for part in parts), parts

    (_, parts), gradient = jax.value_and_grad(loss, has_aux=True)(x)
    _, tangent = jax.jvp(lambda x: lax.reduce_window(x, -jnp.inf, lax.max, three, two, "SAME"), (x,), (jnp.cos(x),))
    product = lax.reduce_window(x, np.float32(1), lambda a, b: a * b, three, each, "SAME")
    spread = lax.reduce_window(
        x, -jnp.inf, lax.max, three, two, ((0, 0), (2, 2), (1, 3), (0, 0)), base_dilation=two, window_dilation=two
    )
    pair = lax.reduce_window(
        (counts, counts * 3 % 7), (np.int32(0), np.int32(9)),
        lambda a, b: (a[0] + b[0], lax.min(a[1], b[1])), (3, 2), (1, 2), ((2, 0), (0, 0)),
    )  # fmt: skip
    return (
        parts,
        gradient,
        tangent,
        product,
        spread,
        pair,
        lax.reduce_window(counts, 0, lax.max, (4, 1), (4, 1), "SAME"),
    )


def picture_net(params: Any, x: Any, labels: Any) -> Any:
    """A step of a small net of strided, depthwise and pointwise convolutions with a skip, and of pooling."""

    def loss(params: Any) -> Any:
        y = jax.nn.relu(convolve(x, params["stem"], (1, 1), "SAME") + params["bias"])
        y = lax.reduce_window(y, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")
        z = convolve(y, params["deep"], (1, 1), "SAME", feature_group_count=8)
        y = y + convolve(jax.nn.gelu(z), params["point"], (1, 1), "SAME")
        y = (y - y.mean((0, 1, 2))) * lax.rsqrt(y.var((0, 1, 2)) + 1e-3)
        logits = convolve(y, params["down"], (2, 2), "SAME").mean((1, 2))
        return jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1))

    value, gradients = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda p, g: p - 0.1 * g, params, gradients), value


def picture_params(rng: Draw) -> Any:
    """Parameters of the small net of convolutions."""
    return {
        "stem": normal(rng, 3, 3, 4, 8), "bias": normal(rng, 8), "deep": normal(rng, 3, 3, 1, 8),
        "point": normal(rng, 1, 1, 8, 8), "down": normal(rng, 3, 3, 8, 16),
    }  # fmt: skip


def attention(x: Any, weights: Any) -> Any:
    """Causal attention over heads, and its gradient."""

    def loss(weights: Any) -> Any:
        q, k, v = jnp.einsum("bsd,cdhk->cbshk", x, weights["qkv"])
        scores = jnp.einsum("bshk,bthk->bhst", q, k) / 2.0
        mask = jnp.tril(jnp.ones((8, 8), bool))
        mixed = jnp.einsum("bhst,bthk->bshk", jax.nn.softmax(jnp.where(mask, scores, -1e9)), v)
        return jnp.sum(jnp.einsum("bshk,hkd->bsd", mixed, weights["out"]) ** 2)

    return jax.value_and_grad(loss)(weights)


def symmetric(x: Any) -> Any:
    """Symmetric matrices without negative eigenvalues."""
    return x @ jnp.swapaxes(x, -1, -2)


CASES: MappingProxyType[str, Case] = MappingProxyType(
    {
        "narrow": (narrow, lambda r: (normal(r, 4, 8), normal(r, 8, 4), normal(r, 4, 4)), ()),
        "linear_chain": (
            linear_chain,
            lambda r: (*[normal(r, 16, 8) for _ in range(3)], *[normal(r, 8, 16) for _ in range(3)], normal(r, 16)),
            (),
        ),
        "dense": (dense, lambda r: (dense_params(r), normal(r, 8, 16)), ()),
        "dense_bf16": (dense, lambda r: (dense_params(r), normal(r, 8, 16, dtype=jnp.bfloat16)), ()),
        "dense_remat": (dense_remat, lambda r: (dense_params(r), normal(r, 8, 16)), (0,)),
        "shapes": (shapes, lambda r: (normal(r, 4, 8, 16), normal(r, 8, 16)), ()),
        "pieces": (pieces, lambda r: (normal(r, 16, 16), normal(r, 8, 16)), ()),
        "partial_pieces": (partial_pieces, lambda r: (normal(r, 8, 16), normal(r, 16, 16)), ()),
        "lookups": (
            lookups,
            lambda r: (normal(r, 16, 8), integers(r, -20, 20, 16), integers(r, 0, 2, 16) > 0, integers(r, 0, 9, 16, 8)),
            (),
        ),
        "bytes_lookup": (
            bytes_lookup, lambda r: (normal(r, 512, 4), integers(r, 0, 256, 16, dtype=np.uint8)), (),
        ),
        "embedding": (embedding, lambda r: (normal(r, 16, 8), normal(r, 8, 8), integers(r, 0, 16, 4, 8)), ()),
        "writes": (
            writes,
            lambda r: (normal(r, 16, 8), integers(r, -20, 20, 8), normal(r, 8, 8), integers(r, 0, 9, 16)),
            (),
        ),
        "reductions": (
            reductions,
            lambda r: (
                normal(r, 16, 8), integers(r, 0, 99, 8, 16), integers(r, 0, 9, 16, 8) > 0,
                normal(r, 8, 16) + 1j * normal(r, 8, 16),
            ),
            (),
        ),
        "places": (places, lambda r: (normal(r, 8, 16), normal(r, 8, 4), jnp.int32(3)), ()),
        "rounding": (
            rounding,
            lambda r: (integers(r, -50, 50, 8, 16), integers(r, -50, 50, 16, 8), integers(r, -5, 5, 8, 8)),
            (),
        ),
        "choices": (
            choices,
            lambda r: (jnp.bool_(True), integers(r, 0, 2, 8, 16) > 0, *normal(r, 2, 8, 16), normal(r, 16, 16)),
            (),
        ),
        "batched": (batched, lambda r: (normal(r, 16, 64), symmetric(normal(r, 8, 4, 4))), ()),
        "convolutions": (
            convolutions, lambda r: (normal(r, 4, 16, 8, 4), normal(r, 3, 3, 4, 8), normal(r, 1, 1, 4, 4)), (),
        ),
        "grouped": (
            grouped,
            lambda r: (
                normal(r, 4, 8, 16, 8), normal(r, 3, 3, 1, 16), normal(r, 2, 2, 4, 8), normal(r, 3, 3, 8, 4),
            ),
            (),
        ),
        "partial_convolution": (
            partial_convolution, lambda r: (normal(r, 2, 8, 8), normal(r, 8, 8), normal(r, 3, 8, 8)), (),
        ),
        "pools": (pools, lambda r: (normal(r, 4, 16, 8, 4), integers(r, 0, 99, 16, 8)), ()),
        "picture_net": (
            picture_net, lambda r: (picture_params(r), normal(r, 4, 16, 16, 4), integers(r, 0, 16, 4)), (0,),
        ),
        "attention": (
            attention,
            lambda r: (normal(r, 4, 8, 16), {"qkv": normal(r, 3, 16, 4, 4), "out": normal(r, 4, 4, 16)}),
            (),
        ),
    }
)  # fmt: skip
"""Name -> function, its arguments drawn, and which of them are donated."""


@dataclass(frozen=True)
class Subject:
    """A traced case with its arguments and right answer."""

    graph: Graph
    args: tuple[Any, ...]
    answer: Any


@functools.cache
def subject(name: str) -> Subject:
    """The case called ``name``, traced and run whole."""
    fn, draw, donated = CASES[name]
    args = draw(np.random.default_rng(0))
    return Subject(trace(fn, *args, donate_argnums=donated), args, jax.jit(fn)(*args))


def subject_of_step(step: Step) -> Subject:
    """A model's step, traced and run whole."""
    assert step.inputs is not None
    args = step.inputs(0)
    return Subject(trace(step.fn, *step.args, donate_argnums=step.donate_argnums), args, jax.jit(step.fn)(*args))


def problem_on(graph: Graph, axes: dict[str, int]) -> Problem:
    """The problem on a mesh of host devices; what has no rule is warned of elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Problem.of(graph, Mesh(axes, device="cpu"))


def is_legal(state: State, kind: int, op: int, factor: int, axis: int) -> bool:
    """Whether one step may be taken: the axis is free there, and the tile divides what is left."""
    marks, rule = state.marks, state.problem.rules[op]
    if marks.tile[op, axis] >= 0 or (int(marks.atomic[op]) >> axis) & 1:
        return False
    if kind == ATOMIC:
        return True
    sizes = state.problem.mesh.axis_sizes
    parts = sizes[axis] * int(np.prod([sizes[a] for a in range(len(sizes)) if marks.tile[op, a] == factor]))
    size = rule.factors[factor].size
    return size > 0 and size % parts == 0


def random_state(problem: Problem, rng: Draw, actions: int) -> State:
    """A state after random legal steps: mostly tiles, of arguments and of any op, sometimes an atomic mark."""
    state = State(problem)
    ops = [op.index for op in problem.graph.ops if problem.rules[op.index].factors]
    arguments = [op for op in problem.argument_ops.values() if problem.rules[op].factors]
    for _ in range(actions):
        for _ in range(20):
            op = int(rng.choice(arguments if rng.random() < 0.4 else ops))
            kind = ATOMIC if rng.random() < 0.1 else TILE
            factor = int(rng.integers(len(problem.rules[op].factors)))
            axis = int(rng.integers(len(problem.mesh.axes)))
            if is_legal(state, kind, op, factor, axis):
                state.apply(state.steps([(kind, op, factor, axis)]))
                break
    return state


def run(program: Program, args: tuple[Any, ...]) -> Any:
    """The answer of the partitioned program on host devices."""
    mesh = program.problem.mesh
    auto = (jax.sharding.AxisType.Auto,) * len(mesh.axes)
    devices = jax.make_mesh(mesh.axis_sizes, mesh.axis_names, axis_types=auto)
    return jax.jit(spmd(program, devices))(*args)


def difference(got: Any, want: Any, inputs: Any = ()) -> str:
    """Where two trees of arrays differ by more than their dtype's tolerance; empty where they do not."""
    trees: list[Any] = [jax.tree.structure(tree) for tree in (got, want)]
    if trees[0] != trees[1]:
        return "other trees"
    coarse = any(x.dtype == jnp.bfloat16 for x in jax.tree.leaves(inputs))
    for number, (mine, theirs) in enumerate(zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True)):
        if mine.dtype != theirs.dtype or mine.shape != theirs.shape:
            return f"output {number}: {mine.dtype}{mine.shape}, not {theirs.dtype}{theirs.shape}"
        if jnp.issubdtype(mine.dtype, jax.dtypes.prng_key):
            mine, theirs = jax.random.key_data(mine), jax.random.key_data(theirs)
        tolerance = 0.0
        if jnp.issubdtype(mine.dtype, jnp.inexact):
            tolerance = 4e-2 if coarse or mine.dtype == jnp.bfloat16 else 3e-5
        a, b = (np.asarray(x.astype(jnp.float32) if x.dtype == jnp.bfloat16 else x) for x in (mine, theirs))
        scale = 1.0 + float(np.max(np.abs(b[np.isfinite(b)]), initial=0.0))
        if not np.allclose(a, b, rtol=0.0, atol=tolerance * scale, equal_nan=tolerance > 0):
            return f"output {number} of dtype {mine.dtype} is another"
    return ""


def fault(state: State, case: Subject) -> str:
    """Which law the state breaks: same answer, or priced = lowered collectives; empty if none."""
    program = lower(state)
    counted, lowered = program.collective_counts(), lowered_collectives(program)
    if counted != lowered:
        return f"counted {dict(counted - lowered)}, lowered {dict(lowered - counted)}"
    return difference(run(program, case.args), case.answer, case.args)
