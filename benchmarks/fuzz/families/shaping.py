"""What only moves data about, and what makes it out of nothing."""

from __future__ import annotations

import math

from autopart.benchmarks.fuzz.variable import Variable
from autopart.benchmarks.fuzz.writer import NoFitError, Writer


def _any(w: Writer, rank: int = 1) -> Variable:
    return w.pick(lambda v: v.rank >= rank)


def _moved(w: Writer, x: Variable, text: str) -> Variable:
    """A result with the elements of ``x``."""
    return w.emit(text, x.size, x.noise)


def reshape(w: Writer) -> Variable:
    """Dimensions split and joined."""
    x = _any(w)
    shape = list(x.shape)
    for _ in range(w.integer(1, 3)):
        place = w.integer(0, len(shape))
        if len(shape) > 1 and w.chance(0.5):
            place = w.integer(0, len(shape) - 1)
            shape[place : place + 2] = [shape[place] * shape[place + 1]]
        else:
            parts = [p for p in (2, 4, 8, 3) if shape[place] % p == 0 and shape[place] > p]
            if parts and len(shape) < 5:
                part = w.choice(parts)
                split = [part, shape[place] // part]
                shape[place : place + 1] = split if w.chance(0.5) else split[::-1]
    if tuple(shape) == x.shape:
        shape = [math.prod(shape)]
    return _moved(w, x, f"{x.name}.reshape({tuple(shape)})")


def transpose(w: Writer) -> Variable:
    """Dimensions in another order."""
    x = _any(w, 2)
    return _moved(w, x, f"lax.transpose({x.name}, {tuple(int(d) for d in w.rng.permutation(x.rank))})")


def broadcast(w: Writer) -> Variable:
    """New dimensions, or the dimensions of another value."""
    x = w.pick(lambda v: v.rank <= 3)
    choice = w.integer(0, 3)
    if choice == 0:
        place, size = w.integer(0, x.rank + 1), w.choice(w.script.sizes)
        shape = (*x.shape[:place], size, *x.shape[place:])
        kept = tuple(d for d in range(len(shape)) if d != place)
        return _moved(w, x, f"lax.broadcast_in_dim({x.name}, {shape}, {kept})")
    if choice == 1:
        place = w.integer(0, x.rank + 1)
        return _moved(w, x, f"lax.expand_dims({x.name}, ({place},))")
    thin = w.pick(lambda v: 1 in v.shape)
    return _moved(w, thin, f"lax.squeeze({thin.name}, ({thin.shape.index(1)},))")


def cut(w: Writer) -> Variable:
    """A slice, with or without strides."""
    x = _any(w)
    dim = w.integer(0, x.rank)
    size = x.shape[dim]
    if size < 2:
        raise NoFitError
    begin = w.choice((0, 0, 1, size // 2))
    end = w.choice([e for e in (size, size - 1, size // 2) if e > begin])
    step = w.choice((1, 1, 1, 2))
    begins = tuple(begin if d == dim else 0 for d in range(x.rank))
    ends = tuple(end if d == dim else s for d, s in enumerate(x.shape))
    steps = tuple(step if d == dim else 1 for d in range(x.rank))
    return _moved(w, x, f"lax.slice({x.name}, {begins}, {ends}, {steps})")


def pad(w: Writer) -> Variable:
    """Edges, gaps, or edges cut away."""
    x = w.pick(lambda v: v.rank >= 1 and v.kind != "complex")
    dim = w.integer(0, x.rank)
    options = [(1, 1, 0), (0, x.shape[dim], 0), (2, 0, 0), (0, 0, 1), (4, 4, 0)]
    if x.shape[dim] > 2:
        options += [(-1, 1, 0), (-1, -1, 0)]
    config = tuple(w.choice(options) if d == dim else (0, 0, 0) for d in range(x.rank))
    value = w.choice(("0", "1"))
    return w.emit(f"lax.pad({x.name}, np.array({value}, {x.name}.dtype), {config})", max(x.size, 1.0), x.noise)


def join(w: Writer) -> Variable:
    """Several values one behind the other, or side by side."""
    x = _any(w)
    dim = w.integer(0, x.rank)

    def fits(v: Variable) -> bool:
        return v.dtype == x.dtype and v.rank == x.rank and v.shape[:dim] == x.shape[:dim] and (
            v.shape[dim + 1 :] == x.shape[dim + 1 :]
        )  # fmt: skip

    y = w.pick(fits)
    size, noise = max(x.size, y.size), max(x.noise, y.noise)
    if x.shape == y.shape and w.chance(0.4):
        return w.emit(f"jnp.stack([{x.name}, {y.name}], {w.integer(0, x.rank + 1)})", size, noise)
    return w.emit(f"lax.concatenate([{x.name}, {y.name}], {dim})", size, noise)


def turn(w: Writer) -> Variable:
    """What reverses, rolls and repeats."""
    x = _any(w)
    dim = w.integer(0, x.rank)
    text = w.choice(("lax.rev({0}, ({1},))", "jnp.roll({0}, 3, {1})", "jnp.flip({0}, {1})",
                     "jnp.repeat({0}, 2, {1})", "jnp.tile({0}, 2)", "jnp.swapaxes({0}, 0, {1})"))  # fmt: skip
    return _moved(w, x, text.format(x.name, dim))


def split(w: Writer) -> Variable:
    """Parts of equal size."""
    x = _any(w)
    dims = [d for d in range(x.rank) if x.shape[d] % 2 == 0]
    dim = w.choice(dims)
    text = f"jnp.split({x.name}, 2, {dim})"
    if x.shape[dim] == 2 and w.chance(0.5):
        text = f"jnp.unstack({x.name}, axis={dim})"
    return w.emit_all((), text, 2, x.size, x.noise)[0]


def counted(w: Writer) -> Variable:
    """Iotas of several types, masks made of them, and constants."""
    shape = tuple(w.choice(w.script.sizes) for _ in range(2))
    dim = w.integer(0, 2)
    choice = w.integer(0, 4)
    if choice == 0:
        return w.emit(f"lax.broadcasted_iota(jnp.{w.choice(('int32', 'uint8', 'int8'))}, {shape}, {dim})")
    if choice == 1:
        return w.emit(f"lax.broadcasted_iota(jnp.float32, {shape}, {dim}) * 0.125", 2.0)
    if choice == 2:
        return w.emit(f"jnp.tril(jnp.ones({shape}, bool))")
    x = w.pick(lambda v: v.rank >= 2 and v.kind in ("float", "int"))
    return w.emit(f"jnp.{w.choice(('triu', 'tril'))}({x.name})", x.size, x.noise)
