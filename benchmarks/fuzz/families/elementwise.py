"""Elementwise ops of every kind."""

from __future__ import annotations

import numpy as np

from autopart.benchmarks.fuzz.variable import Variable
from autopart.benchmarks.fuzz.writer import NoFitError, Writer, cast_text

# Text, about the largest result, and by how much it may stretch a difference.
_SMOOTH = (
    ("lax.tanh({0})", 1.0, 1.0), ("lax.sin({0})", 1.0, 1.0), ("lax.cos({0})", 1.0, 1.0),
    ("lax.logistic({0})", 1.0, 0.3), ("lax.erf({0})", 1.0, 1.2), ("lax.atan({0})", 1.5, 1.0),
    ("lax.exp(lax.tanh({0}))", 2.7, 2.7), ("lax.exp2(lax.tanh({0}))", 2.0, 1.4), ("lax.expm1(lax.sin({0}))", 1.7, 2.7),
    ("lax.rsqrt(1.0 + {0} * {0})", 1.0, 0.6), ("lax.sqrt(1.0 + jnp.abs({0}))", 2.0, 0.5),
    ("lax.log1p(jnp.abs({0}))", 1.6, 1.0), ("lax.log(1.5 + jnp.abs({0}))", 2.0, 0.7),
    ("lax.cbrt(1.0 + jnp.abs({0}))", 2.0, 0.4), ("jax.nn.gelu({0})", 4.0, 1.2), ("jax.nn.silu({0})", 4.0, 1.1),
    ("jax.nn.softplus({0})", 4.0, 1.0), ("lax.asinh({0})", 2.0, 1.0), ("lax.acosh(1.5 + jnp.abs({0}))", 2.4, 1.0),
    ("lax.atanh(0.5 * lax.tanh({0}))", 0.6, 0.7), ("lax.asin(0.5 * lax.sin({0}))", 0.6, 0.6),
    ("lax.acos(0.5 * lax.sin({0}))", 2.1, 0.6), ("lax.tan(0.5 * lax.sin({0}))", 0.6, 0.7),
    ("lax.sinh(lax.tanh({0}))", 1.2, 1.6), ("lax.cosh(lax.tanh({0}))", 1.6, 1.2),
    ("lax.square(lax.tanh({0}))", 1.0, 2.0), ("lax.integer_pow(lax.tanh({0}), 3)", 1.0, 3.0),
    ("lax.erf_inv(0.5 * lax.tanh({0}))", 0.6, 0.6), ("lax.erfc({0})", 2.0, 1.2),
    ("jnp.power(1.5 + lax.tanh({0}), 1.5)", 4.0, 3.0),
)  # fmt: skip
_RARE = (
    ("lax.lgamma(2.0 + jnp.abs({0}))", 6.0, 2.0), ("lax.digamma(2.0 + jnp.abs({0}))", 2.0, 0.7),
    ("lax.bessel_i0e({0})", 1.0, 0.5), ("lax.bessel_i1e({0})", 0.3, 0.5),
    ("lax.polygamma(1.0, 2.0 + jnp.abs({0}))", 1.0, 0.5), ("lax.zeta(3.0, 2.0 + jnp.abs({0}))", 0.3, 0.3),
    ("lax.igamma(2.0, 0.5 + jnp.abs({0}))", 1.0, 0.5), ("lax.igammac(2.0, 0.5 + jnp.abs({0}))", 1.0, 0.5),
)  # fmt: skip
_FAITHFUL = ("jnp.abs({0})", "-{0}", "jax.nn.relu({0})", "{0} * 0.5", "jnp.clip({0}, -1, 1)",
             "lax.stop_gradient({0})", "jnp.copy({0})", "lax.optimization_barrier({0})")  # fmt: skip
_JUMPING = ("lax.floor({0})", "lax.ceil({0})", "lax.round({0})", "lax.sign({0})", "lax.reduce_precision({0}, 5, 4)",
            "lax.nextafter({0}, {0} * 2.0)")  # fmt: skip
