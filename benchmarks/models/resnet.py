"""ResNet-50 and its kin: an image classifier of bottleneck blocks with batch norm (arXiv 1512.03385).

Norms use the statistics of the batch. The running averages that inference would use are no part of the step:
nothing in training reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import jax
import jax.numpy as jnp

from autopart.benchmarks.models.layers import batch_norm, convolve, dense, init_dense, init_kernel, init_norm
from autopart.benchmarks.models.losses import cross_entropy
from autopart.benchmarks.models.presets import check_positive, configure
from autopart.benchmarks.models.training import Tree, training_step
from autopart.program.step import Step

BLOCKS: Final = MappingProxyType({14: (1, 1, 1, 1), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)})
"""Depth by name -> blocks of each stage."""

EXPANSION = 4
"""Features that a block gives, over those inside it."""


@dataclass(frozen=True)
class ResNetConfig:
    """Sizes of the model and of its batch.

    Attributes:
        depth: layers with weights, one of `BLOCKS`.
        width: features inside the blocks of the first stage; every stage doubles them.
        image: height and width of an image.
        classes: kinds of images.
        batch: images a step.
        compute_dtype: dtype of activations; parameters, optimizer state, norms and loss are float32.

    Raises:
        ValueError: a size is below 1, or the depth is none of `BLOCKS`.
    """

    depth: int = 50
    width: int = 64
    image: int = 224
    classes: int = 1000
    batch: int = 2048
    compute_dtype: str = "bfloat16"

    def __post_init__(self) -> None:
        check_positive(self, ("width", "image", "classes", "batch"))
        if self.depth not in BLOCKS:
            raise ValueError(f"field 'depth' must be one of {', '.join(map(str, BLOCKS))}, not {self.depth}")

    def stages(self) -> list[tuple[int, int, int]]:
        """(blocks, features before the stage, features inside its blocks) of each stage."""
        inside = [self.width << stage for stage in range(len(BLOCKS[self.depth]))]
        before = [self.width, *(EXPANSION * features for features in inside[:-1])]
        return list(zip(BLOCKS[self.depth], before, inside, strict=True))


PRESETS: Final = MappingProxyType(
    {
        "full": ResNetConfig(),
        "tiny": ResNetConfig(depth=14, width=8, image=32, classes=16, batch=16, compute_dtype="float32"),
    }
)
"""Configurations by name."""


def init_params(config: ResNetConfig, key: jax.Array) -> Tree:
    """Draws ``{"stem", "stages": [[block, ...], ...], "head"}``, float32.

    A block has ``reduce``, ``conv``, ``expand`` and, where its features change, ``shortcut``; each, like
    ``stem``, is a kernel ``w`` and a ``norm``. Kernels are (window, window, features in, features out).
    """
    for_stem, for_head, for_stages = jax.random.split(key, 3)
    stages = []
    for (blocks, before, inside), stage_key in zip(config.stages(), jax.random.split(for_stages, 4), strict=True):
        after = EXPANSION * inside
        widths = [before, *[after] * (blocks - 1)]
        keys = jax.random.split(stage_key, blocks)
        stages.append([_init_block(k, width, inside) for k, width in zip(keys, widths, strict=True)])
    return {
        "stem": _init_conv_norm(for_stem, 7, 3, config.width),
        "stages": stages,
        "head": init_dense(for_head, after, config.classes),
    }


def _init_conv_norm(key: jax.Array, window: int, width: int, after: int) -> Tree:
    return {"w": init_kernel(key, window, width, after), "norm": init_norm(after)}


def _init_block(key: jax.Array, width: int, inside: int) -> Tree:
    after = EXPANSION * inside
    for_reduce, for_conv, for_expand, for_shortcut = jax.random.split(key, 4)
    block = {
        "reduce": _init_conv_norm(for_reduce, 1, width, inside),
        "conv": _init_conv_norm(for_conv, 3, inside, inside),
        "expand": _init_conv_norm(for_expand, 1, inside, after),
    }
    return block if width == after else {**block, "shortcut": _init_conv_norm(for_shortcut, 1, width, after)}


def _conv_norm(weights: Tree, x: jax.Array, stride: int = 1) -> jax.Array:
    return batch_norm(weights["norm"], convolve(weights["w"], x, stride))


def _block(weights: Tree, x: jax.Array, stride: int) -> jax.Array:
    """Returns a bottleneck block of `x` (batch, height, width, features)."""
    y = jax.nn.relu(_conv_norm(weights["reduce"], x))
    y = jax.nn.relu(_conv_norm(weights["conv"], y, stride))
    y = _conv_norm(weights["expand"], y)
    return jax.nn.relu(y + (_conv_norm(weights["shortcut"], x, stride) if "shortcut" in weights else x))


def logits(config: ResNetConfig, params: Tree, images: jax.Array) -> jax.Array:
    """Returns the scores of `images` (batch, image, image, 3): float32 (batch, classes)."""
    x = jax.nn.relu(_conv_norm(params["stem"], images.astype(config.compute_dtype), 2))
    x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")
    for stage, blocks in enumerate(params["stages"]):
        for place, weights in enumerate(blocks):
            x = _block(weights, x, 2 if stage > 0 and place == 0 else 1)
    return dense(params["head"], jnp.mean(x.astype(jnp.float32), (1, 2)))


def loss(config: ResNetConfig, params: Tree, batch: Tree) -> jax.Array:
    """Returns the mean cross entropy of the labels, a float32 scalar."""
    return cross_entropy(logits(config, params, batch["images"]), batch["labels"])


def draw_batch(config: ResNetConfig, key: jax.Array) -> Tree:
    """Draws ``{"images", "labels"}``: (batch, image, image, 3) of the compute dtype and int32 (batch,).

    Images are noise over stripes whose number follows the label.
    """
    for_labels, for_noise = jax.random.split(key)
    labels = jax.random.randint(for_labels, (config.batch,), 0, config.classes, dtype=jnp.int32)
    places = jnp.arange(config.image) / config.image
    stripes = jnp.sin(labels[:, None] * places)[:, None, :, None]
    noise = jax.random.normal(for_noise, (config.batch, config.image, config.image, 3))
    return {"images": (0.1 * noise + stripes).astype(config.compute_dtype), "labels": labels}


def step(preset: str = "full", **overrides: Any) -> Step:
    """Returns the training step of a preset ("full" or "tiny"); keywords override fields of `ResNetConfig`.

    Raises:
        ValueError: an unknown preset or field, or a value that does not fit.
    """
    config = configure(PRESETS, preset, overrides)
    return training_step(
        init=lambda key: init_params(config, key),
        loss=lambda params, batch: loss(config, params, batch),
        draw_batch=lambda key: draw_batch(config, key),
    )
