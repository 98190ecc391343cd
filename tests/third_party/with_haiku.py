"""Haiku: parameters are dictionaries whose keys are paths themselves."""

from __future__ import annotations

from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp
import optax

from tests.third_party.optimise import training_step
from tests.third_party.proof import Program, program


def lstm() -> Program:
    """An LSTM unrolled by a scan, with Adagrad."""

    def forward(series: Any) -> Any:
        core = hk.LSTM(16)
        outputs, _ = hk.dynamic_unroll(core, series, core.initial_state(series.shape[1]))
        return hk.Linear(8)(outputs[-1])

    model, optimizer = hk.without_apply_rng(hk.transform(forward)), optax.adagrad(1e-1)
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
        x = hk.Conv2D(8, 3, data_format="NHWC")(images)
        x = jax.nn.relu(hk.BatchNorm(True, True, 0.9)(x, is_training=True))
        x = hk.MaxPool((2, 2, 1), (2, 2, 1), "SAME")(x)
        return hk.Linear(8)(hk.Flatten()(hk.DepthwiseConv2D(2, 3)(x)))

    model, optimizer = hk.without_apply_rng(hk.transform_with_state(forward)), optax.novograd(1e-2)
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