_INT_UNARY = ("-{0}", "~{0}", "jnp.abs({0})", "lax.sign({0})", "lax.population_count({0})", "lax.clz({0})",
              "{0} * 3", "{0} + 5", "{0} << 1", "lax.shift_right_logical({0}, lax.full_like({0}, 1))",
              "{0} >> 1", "{0} // 3", "{0} % 5", "lax.clamp(jnp.{1}(1), {0}, jnp.{1}(6))")  # fmt: skip
_INT_BINARY = ("{0} + {1}", "{0} - {1}", "{0} * {1}", "{0} & {1}", "{0} | {1}", "{0} ^ {1}", "jnp.maximum({0}, {1})",
               "jnp.minimum({0}, {1})", "lax.div(*jnp.broadcast_arrays({0}, {1} | 1))",
               "lax.rem(*jnp.broadcast_arrays({0}, {1} | 1))",
               "jnp.where({0} > {1}, {0}, {1})")  # fmt: skip
_BOOL_BINARY = ("{0} & {1}", "{0} | {1}", "{0} ^ {1}", "{0} == {1}", "jnp.where({0}, {1}, ~{1})")
_COMPARE = ("{0} < {1}", "{0} <= {1}", "{0} > {1}", "{0} >= {1}", "{0} == {1}", "{0} != {1}")


def unary(w: Writer) -> Variable:
    """One operand."""
    if w.smooth:
        return _smooth(w)
    x = w.pick(lambda v: v.kind != "complex")
    if x.is_bool:
        return w.emit(f"~{x.name}")
    if x.is_int:
        options = [t for t in _INT_UNARY if np.dtype(x.dtype).kind == "i" or t[0] != "-"]
        return w.emit(w.choice(options).format(x.name, x.dtype))
    if x.exact and w.chance(0.2):
        return w.emit(w.choice(_JUMPING).format(x.name), x.size)
    if w.chance(0.25):
        return w.emit(w.choice(_FAITHFUL).format(x.name), x.size, x.noise)
    rare = w.chance(0.1) and str(x.dtype) == "float32"
    text, size, stretch = w.choice(_RARE if rare else _SMOOTH)
    return w.emit(text.format(x.name), size, w.rounded(x.dtype, size, stretch * x.noise))


def _smooth(w: Writer) -> Variable:
    """One operand, whose derivative does not jump either."""
    x = w.pick(lambda v: v.is_float)
    text, size, stretch = w.choice([row for row in _SMOOTH if "abs" not in row[0]])
    return w.emit(text.format(x.name), size, w.rounded(x.dtype, size, stretch * x.noise))


def pair(w: Writer, kinds: tuple[str, ...]) -> tuple[Variable, Variable]:
    """Two operands of one dtype that broadcast against each other by numpy's rules."""
    a = w.pick(lambda v: v.kind in kinds)

    def fits(v: Variable) -> bool:
        joined = zip(reversed(v.shape), reversed(a.shape), strict=False)
        return v.dtype == a.dtype and all(m == n or 1 in (m, n) for m, n in joined)

    return a, w.pick(fits)


def binary(w: Writer) -> Variable:
    """Two operands of one type, of equal shapes or broadcast."""
    a, b = pair(w, ("float",) if w.smooth else ("float", "int", "bool", "complex"))
    if a.is_bool:
        return w.emit(w.choice(_BOOL_BINARY).format(a.name, b.name))
    if a.is_int:
        return w.emit(w.choice(_INT_BINARY).format(a.name, b.name))
    choice = w.integer(0, 5 if w.smooth else 8)
    if choice <= 2 or a.kind == "complex":
        size = a.size + b.size
        text = w.choice(("{0} + {1}", "{0} - {1}", "0.5 * {0} + {1}", "{0} + 0.25 * {1}"))
        return w.emit(text.format(a.name, b.name), size, w.rounded(a.dtype, size, a.noise, b.noise))
    if choice <= 4:
        size = a.size * b.size
        noise = w.rounded(a.dtype, size, a.size * b.noise, b.size * a.noise)
        return w.emit(f"{a.name} * {b.name}", size, noise)
    if choice <= 5:
        text = w.choice(("jnp.maximum({0}, {1})", "jnp.minimum({0}, {1})"))
        return w.emit(text.format(a.name, b.name), max(a.size, b.size), max(a.noise, b.noise))
    if choice == 6:
        text = f"{a.name} / (1.5 + jnp.abs({b.name}))"
        return w.emit(text, a.size, w.rounded(a.dtype, a.size, a.noise, a.size * b.noise))
    return w.emit(f"lax.atan2({a.name}, 2.0 + jnp.abs({b.name}))" if a.shape == b.shape else f"{a.name} - {b.name}",
                  a.size + b.size, w.rounded(a.dtype, a.size + b.size, a.noise, b.noise))  # fmt: skip


