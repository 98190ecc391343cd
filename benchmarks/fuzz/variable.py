"""What the generator knows of a value: shape, dtype, and how far its numbers can be trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_EPSILON = {"float32": 1.2e-7, "complex64": 1.2e-7, "bfloat16": 4e-3, "float16": 5e-4}


@dataclass(frozen=True)
class Variable:
    """A value that a statement may read.

    Attributes:
        name: as in the text.
        shape, dtype: its type.
        size: about the largest magnitude of its elements, for floats.
        noise: about how much an element may differ when sums are taken in another order; 0 is exact.
    """

    name: str
    shape: tuple[int, ...]
    dtype: Any
    size: float = 0.0
    noise: float = 0.0

    @property
    def rank(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def exact(self) -> bool:
        """Whether it is the same bit for bit however the program is partitioned."""
        return self.noise == 0.0

    @property
    def is_key(self) -> bool:
        """Whether it holds random keys."""
        return bool(jnp.issubdtype(self.dtype, jax.dtypes.prng_key))

    @property
    def kind(self) -> str:
        """``float``, ``complex``, ``int``, ``bool`` or ``key``."""
        if self.is_key:
            return "key"
        if jnp.issubdtype(self.dtype, jnp.floating):
            return "float"
        return {"c": "complex", "b": "bool"}.get(np.dtype(self.dtype).kind, "int")

    @property
    def is_float(self) -> bool:
        """Whether it holds real floats."""
        return self.kind == "float"

    @property
    def is_int(self) -> bool:
        """Whether it holds integers."""
        return self.kind == "int"

    @property
    def is_bool(self) -> bool:
        """Whether it holds truth values."""
        return self.kind == "bool"


def epsilon(dtype: Any) -> float:
    """About the relative rounding error of a floating or complex type; 0 for others."""
    return _EPSILON.get(str(dtype), 0.0)


def dtype_text(dtype: Any) -> str:
    """The dtype as it is written in a program."""
    name = str(dtype)
    return "jnp.bool_" if name == "bool" else f"jnp.{name}"


def draw_text(dtype: Any, shape: tuple[int, ...], seed: int, low: int = -9, high: int = 10) -> str:
    """An expression that draws an array; integers lie in ``low..high-1``."""
    rng, kind = f"np.random.default_rng({seed})", Variable("", shape, dtype).kind
    if kind == "key":
        return f"jax.random.key({seed})" if shape == () else f"jax.random.split(jax.random.key({seed}), {shape})"
    if kind == "bool":
        return f"jnp.asarray({rng}.random({shape}) < 0.5)"
    if kind == "int":
        low = 0 if np.dtype(dtype).kind == "u" else low
        return f"jnp.asarray({rng}.integers({low}, {high}, {shape}), {dtype_text(dtype)})"
    if kind == "complex":
        return f"jnp.asarray({rng}.standard_normal({(*shape, 2)}) @ [1, 1j], {dtype_text(dtype)})"
    return f"jnp.asarray({rng}.standard_normal({shape}), {dtype_text(dtype)})"
