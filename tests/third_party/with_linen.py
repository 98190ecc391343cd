"""Flax linen: a convolutional network with batch statistics, a transformer with dropout, a recurrent network."""

from __future__ import annotations

from typing import Any, cast

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from tests.third_party.optimise import training_step
from tests.third_party.proof import Program, program


class Convolutions(nn.Module):
    """Two convolutions, one normalised over the batch, and a classifier."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.relu(nn.BatchNorm(use_running_average=False)(nn.Conv(8, (3, 3), use_bias=False)(x)))
        x = cast("Any", nn.avg_pool)(x, (2, 2), (2, 2))
        x = nn.GroupNorm(num_groups=2)(nn.gelu(nn.Conv(16, (3, 3), strides=(2, 2), use_bias=False)(x)))
        return nn.Dense(8)(x.reshape(x.shape[0], -1))


class Block(nn.Module):
    """Attention and a feed-forward layer over tokens."""

    @nn.compact
    def __call__(self, tokens: Any) -> Any:
        x = nn.Embed(32, 16)(tokens)
        mask = nn.make_causal_mask(tokens)
        attend = nn.MultiHeadDotProductAttention(4, dropout_rate=0.1, deterministic=False, use_bias=False)
        x = x + attend(nn.LayerNorm()(x), mask=mask)
        hidden = nn.Dropout(0.1, deterministic=False)(nn.gelu(nn.Dense(32)(nn.RMSNorm()(x))))
        return nn.Dense(32)(x + nn.Dense(16)(hidden))


class Recurrent(nn.Module):
    """An LSTM over time."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        outputs: Any = nn.RNN(nn.OptimizedLSTMCell(16))(x)
        return nn.Dense(8)(outputs[:, -1])


def cnn() -> Program:
    """A step of stochastic gradient descent with momentum; batch statistics are carried beside the weights."""
    model = Convolutions()
    images = jax.random.normal(jax.random.key(0), (8, 8, 8, 4))
    labels = jnp.arange(8)
    variables: Any = model.init(jax.random.key(1), images)
    optimizer = optax.sgd(0.1, momentum=0.9)

    def step(params: Any, stats: Any, state: Any, images: Any, labels: Any) -> Any:
        def loss(params: Any) -> Any:
            variables = {"params": params, "batch_stats": stats}
            logits, changed = model.apply(variables, images, mutable=["batch_stats"])
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), changed["batch_stats"]

        (value, new_stats), gradients = jax.value_and_grad(loss, has_aux=True)(params)
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), new_stats, state, value

    params, stats = variables["params"], variables["batch_stats"]
    args = (params, stats, optimizer.init(params), images, labels)
    return program(step, args, (0, 1, 2), ("images", "labels"), {"params/Conv_*/kernel": 3})


def transformer() -> Program:
    """A language model's step with the Lion optimizer, with dropout from a key."""
    model, optimizer = Block(), optax.lion(1e-3)
    tokens = jax.random.randint(jax.random.key(0), (8, 8), 0, 32)
    params = model.init({"params": jax.random.key(1), "dropout": jax.random.key(2)}, tokens)["params"]

    def loss(params: Any, tokens: Any, key: Any) -> Any:
        logits: Any = model.apply({"params": params}, tokens, rngs={"dropout": key})
        return optax.softmax_cross_entropy_with_integer_labels(logits[:, :-1], tokens[:, 1:]).mean()

    def step(params: Any, state: Any, tokens: Any, key: Any) -> Any:
        return training_step(loss, optimizer)(params, state, tokens, key)

    tiles = {"params/*/query/kernel": 1, "params/*/key/kernel": 1, "params/*/value/kernel": 1, "params/Dense_0/*": -1}
    args = (params, optimizer.init(params), tokens, jax.random.key(3))
    return program(step, args, (0, 1), ("tokens",), tiles)


def lstm() -> Program:
    """A recurrent network's step with RMSProp."""
    model, optimizer = Recurrent(), optax.rmsprop(1e-2)
    series, target = jax.random.normal(jax.random.key(0), (8, 6, 8)), jnp.ones((8, 8))
    params = model.init(jax.random.key(1), series)["params"]

    def loss(params: Any, series: Any, target: Any) -> Any:
        return optax.l2_loss(model.apply({"params": params}, series), target).mean()

    def step(params: Any, state: Any, series: Any, target: Any) -> Any:
        return training_step(loss, optimizer)(params, state, series, target)

    args = (params, optimizer.init(params), series, target)
    return program(step, args, (0, 1), ("series", "target"), {"params/Dense_0/kernel": 1})
