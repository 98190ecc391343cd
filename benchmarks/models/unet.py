"""A diffusion UNet: residual convolutions and self-attention, trained to predict noise (after arXiv 2105.05233).

The sizes are ours: a billion parameters in 9 residual blocks on the way down and 12 on the way up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import jax
import jax.numpy as jnp

from autopart.benchmarks.models.attention import softmax, split_qkv
from autopart.benchmarks.models.layers import conv, dense, group_norm, init_conv, init_dense, init_norm, mean_square
from autopart.benchmarks.models.presets import check_positive, configure
from autopart.benchmarks.models.training import Tree, training_step
from autopart.program.step import Step

TIME_EXPANSION = 4
"""Features of the time embedding, over those of the first level."""

LONGEST_PERIOD = 1e4
"""Of the sines that tell the time."""

COLOURS = 3


@dataclass(frozen=True)
class UNetConfig:
    """Sizes of the model and of its batch.

    Attributes:
        levels: resolutions; each has half the height and width, and twice the features, of the one before.
        blocks: residual blocks of a level on the way down; there is one more on the way up.
        channels: features of the first level.
        attention_from: the first level (from 0) whose blocks are followed by self-attention.
        heads: attention heads.
        groups: groups of features that are normalised together.
        image: height and width of an image.
        batch: images a step.
        remat: recompute each block in the backward pass rather than keep its activations.
        compute_dtype: dtype of activations; parameters and optimizer state are float32, and so is the
            arithmetic of norms, softmax and loss.

    Raises:
        ValueError: a size is below 1; the levels do not halve the image; heads or groups do not divide features.
    """

    levels: int = 3
    blocks: int = 3
    channels: int = 448
    attention_from: int = 1
    heads: int = 16
    groups: int = 32
    image: int = 64
    batch: int = 512
    remat: bool = True
    compute_dtype: str = "bfloat16"

    def __post_init__(self) -> None:
        check_positive(self, ("levels", "blocks", "channels", "heads", "groups", "image", "batch"))
        if self.image % 2 ** (self.levels - 1):
            raise ValueError(f"field 'image' must be divisible by {2 ** (self.levels - 1)}, not {self.image}")
        for name in ("heads", "groups"):
            if self.channels % getattr(self, name):
                raise ValueError(f"field {name!r} must divide 'channels' ({self.channels})")

    def features(self, level: int) -> int:
        """Features of a level."""
        return self.channels << level

    @property
    def time_features(self) -> int:
        """Features of the time embedding."""
        return TIME_EXPANSION * self.channels


PRESETS: Final = MappingProxyType(
    {
        "full": UNetConfig(),
        "tiny": UNetConfig(
            levels=2, blocks=1, channels=32, heads=8, groups=8, image=8, batch=8, compute_dtype="float32"
        ),
    }
)
"""Configurations by name."""


def init_params(config: UNetConfig, key: jax.Array) -> Tree:
    """Draws ``{"time", "stem", "down", "middle", "up", "head"}``, float32.

    ``down`` and ``up`` hold a dictionary for each level in the order in which they run: ``blocks``, each with
    ``residual`` and, from `UNetConfig.attention_from` on, ``attention``; and ``sample``, the convolution that leads
    to the next level. ``middle`` is ``{"first", "attention", "second"}``. Matrices and kernels are called ``w``.
    """
    keys = iter(jax.random.split(key, 8 + 10 * config.levels * (config.blocks + 1)))
    wide, skips = config.channels, [config.channels]
    first = {
        "time": {
            "in": init_dense(next(keys), config.channels, config.time_features),
            "out": init_dense(next(keys), config.time_features, config.time_features),
        },
        "stem": init_conv(next(keys), 3, COLOURS, wide),
    }
    down, up = [], []
    for level in range(config.levels):
        blocks = []
        for _ in range(config.blocks):
            blocks.append(_init_block(config, keys, wide, level))
            wide = config.features(level)
            skips.append(wide)
        down.append({"blocks": blocks})
        if level + 1 < config.levels:
            down[-1]["sample"] = init_conv(next(keys), 3, wide, wide)
            skips.append(wide)
    middle = _init_middle(config, keys, wide)
    for level in reversed(range(config.levels)):
        blocks = []
        for _ in range(config.blocks + 1):
            blocks.append(_init_block(config, keys, wide + skips.pop(), level))
            wide = config.features(level)
        up.append({"blocks": blocks})
        if level:
            up[-1]["sample"] = init_conv(next(keys), 3, wide, wide)
    head = {"norm": init_norm(wide), "conv": init_conv(next(keys), 3, wide, COLOURS)}
    return {**first, "down": down, "middle": middle, "up": up, "head": head}


def _init_block(config: UNetConfig, keys: Iterator[jax.Array], width: int, level: int) -> Tree:
    after = config.features(level)
    block = {"residual": _init_residual(config, keys, width, after)}
    return {**block, "attention": _init_attention(config, keys, after)} if level >= config.attention_from else block


def _init_middle(config: UNetConfig, keys: Iterator[jax.Array], width: int) -> Tree:
    return {
        "first": _init_residual(config, keys, width, width),
        "attention": _init_attention(config, keys, width),
        "second": _init_residual(config, keys, width, width),
    }


def _init_residual(config: UNetConfig, keys: Iterator[jax.Array], width: int, after: int) -> Tree:
    block = {
        "norm1": init_norm(width),
        "conv1": init_conv(next(keys), 3, width, after),
        "time": init_dense(next(keys), config.time_features, after),
        "norm2": init_norm(after),
        "conv2": init_conv(next(keys), 3, after, after),
    }
    return block if width == after else {**block, "shortcut": init_conv(next(keys), 1, width, after)}


def _init_attention(config: UNetConfig, keys: Iterator[jax.Array], width: int) -> Tree:
    heads, size, scale = config.heads, width // config.heads, width**-0.5
    return {
        "norm": init_norm(width),
        # Without a bias: that of the keys shifts all scores alike, so its gradient would be rounding alone.
        "qkv": {"w": scale * jax.random.normal(next(keys), (width, 3, heads, size))},
        "out": {"w": scale * jax.random.normal(next(keys), (heads, size, width)), "b": jnp.zeros((width,))},
    }


def _residual(config: UNetConfig, weights: Tree, x: jax.Array, time: jax.Array) -> jax.Array:
    """Returns a residual block of `x` (batch, height, width, features); `time` (batch, time features)."""
    y = conv(weights["conv1"], jax.nn.silu(group_norm(weights["norm1"], x, config.groups)))
    y = y + dense(weights["time"], jax.nn.silu(time))[:, None, None, :]
    y = conv(weights["conv2"], jax.nn.silu(group_norm(weights["norm2"], y, config.groups)))
    return y + (conv(weights["shortcut"], x) if "shortcut" in weights else x)


def _attention(config: UNetConfig, weights: Tree, x: jax.Array) -> jax.Array:
    """Returns self-attention over all places of `x` (batch, height, width, features), added to it."""
    batch, height, width, features = x.shape
    dtype, tokens = x.dtype, (batch, height * width, features)
    y = group_norm(weights["norm"], x, config.groups).reshape(tokens)
    q, k, v = split_qkv(jnp.einsum("bsd,dchk->cbshk", y, weights["qkv"]["w"].astype(dtype)))
    scores = jnp.einsum("bshk,bthk->bhst", q, k).astype(jnp.float32) * (features // config.heads) ** -0.5
    mixed = jnp.einsum("bhst,bthk->bshk", softmax(scores).astype(dtype), v)
    out = jnp.einsum("bshk,hkd->bsd", mixed, weights["out"]["w"].astype(dtype)) + weights["out"]["b"].astype(dtype)
    total: jax.Array = x + out.reshape(x.shape)
    return total


def _block(config: UNetConfig, weights: Tree, x: jax.Array, time: jax.Array) -> jax.Array:
    """Returns a residual block of `x` and the attention that follows it, if any."""

    def run(weights: Tree, x: jax.Array, time: jax.Array) -> jax.Array:
        x = _residual(config, weights["residual"], x, time)
        return _attention(config, weights["attention"], x) if "attention" in weights else x

    out: jax.Array = (jax.checkpoint(run) if config.remat else run)(weights, x, time)
    return out


def _double(x: jax.Array) -> jax.Array:
    """Returns `x` (batch, height, width, features) with every place repeated to two by two."""
    batch, height, width, features = x.shape
    wide = jnp.broadcast_to(x[:, :, None, :, None], (batch, height, 2, width, 2, features))
    return wide.reshape(batch, 2 * height, 2 * width, features)


def _embed_time(config: UNetConfig, weights: Tree, time: jax.Array) -> jax.Array:
    """Returns the embedding of `time` float32 (batch,): (batch, time features) of the compute dtype."""
    half = config.channels // 2
    rates = jnp.exp(jnp.arange(half, dtype=jnp.float32) * (-math.log(LONGEST_PERIOD) / half))
    angles = time[:, None] * LONGEST_PERIOD * rates
    waves = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=1).astype(config.compute_dtype)
    return dense(weights["out"], jax.nn.silu(dense(weights["in"], waves)))


def predict(config: UNetConfig, params: Tree, images: jax.Array, time: jax.Array) -> jax.Array:
    """Returns the noise seen in `images` (batch, image, image, 3) at `time` float32 (batch,), of their shape."""
    time = _embed_time(config, params["time"], time)
    x = conv(params["stem"], images)
    skips = [x]
    for level in params["down"]:
        for weights in level["blocks"]:
            x = _block(config, weights, x, time)
            skips.append(x)
        if "sample" in level:
            x = conv(level["sample"], x, stride=2)
            skips.append(x)
    middle = params["middle"]
    x = _block(config, {"residual": middle["first"], "attention": middle["attention"]}, x, time)
    x = _block(config, {"residual": middle["second"]}, x, time)
    for level in params["up"]:
        for weights in level["blocks"]:
            x = _block(config, weights, jnp.concatenate([x, skips.pop()], axis=3), time)
        if "sample" in level:
            x = conv(level["sample"], _double(x))
    return conv(params["head"]["conv"], jax.nn.silu(group_norm(params["head"]["norm"], x, config.groups)))


def loss(config: UNetConfig, params: Tree, batch: Tree) -> jax.Array:
    """Returns the mean squared error of the predicted noise, a float32 scalar.

    At time t in (0, 1) an image is cos(πt/2) of itself and sin(πt/2) of noise.
    """
    angle = (math.pi / 2) * batch["time"][:, None, None, None]
    mixed = jnp.cos(angle) * batch["images"] + jnp.sin(angle) * batch["noise"]
    predicted = predict(config, params, mixed.astype(config.compute_dtype), batch["time"])
    return mean_square(predicted - batch["noise"])


def draw_batch(config: UNetConfig, key: jax.Array) -> Tree:
    """Draws ``{"images", "noise", "time"}``: (batch, image, image, 3) of the compute dtype, float32 (batch,).

    Images are smooth waves.
    """
    for_images, for_noise, for_time = jax.random.split(key, 3)
    shape = (config.batch, config.image, config.image, COLOURS)
    phases = jax.random.uniform(for_images, (config.batch, 1, 1, COLOURS), maxval=2 * math.pi)
    waves = jnp.sin(phases + jnp.arange(config.image)[None, None, :, None] / 4)
    return {
        "images": jnp.broadcast_to(waves, shape).astype(config.compute_dtype),
        "noise": jax.random.normal(for_noise, shape, config.compute_dtype),
        "time": jax.random.uniform(for_time, (config.batch,)),
    }


def step(preset: str = "full", **overrides: Any) -> Step:
    """Returns the training step of a preset ("full" or "tiny"); keywords override fields of `UNetConfig`.

    Raises:
        ValueError: an unknown preset or field, or a value that does not fit.
    """
    config = configure(PRESETS, preset, overrides)
    return training_step(
        init=lambda key: init_params(config, key),
        loss=lambda params, batch: loss(config, params, batch),
        draw_batch=lambda key: draw_batch(config, key),
    )
