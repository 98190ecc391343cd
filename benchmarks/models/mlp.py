"""A stack of dense layers with GELU, trained on squared error: the smallest model worth partitioning."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import jax
import jax.numpy as jnp

from autopart.benchmarks.models.presets import check_positive, configure
from autopart.benchmarks.models.training import Tree, training_step
from autopart.program.step import Step


@dataclass(frozen=True)
class MlpConfig:
    """Sizes of the model and of its batch.

    Attributes:
        layers: dense layers; GELU stands between them.
        d_model: features of input and output.
        d_hidden: features between layers.
        batch: examples a step.
        compute_dtype: dtype of activations; parameters and optimizer state are float32.

    Raises:
        ValueError: a size is below 1, or there are fewer than 2 layers.
    """

    layers: int = 4
    d_model: int = 4096
    d_hidden: int = 16384
    batch: int = 8192
    compute_dtype: str = "bfloat16"

    def __post_init__(self) -> None:
        check_positive(self, ("layers", "d_model", "d_hidden", "batch"))
        if self.layers < 2:
            raise ValueError(f"field 'layers' must be at least 2, not {self.layers}")

    @property
    def widths(self) -> tuple[int, ...]:
        """Features before each layer, and after the last."""
        return (self.d_model, *[self.d_hidden] * (self.layers - 1), self.d_model)


PRESETS: Final = MappingProxyType(
    {
        "full": MlpConfig(),
        "tiny": MlpConfig(d_model=64, d_hidden=256, batch=16, compute_dtype="float32"),
    }
)
"""Configurations by name."""


def init_params(config: MlpConfig, key: jax.Array) -> Tree:
    """Draws ``{"layers": [{"w": (in, out), "b": (out,)}, ...]}``, float32."""
    return {
        "layers": [
            {
                "w": jax.random.normal(layer_key, (width, after)) * width**-0.5,
                "b": jnp.zeros((after,)),
            }
            for layer_key, width, after in zip(
                jax.random.split(key, config.layers), config.widths[:-1], config.widths[1:], strict=True
            )
        ]
    }


def draw_batch(config: MlpConfig, key: jax.Array) -> Tree:
    """Draws ``{"x", "y"}``, both (batch, d_model) of the compute dtype; y is a smooth function of x."""
    x = jax.random.normal(key, (config.batch, config.d_model), config.compute_dtype)
    return {"x": x, "y": jnp.tanh(jnp.roll(x, 1, axis=1))}


def loss(config: MlpConfig, params: Tree, batch: Tree) -> jax.Array:
    """Returns the mean squared error, a float32 scalar, as one sum over a constant."""
    x = batch["x"]
    for place, layer in enumerate(params["layers"]):
        x = x @ layer["w"].astype(config.compute_dtype) + layer["b"].astype(config.compute_dtype)
        if place + 1 < config.layers:
            x = jax.nn.gelu(x)
    error = (x - batch["y"]).astype(jnp.float32)
    return jnp.sum(error * error) / (config.batch * config.d_model)


def step(preset: str = "full", **overrides: Any) -> Step:
    """Returns the training step of a preset ("full" or "tiny"); keywords override fields of `MlpConfig`.

    Raises:
        ValueError: an unknown preset or field, or a value that does not fit.
    """
    config = configure(PRESETS, preset, overrides)
    return training_step(
        init=lambda key: init_params(config, key),
        loss=lambda params, batch: loss(config, params, batch),
        draw_batch=lambda key: draw_batch(config, key),
    )
