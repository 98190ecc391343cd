"""Flax nnx: the model's state, random counters and all, is an argument of the step."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from tests.third_party.proof import Program, program


def mlp() -> Program:
    """A step of Adafactor over an ``nnx.State`` of parameters; dropout keeps its counters in another."""
    rngs = nnx.Rngs(params=0, dropout=1)
    layers = (nnx.Linear(16, 32, rngs=rngs), nnx.gelu, nnx.Dropout(0.2, rngs=rngs), nnx.Linear(32, 8, rngs=rngs))
    parts: Any = nnx.split(nnx.Sequential(*layers), nnx.Param, ...)
    definition, params, rest = parts
    optimizer = optax.adafactor(1e-2, min_dim_size_to_factor=8)
    inputs, targets = jax.random.normal(jax.random.key(2), (8, 16)), jnp.ones((8, 8))

    def step(params: Any, rest: Any, state: Any, inputs: Any, targets: Any) -> Any:
        def loss(params: Any) -> Any:
            model = nnx.merge(definition, params, rest, copy=True)
            value = jnp.mean((model(inputs) - targets) ** 2)
            return value, nnx.state(model, nnx.Not(nnx.Param))

        (value, changed), gradients = jax.value_and_grad(loss, has_aux=True)(params)
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), changed, state, value

    args = (params, rest, optimizer.init(params), inputs, targets)
    return program(step, args, (0, 1, 2), ("inputs", "targets"), {"params/layers/0/*": -1})


def attention() -> Program:
    """A step of AdaBelief through attention and a normalised residual."""
    rngs = nnx.Rngs(0)

    class Mixer(nnx.Module):
        def __init__(self) -> None:
            self.norm = nnx.LayerNorm(16, rngs=rngs)
            self.attend = nnx.MultiHeadAttention(4, 16, decode=False, use_bias=False, rngs=rngs)
            self.out = nnx.Linear(16, 8, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.out(x + self.attend(self.norm(x)))

    definition, params = nnx.split(Mixer(), nnx.Param)
    optimizer = optax.adabelief(1e-2)
    inputs = jax.random.normal(jax.random.key(1), (8, 4, 16))

    def step(params: Any, state: Any, inputs: Any) -> Any:
        value, gradients = jax.value_and_grad(lambda p: jnp.mean(nnx.merge(definition, p)(inputs) ** 2))(params)
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, value

    tiles = {f"params/attend/{name}/kernel/value": 1 for name in ("query", "key", "value")}
    return program(step, (params, optimizer.init(params), inputs), (0, 1), ("inputs",), tiles)