def compare(w: Writer) -> Variable:
    """A comparison of what is exact."""
    if w.chance(0.3):
        x = w.pick(lambda v: v.exact and v.kind in ("float", "int"))
        return w.emit(f"{x.name} {w.choice(('<', '>', '>=', '!='))} 1")
    a, b = pair(w, ("float", "int"))
    if not (a.exact and b.exact):
        raise NoFitError
    return w.emit(w.choice(_COMPARE).format(a.name, b.name))


def select(w: Writer) -> Variable:
    """A choice by a mask of the same shape, or by a scalar."""
    mask = w.pick(lambda v: v.is_bool)
    a = w.pick(lambda v: v.kind != "complex" and mask.shape in (v.shape, ()))
    others = [v for v in w.pool if not v.is_key and v.dtype == a.dtype and v.shape == a.shape]
    b = w.choice(others)
    size, noise = max(a.size, b.size), max(a.noise, b.noise)
    if w.chance(0.3):
        return w.emit(f"jnp.where({mask.name}, {a.name}, {'False' if a.is_bool else '0'})", a.size, a.noise)
    return w.emit(f"lax.select_n({mask.name}, {b.name}, {a.name})", size, noise)


def convert(w: Writer) -> Variable:
    """Another type: rounding only of what is exact."""
    x = w.pick(lambda v: v.kind in ("float", "int", "bool"))
    if x.is_float and x.exact and w.chance(0.5):
        if str(x.dtype) == "float32" and w.chance(0.2):
            return w.emit(f"lax.bitcast_convert_type({x.name}, jnp.int32)")
        return w.emit(cast_text(f"(4.0 * {x.name})", w.choice((np.dtype("int32"), np.dtype("int8")))))
    if x.is_float:
        if not w.script.coarse:
            return w.emit(f"lax.complex({x.name}, 0.5 * {x.name})", x.size, x.noise)
        target = "float32" if str(x.dtype) == "bfloat16" else "bfloat16"
        rounding = 4e-3 * x.size if target == "bfloat16" and not x.exact else 0.0
        return w.emit(f"lax.convert_element_type({x.name}, jnp.{target})", x.size, x.noise + rounding)
    if x.is_bool or w.chance(0.4):
        return w.emit(cast_text(x.name, w.choice([np.dtype(t) for t in ("int32", "int8", "uint8")])))
    return w.emit(cast_text(f"({x.name} & 7)", np.dtype("float32")), 7.0)


def waves(w: Writer) -> Variable:
    """Complex numbers: made of two floats, taken apart, and turned round."""
    if w.chance(0.4):
        x = w.pick(lambda v: v.is_float and str(v.dtype) == "float32")
        other = w.choice([v for v in w.pool if not v.is_key and v.dtype == x.dtype and v.shape == x.shape])
        size, noise = x.size + other.size, x.noise + other.noise
        return w.emit(f"lax.complex({x.name}, {other.name})", size, noise)
    z = w.pick(lambda v: v.kind == "complex")
    text = w.choice(("lax.real({0})", "lax.imag({0})", "lax.conj({0})", "jnp.real({0} * lax.conj({0}))", "-{0}"))
    size, stretch = (z.size**2, 2 * z.size) if "*" in text else (z.size, 1.0)
    return w.emit(text.format(z.name), size, w.rounded(z.dtype, size, stretch * z.noise))
