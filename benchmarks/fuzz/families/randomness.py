"""Random numbers from keys."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from autopart.benchmarks.fuzz.variable import Variable
from autopart.benchmarks.fuzz.writer import Writer

# Text, about the largest result, and its noise.
_DRAWS = (
    ("jax.random.normal({0}, {1})", 3.0, 1e-6), ("jax.random.uniform({0}, {1})", 1.0, 2e-7),
    ("jax.random.bits({0}, {1})", 0.0, 0.0), ("jax.random.bits({0}, {1}, jnp.uint8)", 0.0, 0.0),
    ("jax.random.bernoulli({0}, 0.5, {1})", 0.0, 0.0), ("jax.random.randint({0}, {1}, 0, 9)", 0.0, 0.0),
    ("jax.random.truncated_normal({0}, -2.0, 2.0, {1})", 2.0, 1e-6), ("jax.random.rademacher({0}, {1})", 0.0, 0.0),
)  # fmt: skip


def _key(w: Writer) -> str:
    """A key, old or new, whole or derived."""
    found = [v for v in w.pool if v.is_key]
    key = w.choice(found) if found and w.chance(0.5) else w.input(jax.random.key(0).dtype, ())
    if key not in w.pool:
        w.pool.append(key)
    text = w.choice(("{0}", "jax.random.fold_in({0}, 3)", "jax.random.split({0})[1]"))
    return text.format(key.name)


def draw(w: Writer) -> Variable:
    """Random numbers of one distribution."""
    shape = tuple(w.choice(w.script.sizes) for _ in range(w.integer(1, 3)))
    text, size, noise = w.choice(_DRAWS)
    return w.emit(text.format(_key(w), shape), size, noise)


def dropout(w: Writer) -> Variable:
    """Some elements set to zero."""
    x = w.pick(lambda v: v.is_float and v.rank >= 1)
    text = f"jnp.where(jax.random.bernoulli({_key(w)}, 0.75, {x.name}.shape), {x.name} * 1.25, 0.0)"
    return w.emit(text, 1.25 * x.size, w.rounded(x.dtype, 1.25 * x.size, 1.25 * x.noise))


def shuffle(w: Writer) -> Variable:
    """Rows in a random order."""
    x = w.pick(lambda v: 1 <= v.rank <= 2 and jnp.issubdtype(v.dtype, jnp.number))
    return w.emit(f"jax.random.permutation({_key(w)}, {x.name})", x.size, x.noise)
