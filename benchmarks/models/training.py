"""Training steps with AdamW, abstract until real inputs are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import jax

from autopart.program.step import Step
from autopart.search.extras import extra

with extra("zoo", "a train step of the zoo"):
    import optax

Tree: TypeAlias = Any
"""A pytree of arrays, or of `jax.ShapeDtypeStruct`."""

LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.1


def fast_key(seed: int) -> jax.Array:
    """Returns a random key whose draws compile in a fraction of the time that the default kind's take."""
    return jax.random.key(seed, impl="unsafe_rbg")


def training_step(
    init: Callable[[jax.Array], Tree],
    loss: Callable[[Tree, Tree], jax.Array],
    draw_batch: Callable[[jax.Array], Tree],
) -> Step:
    """Returns the step ``train_step(params, opt_state, batch) -> (params, opt_state, loss)``.

    `init` draws parameters from a random key, `draw_batch` a batch; `loss` takes both and returns a
    float32 scalar. Nothing is materialised: arguments are shapes, and only ``inputs(seed)`` draws real
    ones, parameters, optimizer state after one step (so that its moments are not zero), and a fresh
    batch. Parameters and optimizer state are donated.
    """
    optimizer = optax.adamw(LEARNING_RATE, weight_decay=WEIGHT_DECAY)

    def train_step(params: Tree, opt_state: Tree, batch: Tree) -> tuple[Tree, Tree, jax.Array]:
        value, gradients = jax.value_and_grad(loss)(params, batch)
        updates, opt_state = optimizer.update(gradients, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, value

    def inputs(seed: int) -> tuple[Tree, Tree, Tree]:
        for_params, for_first, for_batch = jax.random.split(fast_key(seed), 3)
        params, draw = jax.jit(init)(for_params), jax.jit(draw_batch)
        opt_state = jax.jit(optimizer.init)(params)
        params, opt_state, _ = jax.jit(train_step)(params, opt_state, draw(for_first))
        return params, opt_state, draw(for_batch)

    key = jax.eval_shape(lambda: jax.random.key(0))
    params = jax.eval_shape(init, key)
    args = (params, jax.eval_shape(optimizer.init, params), jax.eval_shape(draw_batch, key))
    return Step(fn=train_step, args=args, donate_argnums=(0, 1), inputs=inputs)
