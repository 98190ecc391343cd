"""Functions within the function: loops, branches, calls, and what maps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autopart.benchmarks.fuzz.variable import Variable, epsilon
from autopart.benchmarks.fuzz.writer import NoFitError, Writer, cast_text

_LOOP_NOISE = 6.0
"""How much more noise a loop gathers than one pass of its body."""


def _operand(w: Writer, least_rank: int = 0) -> Variable:
    """A value that regions take: numbers, no keys."""
    kinds = ("float",) if w.smooth else ("float", "float", "int")
    kind = w.choice(kinds)
    return w.pick(lambda v: v.kind == kind and v.rank >= least_rank)


def _loosened(v: Variable) -> Variable:
    """The value as a loop carries it: floats are exact in the first pass at most."""
    return replace(v, noise=max(v.noise, epsilon(v.dtype) * max(v.size, 1.0)))


def result_like(w: Writer, like: Variable) -> Variable:
    """Ends a body with a value of the type of ``like``, made of what was written last."""
    made = [v for v in w.made if v.kind == like.kind]
    same = [v for v in made if v.dtype == like.dtype and v.shape == like.shape]
    if same:
        last = same[-1]
        text = f"{last.name} ^ {like.name}" if like.is_int else f"0.5 * lax.tanh({last.name}) + 0.5 * {like.name}"
        return w.emit(text, 0.5 + like.size, w.rounded(like.dtype, 1.0, 0.5 * last.noise, 0.5 * like.noise))
    if not made:
        raise NoFitError
    last = made[-1]
    if like.is_int:
        return w.emit(f"{like.name} + {cast_text(f'jnp.sum({last.name})', like.dtype)}")
    mean = cast_text(f"jnp.mean(lax.sin({last.name}))", like.dtype)
    noise = w.rounded(like.dtype, 1.0, last.noise, 0.5 * like.noise, 4 * epsilon(last.dtype))
    return w.emit(f"0.5 * {like.name} + {mean}", 1.0 + like.size, noise)


def _function(w: Writer, name: str, inner: Writer, parameters: Sequence[Variable], results: str) -> list[str]:
    """The lines of a function."""
    head = f"def {name}({', '.join(p.name for p in parameters)}):"
    return [head, *inner.lines(), f"    return {results}"]


def scan(w: Writer) -> Variable:
    """A loop over slices, which carries one value or two and stacks another."""
    xs = w.pick(lambda v: v.rank >= 1 and 2 <= v.shape[0] <= 16 and v.kind in ("float", "int", "bool"))
    starts = [_operand(w) for _ in range(w.choice((1, 1, 2)))]
    carries = [_loosened(w.parameter(s)) for s in starts]
    item = w.parameter(xs, xs.shape[1:])
    inner = w.body([*carries, item])
    inner.write(w.integer(2, 5))
    new = [result_like(inner, c) for c in carries]
    out = w.choice(inner.made)
    parameters = [replace(carries[0], name=f"({', '.join(c.name for c in carries)},)"), item]
    name = w.script.name("body")
    head = [f"def {name}(carry, {item.name}):", f"    {parameters[0].name} = carry"]
    before = [*head, *inner.lines(), f"    return ({', '.join(c.name for c in new)},), {out.name}"]
    turned = w.choice(("", ", reverse=True"))
    noise = _LOOP_NOISE * max(v.noise for v in (*new, out))
    size = max(v.size for v in (*new, out))
    call = f"lax.scan({name}, ({', '.join(s.name for s in starts)},), {xs.name}{turned})"
    names = len(new) + 1
    flat = f"jax.tree.leaves({call})"
    return w.emit_all(before, flat, names, size, noise)[0]


def _loop_body(w: Writer) -> tuple[Variable, Variable, Variable, Writer, Variable]:
    """Start, index, carry, and the body that steps it."""
    start = _operand(w)
    index = Variable(w.script.name("w"), (), "int32")
    carry = _loosened(w.parameter(start))
    inner = w.body([index, carry])
    inner.write(w.integer(2, 4))
    return start, index, carry, inner, result_like(inner, carry)


def counted_loop(w: Writer) -> Variable:
    """``fori_loop`` of a known number of passes."""
    start, index, carry, inner, new = _loop_body(w)
    name = w.script.name("body")
    before = _function(w, name, inner, (index, carry), new.name)
    text = f"lax.fori_loop(0, {w.integer(1, 6)}, {name}, {start.name})"
    return w.emit_all(before, text, 1, new.size, _LOOP_NOISE * new.noise)[0]


def while_loop(w: Writer) -> Variable:
    """A loop that counts to what may be known at run time only."""
    start, index, carry, inner, new = _loop_body(w)
    name = w.script.name("body")
    limits = [v for v in w.pool if v.is_int and v.shape == ()]
    limit = f"({w.choice(limits).name} & 3)" if limits and w.chance(0.6) else str(w.integer(1, 5))
    head = [f"def {name}(carry):", f"    {index.name}, {carry.name} = carry"]
    before = [*head, *inner.lines(), f"    return {index.name} + 1, {new.name}"]
    text = f"lax.while_loop(lambda carry: carry[0] < {limit}, {name}, (jnp.int32(0), {start.name}))[1]"
    return w.emit_all(before, text, 1, new.size, _LOOP_NOISE * new.noise)[0]


def branches(w: Writer) -> Variable:
    """``cond`` of a flag, or ``switch`` by a number."""
    operands = [_operand(w), _operand(w)]
    count, names, before, ends = w.choice((2, 2, 3)), [], [], []
    for _ in range(count):
        parameters = [w.parameter(o) for o in operands]
        inner = w.body(parameters)
        inner.write(w.integer(1, 4))
        ends.append(result_like(inner, parameters[0]))
        names.append(w.script.name("branch"))
        before += _function(w, names[-1], inner, parameters, ends[-1].name)
    flags = [v for v in w.pool if v.is_bool]
    flag = f"jnp.any({w.choice(flags).name})" if flags and w.chance(0.5) else w.input("bool", ()).name
    if count == 3:
        number = w.input("int32", (), 0, 4).name
        call = f"lax.switch({number}, [{', '.join(names)}]"
    else:
        call = f"lax.cond({flag}, {', '.join(names)}"
    text = f"{call}, {', '.join(o.name for o in operands)})"
    return w.emit_all(before, text, 1, max(v.size for v in ends), max(v.noise for v in ends))[0]


def call(w: Writer) -> Variable:
    """A function under ``jit`` or ``checkpoint``, or with a derivative of its own."""
    operands = [_operand(w), _operand(w)]
    parameters = [w.parameter(o) for o in operands]
    how = w.choice(("jax.jit", "jax.checkpoint", "jax.custom_jvp"))
    inner = w.body(parameters, closes=how != "jax.custom_jvp")
    inner.write(w.integer(2, 5))
    end = result_like(inner, parameters[0])
    name = w.script.name("part")
    before = _function(w, name, inner, parameters, end.name)
    if how == "jax.custom_jvp":
        before = [f"@{how}", *before, f"{name}.defjvp(lambda p, t: ({name}(*p), 0.5 * t[0]))"]
        how = ""
    if how == "jax.checkpoint" and w.chance(0.3):
        policy = "policy=jax.checkpoint_policies.dots_saveable"
        before = [f"@lambda f: jax.checkpoint(f, {policy})", *before]
        how = ""
    text = f"{how}({name})({', '.join(o.name for o in operands)})"
    return w.emit_all(before, text, 1, end.size, end.noise)[0]


def mapped(w: Writer) -> Variable:
    """A function over one slice at a time: ``vmap`` makes it batched ops, ``lax.map`` a loop."""
    xs = w.pick(lambda v: 1 <= v.rank <= 3 and 2 <= v.shape[0] <= 16 and v.kind in ("float", "int"))
    item = w.parameter(xs, xs.shape[1:])
    inner = w.body([item, item])
    inner.write(w.integer(1, 4))
    end = w.choice([v for v in inner.made if v.rank <= 3])
    name = w.script.name("part")
    before = _function(w, name, inner, [item], end.name)
    text = w.choice((f"jax.vmap({name})({xs.name})", f"lax.map({name}, {xs.name})"))
    return w.emit_all(before, text, 1, end.size, end.noise)[0]
