"""What works along one dimension in order: sorts, cumulative ops, positions of extremes."""

from __future__ import annotations

import math

from autopart.benchmarks.fuzz.variable import Variable, epsilon
from autopart.benchmarks.fuzz.writer import Writer


def order(w: Writer) -> Variable:
    """Sorts and positions of extremes, of what is exact."""
    x = w.pick(lambda v: v.rank >= 1 and v.exact and v.kind in ("float", "int"))
    dim = w.integer(0, x.rank)
    choice = w.integer(0, 6)
    if choice == 0:
        return w.emit(f"jnp.sort({x.name}, {dim})", x.size)
    if choice == 1:
        return w.emit(f"jnp.argsort({x.name}, {dim})")
    if choice == 2:
        return w.emit(f"{w.choice(('jnp.argmax', 'jnp.argmin'))}({x.name}, {dim})")
    if choice == 3:
        count = w.integer(1, min(x.shape[-1], 4) + 1)
        return w.emit_all((), f"lax.top_k({x.name}, {count})", 2, x.size)[0]
    y = w.choice([v for v in w.pool if not v.is_key and v.shape == x.shape and v.kind != "complex"])
    keys = w.integer(1, 3) if y.exact else 1
    text = f"lax.sort(({x.name}, {y.name}), dimension={dim}, num_keys={keys}, is_stable=True)"
    return w.emit_all((), text, 2, max(x.size, y.size), y.noise)[1]


def cumulative(w: Writer) -> Variable:
    """Running sums, extremes and products."""
    x = w.pick(lambda v: v.rank >= 1 and v.kind in ("float", "int"))
    dim = w.integer(0, x.rank)
    turned = w.choice(("", ", reverse=True"))
    name = "cumsum" if w.smooth else w.choice(("cumsum", "cummax", "cummin", "cumprod" if x.is_int else "cumlogsumexp"))
    text = f"lax.{name}({x.name}, {dim}{turned})"
    if name in ("cummax", "cummin"):
        return w.emit(text, x.size, x.noise)
    terms = x.shape[dim]
    size = 1.5 * x.size * math.sqrt(terms) if name == "cumsum" else x.size + math.log(terms)
    return w.emit(text, size, terms * x.noise + 4 * epsilon(x.dtype) * size)
