"""Small programs that cover every family of rules, random legal states of them, and the judge of both laws."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from autopart.benchmarks.fuzz.judge import Subject as Subject
from autopart.benchmarks.fuzz.judge import difference as difference
from autopart.benchmarks.fuzz.judge import fault as fault
from autopart.benchmarks.fuzz.judge import run as run
from autopart.benchmarks.fuzz.judge import subject_of
from autopart.benchmarks.fuzz.states import is_legal as is_legal
from autopart.benchmarks.fuzz.states import problem_on as problem_on
from autopart.benchmarks.fuzz.states import random_state as random_state
from autopart.program.step import Step

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


def interleaved(x: Any, y: Any) -> Any:
    """Every other element, and its gradient; repetitions."""
    even, odd = x[:, ::2], x[:, 1::2]
    turned = jnp.stack([even * 2.0 - odd, odd * 2.0 + even], axis=-1).reshape(x.shape)
    gradient = jax.grad(lambda x: jnp.sum(jnp.sin((x @ y)[1::4, ::2]) * x[::4, 3::4].sum()))(x)
    short = lax.slice(x, (2, 0), (15, 29), (4, 4)) + x[3::4, ::4]
    spread = lax.pad(x @ y, 1.0, ((1, 2, 3), (0, 0, 0))) + 1.0
    return turned, gradient, short, spread, jnp.tile(x @ y, (4, 1)), jnp.tile(x, (2, 4, 1)), jnp.tile(y[:1], (8, 2))


def overwritten(x: Any, y: Any, at: Any, small: Any) -> Any:
    """Updates at places that may lie across tiles or out of bounds, longer and shorter than a tile, and of sums."""
    z = x @ y
    column, block = z[:, :1] * 2.0, jnp.tanh(z[:4, :3])
    one = lax.dynamic_update_slice(z, column, (0, at))
    many = lax.dynamic_update_slice(x, block, (at - 9, at - 20))
    long = lax.dynamic_update_slice(x, z[:, :11], (small * 0, small))
    ends = [lax.dynamic_update_slice(x, block, (np.int8(i), np.int8(i))) for i in (-3, 127)]
    joint = lax.dynamic_update_slice(x @ y, (x[:3] + 1.0) @ y, (at // 2, 0))
    gradient = jax.grad(lambda x: jnp.sum(jnp.sin(lax.dynamic_update_slice(x * 2.0, x[:5] ** 2, (small, small * 0)))))(
        x
    )
    return one, many, long, ends, joint, gradient


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


def pairs_of_lookups(table: Any, i: Any, j: Any, cube: Any, flags: Any, counts: Any) -> Any:
    """Gathers at several positions at once, in every mode, some out of bounds."""
    single = [table.at[i, j].get(mode=mode) for mode in (FILL, CLIP)]
    safe = (jnp.clip(i, 0, 15), jnp.clip(j, 0, 7))
    both = cube.at[i, :, j].get(mode=FILL, fill_value=-2.0)
    near = cube.at[i % 8, j % 4].get(mode=CLIP)
    narrow_index = cube[i.astype(jnp.int8), j.astype(jnp.int8)]
    partial = (table @ table.T).at[i, j].get(mode=FILL)
    window = lax.gather(
        cube, jnp.stack([i, j], -1),
        lax.GatherDimensionNumbers(offset_dims=(1, 2), collapsed_slice_dims=(0,), start_index_map=(0, 1)),
        (1, 2, 8), mode=FILL,
    )  # fmt: skip
    kinds = flags.at[i, j].get(mode=FILL), counts.at[i, j].get(mode=FILL), table.at[safe].get(mode=PROMISE)
    return *single, both, near, narrow_index, partial, window, *kinds


def pairs_of_writes(x: Any, i: Any, j: Any, updates: Any, cube: Any, slabs: Any) -> Any:
    """Scatters at several positions at once, in every mode, some out of bounds."""
    window = lax.scatter_add(
        cube, jnp.stack([i, j], -1), slabs[:, :2, :],
        lax.ScatterDimensionNumbers(
            update_window_dims=(1, 2), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0, 1)
        ),
        mode=CLIP,
    )  # fmt: skip
    return (
        x.at[i, j].add(updates),
        x.at[i, j].add(updates, mode=CLIP),
        x.at[i, j].max(updates),
        x.at[jnp.arange(16), jnp.arange(16) % 8].set(updates, mode=PROMISE, unique_indices=True),
        x.at[i, j].multiply(updates, mode=FILL),
        cube.at[i, j].add(slabs[:, 0, :]),
        cube.at[i, :, j].min(slabs[:, :4, 0]),
        jax.grad(lambda x: jnp.sum(jnp.sin(x[i, j])))(x),
        window,
    )


def random_numbers(key: Any, keys: Any, x: Any, w: Any) -> Any:
    """Dropout and draws of every kind and width; the stream of a tile is its part of the whole stream."""
    dropped = jnp.where(jax.random.bernoulli(key, 0.7, x.shape), x / 0.7, 0.0) @ w
    bits = [jax.random.bits(key, (8, 16), dtype) for dtype in (jnp.uint8, jnp.uint16, jnp.uint32)]
    each = jax.vmap(lambda k, row: row + jax.random.uniform(k, (16,)))(keys, x)
    small = jax.vmap(lambda k: jax.random.bits(k, (), jnp.uint8))(keys)
    sampled = jax.random.categorical(key, x @ w, axis=-1)
    return dropped, jax.random.normal(keys[1], (4, 8, 8)).sum(1), *bits, each, small, sampled, jax.random.split(key)


def best_tokens(x: Any, vocabulary: Any, counts: Any, flags: Any) -> Any:
    """Positions of extremes along what may be sharded, with ties and what is not a number."""
    logits = x @ vocabulary
    holed = jnp.where(counts % 7 == 0, jnp.nan, x.astype(jnp.bfloat16))
    return (
        jnp.argmax(logits, -1), jnp.argmin(logits, 0), jnp.argmax(counts % 3, 0), lax.argmin(counts % 3, 1, jnp.int8),
        jnp.argmax(holed, 0), jnp.argmin(holed, 1), jnp.max(holed, 0), jnp.min(holed, 1), jnp.argmax(flags, 1),
        jnp.argmin(flags, 0), jnp.argmax(x), jax.nn.one_hot(jnp.argmax(logits, -1), 16) @ vocabulary.T,
    )  # fmt: skip


def linear_algebra(a: Any, spd: Any, b: Any, bands: Any) -> Any:
    """Factorisations and solvers, batched."""
    q, r = jnp.linalg.qr(a)
    values, vectors = jnp.linalg.eigh(spd)
    householder, taus = lax.linalg.hessenberg(a)
    diagonal = 4.0 + jnp.abs(bands)
    solved = jax.vmap(lambda d, dl, du, b: lax.linalg.tridiagonal_solve(dl, d, du, b))(diagonal, bands, bands, b)
    return (
        q @ r, (vectors * values[:, None, :]) @ jnp.swapaxes(vectors, -1, -2), jnp.linalg.solve(spd, b),
        lax.linalg.triangular_solve(jnp.linalg.cholesky(spd), b, left_side=True, lower=True),
        lax.linalg.triangular_solve(jnp.linalg.cholesky(spd), jnp.swapaxes(b, 1, 2), lower=True),
        lax.linalg.householder_product(householder[:, 1:, :3], taus), solved, jnp.linalg.svd(a, compute_uv=False),
        jnp.linalg.slogdet(spd), jnp.sort(jnp.abs(jnp.linalg.eigvals(spd))), jnp.linalg.det(a),
        lax.linalg.schur(spd, compute_schur_vectors=False)[0].sum((1, 2)), householder,
        jnp.linalg.inv(spd), lax.linalg.symmetric_product(a, spd),
    )  # fmt: skip


def ragged_products(x: Any, w: Any, sizes: Any) -> Any:
    """Rows routed to experts by their number, and the gradients."""

    def loss(x: Any, w: Any) -> Any:
        return jnp.sum(jnp.tanh(lax.ragged_dot(x, w, sizes)))

    return lax.ragged_dot(x, w, sizes), jax.grad(loss, argnums=(0, 1))(x, w), lax.approx_max_k(x, 3)


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
        "interleaved": (interleaved, lambda r: (normal(r, 16, 32), normal(r, 32, 16)), ()),
        "overwritten": (
            overwritten, lambda r: (normal(r, 16, 16), normal(r, 16, 16), jnp.int32(11), jnp.uint8(5)), (),
        ),
        "pairs_of_lookups": (
            pairs_of_lookups,
            lambda r: (
                normal(r, 16, 8), integers(r, -20, 20, 16), integers(r, -12, 12, 16), normal(r, 8, 4, 8),
                integers(r, 0, 2, 16, 8) > 0, integers(r, 0, 9, 16, 8),
            ),
            (),
        ),
        "pairs_of_writes": (
            pairs_of_writes,
            lambda r: (
                normal(r, 16, 8), integers(r, -20, 20, 16), integers(r, -12, 12, 16), normal(r, 16),
                normal(r, 8, 4, 8), normal(r, 16, 4, 8),
            ),
            (),
        ),
        "random_numbers": (
            random_numbers,
            lambda r: (jax.random.key(7), jax.random.split(jax.random.key(3), 8), normal(r, 8, 16), normal(r, 16, 16)),
            (),
        ),
        "best_tokens": (
            best_tokens,
            lambda r: (normal(r, 16, 8), normal(r, 8, 16), integers(r, 0, 50, 16, 8), integers(r, 0, 2, 16, 8) > 0),
            (),
        ),
        "linear_algebra": (
            linear_algebra,
            lambda r: (
                normal(r, 8, 4, 4), symmetric(normal(r, 8, 4, 4)) + 4 * jnp.eye(4), normal(r, 8, 4, 4), normal(r, 8, 4)
            ),
            (),
        ),
        "ragged_products": (
            ragged_products,
            lambda r: (normal(r, 16, 8), normal(r, 4, 8, 8), jnp.asarray([3, 0, 8, 5], jnp.int32)),
            (),
        ),
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


@functools.cache
def subject(name: str) -> Subject:
    """The case called ``name``, traced and run whole."""
    fn, draw, donated = CASES[name]
    args = draw(np.random.default_rng(0))
    return subject_of(fn, args, donated)


def subject_of_step(step: Step) -> Subject:
    """A model's step, traced and run whole."""
    assert step.inputs is not None
    args = step.inputs(0)
    return subject_of(step.fn, args, step.donate_argnums)
