"""Haiku: parameters are dictionaries whose keys are paths themselves."""

from __future__ import annotations

from typing import Any, cast

import haiku as hk
import jax
import jax.numpy as jnp
import optax

from tests.third_party.optimise import training_step
from tests.third_party.proof import Program, program


def lstm() -> Program:
    """An LSTM unrolled by a scan, with Adagrad."""

    def forward(series: Any) -> Any:
        core, unroll = hk.LSTM(16), cast("Any", hk.dynamic_unroll)
        outputs, _ = unroll(core, series, core.initial_state(series.shape[1]))
        return hk.Linear(8)(outputs[-1])

    model: Any = hk.without_apply_rng(hk.transform(forward))
    optimizer = optax.adagrad(1e-1)
    series = jax.random.normal(jax.random.key(0), (5, 8, 8))
    params = model.init(jax.random.key(1), series)

    def loss(params: Any, series: Any, target: Any) -> Any:
        return jnp.mean((model.apply(params, series) - target) ** 2)

    def step(params: Any, state: Any, series: Any, target: Any) -> Any:
        return training_step(loss, optimizer)(params, state, series, target)

    args = (params, optimizer.init(params), series, jnp.ones((8, 8)))
    return program(step, args, (0, 1), ("target",), {"params/linear/w": 1})


def cnn() -> Program:
    """Convolutions with running statistics and max pooling, with Novograd."""

    def forward(images: Any) -> Any:
        x = hk.Conv2D(8, 3, with_bias=False)(images)
        x = jax.nn.relu(hk.BatchNorm(True, True, 0.9)(x, is_training=True))
        x = hk.MaxPool((2, 2, 1), (2, 2, 1), "SAME")(x)
        return hk.Linear(8)(hk.Flatten()(hk.Conv2D(4, 3, stride=2)(x)))

    model: Any = hk.without_apply_rng(hk.transform_with_state(forward))
    optimizer = optax.novograd(1e-2)
    images = jax.random.normal(jax.random.key(0), (8, 8, 8, 4))
    params, running = model.init(jax.random.key(1), images)

    def step(params: Any, running: Any, state: Any, images: Any) -> Any:
        def loss(params: Any) -> Any:
            out, changed = model.apply(params, running, images)
            return jnp.mean(out**2), changed

        (value, changed), gradients = jax.value_and_grad(loss, has_aux=True)(params)
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), changed, state, value

    args = (params, running, optimizer.init(params), images)
    return program(step, args, (0, 1, 2), ("images",), {"params/conv2_d/w": 3})
