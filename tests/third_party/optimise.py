"""A training step over any tree of parameters and any optax optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import optax


def training_step(loss: Callable[..., Any], optimizer: Any) -> Callable[..., Any]:
    """``(params, state, *batch) -> (params, state, loss)`` for ``loss(params, *batch)``."""

    def step(params: Any, state: Any, *batch: Any) -> Any:
        value, gradients = jax.value_and_grad(loss)(params, *batch)
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, value

    return step
