"""Equinox: models are trees with static fields; the arrays of them are the step's argument."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

from tests.third_party.optimise import training_step
from tests.third_party.proof import Program, program


def _program(model: Any, optimizer: Any, loss: Any, data: dict[str, Any], tiles: dict[str, int]) -> Program:
    """A step over the arrays of ``model``; ``loss`` takes the whole model."""
    params, static = eqx.partition(model, eqx.is_inexact_array)

    def whole(params: Any, *batch: Any) -> Any:
        return loss(eqx.combine(params, static), *batch)

    def step(params: Any, state: Any, batch: Any) -> Any:
        return training_step(whole, optimizer)(params, state, *batch.values())

    args = (params, optimizer.init(params), data)
    return program(step, args, (0, 1), tuple(f"batch/{name}" for name in data), tiles)


def mlp() -> Program:
    """A perceptron with Muon, whose Newton-Schulz iterations multiply the gradients."""
    model = eqx.nn.MLP(16, 8, 32, 2, key=jax.random.key(0))
    data = {"x": jax.random.normal(jax.random.key(1), (8, 16)), "y": jnp.ones((8, 8))}

    def loss(model: Any, x: Any, y: Any) -> Any:
        return jnp.mean((jax.vmap(model)(x) - y) ** 2)

    return _program(model, optax.contrib.muon(1e-2), loss, data, {"params/layers/0/*": 0})


class Block(eqx.Module):
    """Attention over a sequence, normalised, with a convolution along it."""

    norm: eqx.nn.LayerNorm
    attend: eqx.nn.MultiheadAttention
    conv: eqx.nn.Conv1d
    name: str = eqx.field(static=True)

    def __call__(self, x: Any) -> Any:
        normal = jax.vmap(self.norm)(x)
        mixed = x + self.attend(normal, normal, normal)
        return self.conv(mixed.T).T


def attention() -> Program:
    """Attention with NAdam."""
    keys = jax.random.split(jax.random.key(0))
    attend = eqx.nn.MultiheadAttention(4, 16, key=keys[0])
    model = Block(eqx.nn.LayerNorm(16), attend, eqx.nn.Conv1d(16, 16, 3, padding=1, key=keys[1]), "block")
    data = {"x": jax.random.normal(jax.random.key(1), (8, 4, 16))}

    def loss(model: Any, x: Any) -> Any:
        return jnp.mean(jax.vmap(model)(x) ** 2)

    tiles = {"params/attend/*proj/weight": 0}
    return _program(model, optax.nadam(1e-2), loss, data, tiles)


def gru() -> Program:
    """A gated recurrent unit under ``lax.scan``, with gradients clipped by their norm."""
    cell = eqx.nn.GRUCell(8, 16, key=jax.random.key(0))
    data = {"x": jax.random.normal(jax.random.key(1), (8, 5, 8))}

    def run(cell: Any, series: Any) -> Any:
        return jax.lax.scan(lambda h, x: (cell(x, h), None), jnp.zeros(16), series)[0]

    def loss(cell: Any, x: Any) -> Any:
        return jnp.mean(jax.vmap(lambda series: run(cell, series))(x) ** 2)

    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-2))
    return _program(cell, optimizer, loss, data, {"params/weight_ih": 0})
