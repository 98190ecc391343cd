"""What is measured: programs of the zoo and small ones, and the sets of analyses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any, Final

import jax
import jax.numpy as jnp

from autopart.benchmarks.schedules import EXPERTS
from autopart.benchmarks.search.cases import DEVICES
from autopart.costmodel.mesh import Mesh
from autopart.game.pruning.analyses import EVERY_ANALYSIS, NO_ANALYSIS, Analyses
from autopart.partitioning.problem import Problem
from autopart.program.trace import trace, trace_step

MODELS: Final = ("t32", "moe", "unet")
"""Models of the zoo, on 16 x 2 devices."""

SMALL: Final = ("dense", "chain")
"""Programs whose tree can be walked to its end, on four devices."""

SETS: Final[Mapping[str, Analyses]] = MappingProxyType(
    {
        "all": EVERY_ANALYSIS,
        **{f"without {field.name}": replace(EVERY_ANALYSIS, **{field.name: False}) for field in fields(Analyses)},
        "none": NO_ANALYSIS,
    }
)
"""All analyses, each off alone, none."""


def problem_of(name: str, preset: str) -> Problem:
    """A program on its mesh."""
    if name in SMALL:
        fn, args = _SMALL[name]
        return Problem.of(trace(fn, *args, donate_argnums=(0,)), Mesh({"data": 4}, "tpu_v3"))
    axes = {"batch": 16, "model": 2} if preset == "full" else {"batch": 4, "model": 2}
    return Problem.of(trace_step(EXPERTS[name][0](preset)), Mesh(axes, DEVICES.get(name, "tpu_v3")))


def _array(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.dtype("float32"))


def _dense(params: Any, x: Any) -> Any:
    """A step of gradient descent of two layers."""

    def loss(params: Any) -> Any:
        return jnp.sum(jnp.tanh(x @ params["up"]) @ params["down"])

    return jax.tree.map(lambda p, g: p - 0.1 * g, params, jax.grad(loss)(params))


def _chain(params: Any, x: Any) -> Any:
    """The same of a stack of square layers."""

    def loss(params: Any) -> Any:
        y = x
        for weights in params:
            y = jnp.tanh(y @ weights)
        return jnp.sum(y)

    return jax.tree.map(lambda p, g: p - 0.1 * g, params, jax.grad(loss)(params))


_SMALL: Final[Mapping[str, tuple[Callable[..., Any], tuple[Any, ...]]]] = MappingProxyType(
    {
        "dense": (_dense, ({"up": _array(1024, 4096), "down": _array(4096, 1024)}, _array(4096, 1024))),
        "chain": (_chain, ([_array(1024, 1024)] * 3, _array(4096, 1024))),
    }
)
