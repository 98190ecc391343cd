"""Losses of models that choose among kinds: tokens, classes."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def cross_entropy(scores: jax.Array, targets: jax.Array) -> jax.Array:
    """Returns the mean cross entropy of `targets` int32 (...) under `scores` float32 (..., kinds), a scalar.

    It is one sum over a constant. The target's log-probability is picked by comparing with an iota rather
    than by a gather, so that split kinds stay split.
    """
    log_p = log_softmax(scores)
    kinds = jax.lax.broadcasted_iota(jnp.int32, log_p.shape, log_p.ndim - 1)
    picked = jnp.where(targets[..., None] == kinds, log_p, 0.0)
    mean: jax.Array = jnp.sum(picked) * (-1.0 / targets.size)
    return mean


def log_softmax(scores: jax.Array) -> jax.Array:
    """Returns the logarithm of the softmax of `scores` over its last dimension, as `attention.softmax` does."""
    top = jnp.max(jax.lax.stop_gradient(scores), axis=-1, keepdims=True)
    shifted = scores - top
    return shifted - jnp.log(jnp.sum(jnp.exp(shifted), axis=-1, keepdims=True))
