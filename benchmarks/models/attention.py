"""Attention as arithmetic on arrays: scores, softmax, masks, rotary positions; no parameters in it.

Heads of queries may share heads of keys and values (arXiv 1911.02150, 2305.13245): with fewer of the latter, each
serves the same number of queries, in order.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

MASKED_SCORE = -1e30


def softmax(scores: jax.Array) -> jax.Array:
    """Returns the softmax of `scores` over its last dimension; no gradient flows through the maximum."""
    top = jnp.max(jax.lax.stop_gradient(scores), axis=-1, keepdims=True)
    weights = jnp.exp(scores - top)
    return weights / jnp.sum(weights, axis=-1, keepdims=True)


def causal_mask(seq: int) -> jax.Array:
    """Returns what is added to scores (seq, seq), float32: 0 where a token may look, else `MASKED_SCORE`."""
    rows, columns = (jax.lax.broadcasted_iota(jnp.int32, (seq, seq), dim) for dim in (0, 1))
    return jax.lax.select(rows >= columns, jnp.zeros((seq, seq)), jnp.full((seq, seq), MASKED_SCORE))


def split_qkv(qkv: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns the three parts of `qkv` (3, ...)."""
    q, k, v = (jax.lax.index_in_dim(qkv, i, axis=0, keepdims=False) for i in range(3))
    return q, k, v


def attend(q: jax.Array, k: jax.Array, v: jax.Array, mask: jax.Array) -> jax.Array:
    """Returns attention of `q` (batch, seq, heads, head_dim) over `k` and `v` (batch, seq, kv heads, head_dim), as `q`.

    `mask` (seq, seq) is added to the scores, which are float32.
    """
    scale, grouped = q.shape[-1] ** -0.5, k.shape[2] != q.shape[2]
    if not grouped:
        scores = jnp.einsum("bshk,bthk->bhst", q, k).astype(jnp.float32) * scale
        return jnp.einsum("bhst,bthk->bshk", softmax(scores + mask).astype(q.dtype), v)
    scores = jnp.einsum("bsgrk,btgk->bgrst", by_kv_head(q, k.shape[2]), k).astype(jnp.float32) * scale
    mixed = jnp.einsum("bgrst,btgk->bsgrk", softmax(scores + mask).astype(q.dtype), v)
    return mixed.reshape(q.shape)


def by_kv_head(q: jax.Array, kv_heads: int) -> jax.Array:
    """Returns `q` (..., heads, head_dim) as (..., kv heads, heads that share one, head_dim)."""
    *outer, heads, size = q.shape
    return q.reshape(*outer, kv_heads, heads // kv_heads, size)


def turns(theta: float, places: jax.Array, head_dim: int) -> tuple[jax.Array, jax.Array]:
    """Returns cosines and sines of rotary positions (arXiv 2104.09864), float32 (..., 1, head_dim / 2).

    `places` (...) are positions; feature i turns by place / theta^(2i / head_dim), together with the feature half a
    head further on.
    """
    rates = theta ** (jnp.arange(0, head_dim, 2, dtype=jnp.float32) * (-1.0 / head_dim))
    angles = places.astype(jnp.float32)[..., None, None] * rates
    return jnp.cos(angles), jnp.sin(angles)


def rotate(x: jax.Array, by: tuple[jax.Array, jax.Array]) -> jax.Array:
    """Returns `x` (..., heads, head_dim) turned by what `turns` made of its positions."""
    half = x.shape[-1] // 2
    one, other = (part.astype(jnp.float32) for part in (x[..., :half], x[..., half:]))
    cos, sin = by
    turned = jnp.concatenate([one * cos - other * sin, other * cos + one * sin], axis=-1)
    return turned.astype(x.dtype)
