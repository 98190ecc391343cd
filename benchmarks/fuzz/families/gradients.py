"""Derivatives: of random smooth functions, of lookups, and of windows; and steps of descent along them."""

from __future__ import annotations

from autopart.benchmarks.fuzz.variable import Variable
from autopart.benchmarks.fuzz.writer import NoFitError, Writer


def _final(w: Writer, made: list[Variable]) -> Variable:
    """Takes gradients out of the pool: nobody knows how large they are, so nothing is built on them."""
    w.pool = [v for v in w.pool if v not in made]
    return made[0]


def gradient(w: Writer) -> Variable:
    """The gradient of a random scalar by one or two values, perhaps with the step it asks for."""
    operands = [w.pick(lambda v: v.is_float and v.rank >= 1) for _ in range(2)]
    if operands[0] == operands[1]:
        raise NoFitError
    parameters = [w.parameter(o) for o in operands]
    inner = w.body(parameters)
    inner.smooth = True
    inner.write(w.integer(2, 7))
    ends = [v for v in inner.made if v.is_float][-2:]
    if not ends:
        raise NoFitError
    total = " + ".join(f"jnp.sum(lax.tanh({v.name})).astype(jnp.float32)" for v in ends)
    name = w.script.name("loss")
    head = f"def {name}({', '.join(p.name for p in parameters)}):"
    before = [head, *inner.lines(), f"    return {total}"]
    if w.chance(0.3):
        before = ["@jax.checkpoint", *before]
    arguments = ", ".join(o.name for o in operands)
    call = f"jax.grad({name}, (0, 1))({arguments})"
    if w.chance(0.4):
        pairs = f"zip(({arguments},), {call}, strict=True)"
        call = f"[p - 0.1 * g for p, g in {pairs}]"
    return _final(w, w.emit_all(before, call, 2))


def embedding(w: Writer) -> Variable:
    """The gradient of a lookup, by the table."""
    table = w.pick(lambda v: v.is_float and v.rank == 2)
    where = w.input("int32", w.choice(((8,), (4, 4), (16,))), 0, table.shape[0])
    loss = f"lambda t: jnp.sum(lax.tanh(t[{where.name}] @ t.T)).astype(jnp.float32)"
    return _final(w, w.emit_all((), f"jax.grad({loss})({table.name})", 1))


def windows(w: Writer) -> Variable:
    """The gradient of a convolution by its kernel and its picture, or of pooling of what is exact."""
    x = w.pick(lambda v: v.is_float and v.exact and v.count == 512)
    picture = f"{x.name}.reshape(2, 8, 8, 4)"
    if w.chance(0.4):
        window = "(1, 2, 2, 1), (1, 2, 2, 1), 'VALID'"
        loss = f"lambda t: jnp.sum(jnp.sin(lax.reduce_window(t, -jnp.inf, lax.max, {window})))"
        return _final(w, w.emit_all((), f"jax.grad({loss})({picture})", 1))
    kernel = w.input(x.dtype, (3, 3, 4, 8))
    numbers = "dimension_numbers=('NHWC', 'HWIO', 'NHWC')"
    strides, padding = w.choice(("(1, 1)", "(2, 2)")), w.choice(("'SAME'", "'VALID'"))
    filtered = f"lax.conv_general_dilated(t, k, {strides}, {padding}, {numbers})"
    loss = f"lambda t, k: jnp.sum(lax.tanh(0.1 * {filtered})).astype(jnp.float32)"
    return _final(w, w.emit_all((), f"jax.grad({loss}, (0, 1))({picture}, {kernel.name})", 2))
