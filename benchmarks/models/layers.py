"""Layers that several models share: dense, convolution, norms over features, over groups and over the batch.

Parameters are float32; products are made in the dtype of what comes in, norms in float32.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from autopart.benchmarks.models.training import Tree

EPSILON = 1e-5


def init_dense(key: jax.Array, width: int, after: int) -> Tree:
    """Draws ``{"w": (width, after), "b": (after,)}``."""
    return {"w": jax.random.normal(key, (width, after)) * width**-0.5, "b": jnp.zeros((after,))}


def dense(weights: Tree, x: jax.Array) -> jax.Array:
    """Returns `x` (..., width) through a dense layer: (..., after)."""
    out: jax.Array = x @ weights["w"].astype(x.dtype) + weights["b"].astype(x.dtype)
    return out


def init_conv(key: jax.Array, window: int, width: int, after: int) -> Tree:
    """Draws ``{"w": (window, window, width, after), "b": (after,)}``."""
    return {"w": init_kernel(key, window, width, after), "b": jnp.zeros((after,))}


def init_kernel(key: jax.Array, window: int, width: int, after: int) -> jax.Array:
    """Draws the kernel (window, window, width, after) of a convolution."""
    kernel: jax.Array = jax.random.normal(key, (window, window, width, after)) * (window * window * width) ** -0.5
    return kernel


def conv(weights: Tree, x: jax.Array, stride: int = 1) -> jax.Array:
    """Returns `x` (batch, height, width, features) through a convolution with bias, see `convolve`."""
    out: jax.Array = convolve(weights["w"], x, stride) + weights["b"].astype(x.dtype)
    return out


def convolve(kernel: jax.Array, x: jax.Array, stride: int = 1) -> jax.Array:
    """Returns the convolution of `x` (batch, height, width, features); height and width shrink by `stride`."""
    return jax.lax.conv_general_dilated(
        x, kernel.astype(x.dtype), (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def init_norm(features: int) -> Tree:
    """Returns ``{"scale", "bias"}``, both (features,)."""
    return {"scale": jnp.ones((features,)), "bias": jnp.zeros((features,))}


def layer_norm(weights: Tree, x: jax.Array) -> jax.Array:
    """Returns `x` (..., features) normalised over its features."""
    return _affine(weights, _normalised(x.astype(jnp.float32), (x.ndim - 1,)), x.dtype)


def group_norm(weights: Tree, x: jax.Array, groups: int) -> jax.Array:
    """Returns `x` (batch, height, width, features) normalised over places and over each of `groups` of features."""
    batch, height, width, features = x.shape
    grouped = x.astype(jnp.float32).reshape(batch, height, width, groups, features // groups)
    return _affine(weights, _normalised(grouped, (1, 2, 4)).reshape(x.shape), x.dtype)


def batch_norm(weights: Tree, x: jax.Array) -> jax.Array:
    """Returns `x` (batch, height, width, features) normalised over batch and places."""
    return _affine(weights, _normalised(x.astype(jnp.float32), (0, 1, 2)), x.dtype)


def _normalised(x: jax.Array, axes: tuple[int, ...]) -> jax.Array:
    mean = jnp.mean(x, axes, keepdims=True)
    centred = x - mean
    variance = jnp.mean(centred * centred, axes, keepdims=True)
    return centred * jax.lax.rsqrt(variance + EPSILON)


def _affine(weights: Tree, x: jax.Array, dtype: jnp.dtype) -> jax.Array:
    out: jax.Array = (x * weights["scale"] + weights["bias"]).astype(dtype)
    return out


def mean_square(error: jax.Array) -> jax.Array:
    """Returns the mean of the squares of `error`, a float32 scalar, as one sum over a constant."""
    wide = error.astype(jnp.float32)
    return jnp.sum(wide * wide) / error.size
