"""Products, and what sums along dimensions."""

from __future__ import annotations

import math

import numpy as np

from autopart.benchmarks.fuzz.variable import Variable, epsilon
from autopart.benchmarks.fuzz.writer import NoFitError, Writer

_FLOAT = ("jnp.sum({0}, {1})", "jnp.max({0}, {1})", "jnp.min({0}, {1})", "jnp.mean({0}, {1})",
          "jnp.prod(1.0 + 0.1 * lax.tanh({0}), {1})", "jax.nn.logsumexp({0}, {1})")  # fmt: skip
_SMOOTH = ("jnp.sum({0}, {1})", "jnp.mean({0}, {1})", "jax.nn.logsumexp({0}, {1})")
_INT = ("jnp.sum({0}, {1})", "jnp.max({0}, {1})", "jnp.min({0}, {1})", "jnp.prod({0}, {1})", "lax.reduce_or({0}, {1})",
        "lax.reduce_and({0}, {1})", "lax.reduce_xor({0}, {1})",
        "jnp.sum({0}, {1}, dtype={0}.dtype)")  # fmt: skip
_BOOL = ("jnp.any({0}, {1})", "jnp.all({0}, {1})", "jnp.sum({0}, {1})", "lax.reduce_xor({0}, {1})")


def product_trust(a: Variable, b: Variable, terms: int) -> tuple[float, float]:
    """Size and noise of sums of that many products."""
    root = math.sqrt(terms)
    size = 0.7 * a.size * b.size * root
    return size, root * (a.size * b.noise + b.size * a.noise) + 2 * epsilon(a.dtype) * size


def dot(w: Writer) -> Variable:
    """A product over one dimension, with batch dimensions where they fit."""
    a = w.pick(lambda v: v.kind in ("float", "int", "complex") and v.rank >= 1)
    sizes = set(a.shape)
    b = w.pick(lambda v: v.dtype == a.dtype and bool(sizes & set(v.shape)))
    pairs = [(i, j) for i in range(a.rank) for j in range(b.rank) if a.shape[i] == b.shape[j]]
    contract = w.choice(pairs)
    rest = [p for p in pairs if p[0] != contract[0] and p[1] != contract[1]]
    batch = [w.choice(rest)] if rest and w.chance(0.5) else []
    if a.rank + b.rank - 2 - len(batch) > 4:
        raise NoFitError
    numbers = (((contract[0],), (contract[1],)), (tuple(i for i, _ in batch), tuple(j for _, j in batch)))
    size, noise = product_trust(a, b, a.shape[contract[0]])
    wide = a.is_int and np.dtype(a.dtype).itemsize == 1 and w.chance(0.5)
    kind = ", preferred_element_type=jnp.int32" if wide else ""
    return w.emit(f"lax.dot_general({a.name}, {b.name}, {numbers}{kind})", size, noise)


def dense(w: Writer) -> Variable:
    """A product with a new weight, perhaps with a bias."""
    x = w.pick(lambda v: v.is_float and v.rank >= 2)
    wide = w.choice([s for s in w.script.sizes if s > 1])
    weight = w.input(x.dtype, (x.shape[-1], wide))
    size, noise = product_trust(x, weight, x.shape[-1])
    if w.chance(0.5):
        bias = w.input(x.dtype, (wide,))
        return w.emit(f"{x.name} @ {weight.name} + {bias.name}", size + 3.0, w.rounded(x.dtype, size + 3.0, noise))
    return w.emit(f"{x.name} @ {weight.name}", size, noise)


def chain(w: Writer) -> Variable:
    """A sum of two products, which may be carried on as partial sums."""
    first = w.pick(lambda v: v.is_float and v.rank == 2)
    second = w.choice([v for v in w.pool if not v.is_key and v.dtype == first.dtype and v.shape == first.shape])
    wide = w.choice([s for s in w.script.sizes if s > 1])
    one, two = (w.input(first.dtype, (first.shape[1], wide)) for _ in range(2))
    sizes, noises = zip(*(product_trust(x, y, first.shape[1]) for x, y in ((first, one), (second, two))), strict=True)
    text = f"{first.name} @ {one.name} + {second.name} @ {two.name}"
    return w.emit(text, sum(sizes), w.rounded(first.dtype, sum(sizes), *noises))


def dims_of(w: Writer, x: Variable) -> tuple[int, ...]:
    """Some dimensions of a value, at least one."""
    count = w.integer(1, min(x.rank, 2) + 1)
    return tuple(sorted(int(d) for d in w.rng.choice(x.rank, count, replace=False)))


def reduce(w: Writer) -> Variable:
    """A reduction by one of the monoids."""
    x = w.pick(lambda v: v.rank >= 1 and (v.is_float or not w.smooth))
    dims = dims_of(w, x)
    if x.is_bool:
        return w.emit(w.choice(_BOOL).format(x.name, dims))
    if x.is_int:
        return w.emit(w.choice(_INT).format(x.name, dims))
    terms = math.prod(x.shape[d] for d in dims)
    text = "jnp.sum({0}, {1})" if x.kind == "complex" else w.choice(_SMOOTH if w.smooth else _FLOAT)
    if text.startswith("jnp.sum"):
        size = 1.5 * x.size * math.sqrt(terms)
        noise = x.noise * terms + 2 * epsilon(x.dtype) * size
        return w.emit(text.format(x.name, dims), size, noise)
    if text.startswith(("jnp.max", "jnp.min")):
        return w.emit(text.format(x.name, dims), x.size, x.noise)
    size = x.size if "mean" in text else x.size + math.log(terms) if "log" in text else 1.1**terms
    if size > 100:
        raise NoFitError
    return w.emit(text.format(x.name, dims), size, w.rounded(x.dtype, 3 * size, x.noise * (1 if terms < 9 else 2)))


def by_function(w: Writer) -> Variable:
    """``lax.reduce`` by a function, over exact integers or by a maximum."""
    x = w.pick(lambda v: v.rank >= 1 and (v.is_int or v.is_float))
    dims = dims_of(w, x)
    if x.is_float:
        text = f"lax.reduce({x.name}, np.array(-9, {x.name}.dtype), lax.max, {dims})"
        return w.emit(text, max(x.size, 9.0), x.noise)
    function = w.choice(("lax.add", "lax.bitwise_xor", "lambda a, b: a + b + a * b"))
    return w.emit(f"lax.reduce({x.name}, np.array(0, {x.name}.dtype), {function}, {dims})")


def normalise(w: Writer) -> Variable:
    """Softmax and layer normalisation."""
    x = w.pick(lambda v: v.is_float and v.rank >= 1)
    dim = w.integer(0, x.rank)
    if w.chance(0.5):
        return w.emit(f"jax.nn.softmax({x.name}, {dim})", 1.0, w.rounded(x.dtype, 4.0, x.noise))
    middle = f"({x.name} - jnp.mean({x.name}, {dim}, keepdims=True))"
    text = f"{middle} * lax.rsqrt(1.0 + jnp.mean({middle} ** 2, {dim}, keepdims=True))"
    return w.emit(text, x.size, w.rounded(x.dtype, 4.0 * x.size, 3 * x.noise))
