"""One line a primitive that has a sharding rule, in alphabetical order: a program that holds it, and its rule there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import jax
import jax.extend.core as jex
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax._src.lax import linalg  # Some primitives have no public way in: they come from within others.
from jax._src.lax.scaled_dot import scaled_dot_p
from jax._src.lax.windowed_reductions import _select_and_scatter
from jax._src.random.philox2x32 import philox2x32_p
from jax._src.random.philox4x32 import philox4x32_p
from jax._src.random.threefry4x32 import threefry4x32_p
from jax.ad_checkpoint import checkpoint_name
from jax.experimental.custom_partitioning import custom_partitioning

from autopart.program.jax_compat import has_rule_primitive

Line: TypeAlias = "tuple[Callable[..., Any], tuple[Any, ...], str]"
"""A function that holds the primitive once, its arguments, and the rule of the primitive in it."""


def array(*shape: int, dtype: Any = jnp.float32) -> jax.ShapeDtypeStruct:
    """An array without contents."""
    return jax.ShapeDtypeStruct(shape, dtype)


X, Y, V, SCALAR = array(8, 16), array(8, 16), array(16), array(dtype=jnp.int32)
CUBE, SQUARES = array(4, 8, 16), array(4, 3, 3)
COMPLEX = array(8, 16, dtype=jnp.complex64)
INTS, UINTS = array(8, 16, dtype=jnp.int32), array(8, 16, dtype=jnp.uint32)
BOOLS, INDEX = array(8, 16, dtype=jnp.bool_), array(6, 5, dtype=jnp.int32)
LAYOUT = ("NHWC", "HWIO", "NHWC")


def _pooled(x: Any) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2), (1, 2), "VALID")


@custom_partitioning
def _doubled(x: Any) -> Any:
    return x * 2


_doubled.def_partition(lambda *args: args, sharding_rule="i j -> i j")

_NEWER: Final[Any] = lax
"""Where the oldest JAX of those supported has not all that is asked for."""

_LINES: Final[Mapping[str, Line]] = MappingProxyType({
    "abs": (lax.abs, (X,), "i j -> i j"),
    "acos": (lax.acos, (X,), "i j -> i j"),
    "acosh": (lax.acosh, (X,), "i j -> i j"),
    "add": (lax.add, (X, Y), "i j, i j -> i j"),
    "add_any": (lambda x, y: jex.primitives.add_jaxvals_p.bind(x, y), (X, Y), "i j, i j -> i j"),
    "and": (lax.bitwise_and, (INTS, INTS), "i j, i j -> i j"),
    "approx_top_k": (lambda x: lax.approx_max_k(x, 3), (X,), "i _ -> i _, i _"),
    "argmax": (lambda x: lax.argmax(x, 1, np.int8), (array(8, 300),), "i _ -> i"),
    "argmin": (lambda x: lax.argmin(x, 0, np.int8), (array(300, 8),), "_ j -> j"),
    "asin": (lax.asin, (X,), "i j -> i j"),
    "asinh": (lax.asinh, (X,), "i j -> i j"),
    "atan": (lax.atan, (X,), "i j -> i j"),
    "atan2": (lax.atan2, (X, Y), "i j, i j -> i j"),
    "atanh": (lax.atanh, (X,), "i j -> i j"),
    "bessel_i0e": (lax.bessel_i0e, (X,), "i j -> i j"),
    "bessel_i1e": (lax.bessel_i1e, (X,), "i j -> i j"),
    "bitcast_convert_type": (lambda x: lax.bitcast_convert_type(x, jnp.int16), (X,), "i j -> i j _"),
    "branch_join": (
        lambda x, y: lax.cond(x.sum() > 0, lambda: x * 2, lambda: y), (X, Y), "i j, i j -> i j",
    ),
    "broadcast_in_dim": (lambda v: jnp.broadcast_to(v, (4, 8, 16)), (V,), "k -> i j k"),
    "cbrt": (lax.cbrt, (X,), "i j -> i j"),
    "ceil": (lax.ceil, (X,), "i j -> i j"),
    "cholesky": (jnp.linalg.cholesky, (SQUARES,), "i _ _ -> i _ _"),
    "clamp": (lambda x: lax.clamp(0.0, x, 1.0), (X,), "(), i j, () -> i j"),
    "clz": (lax.clz, (INTS,), "i j -> i j"),
    "complex": (lax.complex, (X, Y), "i j, i j -> i j"),
    "concatenate": (lambda x, y: jnp.concatenate([x, y], 1), (X, Y), "i _, i _ -> i _"),
    "conj": (lambda x: lax.conj_p.bind(x, input_dtype=x.dtype), (COMPLEX,), "i j -> i j"),
    "conv_general_dilated": (
        lambda x, w: lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=LAYOUT),
        (array(2, 8, 8, 4), array(3, 3, 4, 16)), "i l m k, _ _ k j -> i l m j; sum={k}; permutation={l, m}",
    ),
    "convert_element_type": (lambda x: x.astype(jnp.bfloat16), (X,), "i j -> i j"),
    "copy": (lambda x: jex.primitives.copy_p.bind(x), (X,), "i j -> i j"),
    "cos": (lax.cos, (X,), "i j -> i j"),
    "cosh": (lax.cosh, (X,), "i j -> i j"),
    "cumlogsumexp": (lambda x: lax.cumlogsumexp(x, 1), (X,), "i _ -> i _"),
    "cummax": (lambda x: lax.cummax(x, 1), (X,), "i _ -> i _"),
    "cummin": (lambda x: lax.cummin(x, 1), (X,), "i _ -> i _"),
    "cumprod": (lambda x: lax.cumprod(x, 1), (X,), "i _ -> i _"),
    "cumsum": (lambda x: lax.cumsum(x, 1), (X,), "i _ -> i _"),
    "custom_partitioning": (_doubled, (X,), "i j -> i j"),
    "digamma": (lax.digamma, (X,), "i j -> i j"),
    "div": (lax.div, (X, Y), "i j, i j -> i j"),
    "dot_general": (jnp.matmul, (X, array(16, 4)), "i j, j k -> i k; sum={j}"),
    "dynamic_slice": (lambda x, i: lax.dynamic_slice(x, (i, 0), (2, 16)), (X, SCALAR), "_ j, (), () -> _ j"),
    "dynamic_update_slice": (
        lambda x, u, i: lax.dynamic_update_slice(x, u, (0, i)), (X, array(8, 3), SCALAR), "i j, i _, (), () -> i j",
    ),
    "eig": (lax.linalg.eig, (SQUARES,), "i _ _ -> i _, i _ _, i _ _"),
    "eigh": (lax.linalg.eigh, (SQUARES,), "i _ _ -> i _ _, i _"),
    "empty": (lambda: lax.empty((4, 8), jnp.float32), (), " -> i j"),
    "enter": (lambda x, y: lax.scan(lambda c, _: (c + y, None), x, None, length=2)[0], (X, Y), "i j -> i j"),
    "eq": (lax.eq, (X, Y), "i j, i j -> i j"),
    "eq_to": (lambda x, y: jex.primitives.eq_to_p.bind(x, y), (X, Y), "i j, i j -> i j"),
    "erf": (lax.erf, (X,), "i j -> i j"),
    "erf_inv": (lax.erf_inv, (X,), "i j -> i j"),
    "erfc": (lax.erfc, (X,), "i j -> i j"),
    "exp": (lax.exp, (X,), "i j -> i j"),
    "exp2": (lax.exp2, (X,), "i j -> i j"),
    "expm1": (lax.expm1, (X,), "i j -> i j"),
    "fft": (jnp.fft.rfft, (X,), "i _ -> i _"),
    "floor": (lax.floor, (X,), "i j -> i j"),
    "gather": (lambda x, i: x[i], (X, INDEX), "l k, i j _ -> i j k; sum={l}"),
    "ge": (lax.ge, (X, Y), "i j, i j -> i j"),
    "geqp3": (
        lambda x, p: linalg.geqp3(x, p), (SQUARES, array(4, 3, dtype=jnp.int32)), "i _ _, i _ -> i _ _, i _, i _",
    ),
    "geqrf": (lambda x: linalg.geqrf(x), (SQUARES,), "i _ _ -> i _ _, i _"),
    "gt": (lax.gt, (X, Y), "i j, i j -> i j"),
    "hessenberg": (lax.linalg.hessenberg, (SQUARES,), "i _ _ -> i _ _, i _"),
    "householder_product": (lax.linalg.householder_product, (SQUARES, array(4, 3)), "i _ _, i _ -> i _ _"),
    "igamma": (lax.igamma, (X, Y), "i j, i j -> i j"),
    "igamma_grad_a": (lax.igamma_grad_a, (X, Y), "i j, i j -> i j"),
    "igammac": (lax.igammac, (X, Y), "i j, i j -> i j"),
    "imag": (lax.imag, (COMPLEX,), "i j -> i j"),
    "integer_pow": (lambda x: lax.integer_pow(x, 3), (X,), "i j -> i j"),
    "iota": (lambda: lax.broadcasted_iota(jnp.int32, (4, 8), 0), (), " -> i j"),
    "is_finite": (lax.is_finite, (X,), "i j -> i j"),
    "le": (lax.le, (X, Y), "i j, i j -> i j"),
    "le_to": (lambda x, y: jex.primitives.le_to_p.bind(x, y), (X, Y), "i j, i j -> i j"),
    "lgamma": (lax.lgamma, (X,), "i j -> i j"),
    "log": (lax.log, (X,), "i j -> i j"),
    "log1p": (lax.log1p, (X,), "i j -> i j"),
    "log2": (lambda x: _NEWER.log2(x), (X,), "i j -> i j"),
    "logistic": (lax.logistic, (X,), "i j -> i j"),
    "loop_carry": (
        lambda x, y: lax.scan(lambda c, _: (c + y, None), x, None, length=2)[0], (X, Y), "i j, i j -> i j, i j",
    ),
    "lt": (lax.lt, (X, Y), "i j, i j -> i j"),
    "lt_to": (lambda x, y: jex.primitives.lt_to_p.bind(x, y), (X, Y), "i j, i j -> i j"),
    "lu": (lax.linalg.lu, (SQUARES,), "i _ _ -> i _ _, i _, i _"),
    "lu_pivots_to_permutation": (
        lambda p: lax.linalg.lu_pivots_to_permutation(p, 5), (array(4, 3, dtype=jnp.int32),), "i _ -> i _",
    ),
    "max": (lax.max, (X, Y), "i j, i j -> i j"),
    "min": (lax.min, (X, Y), "i j, i j -> i j"),
    "mul": (lax.mul, (X, Y), "i j, i j -> i j"),
    "mulhi": (lax.mulhi, (INTS, INTS), "i j, i j -> i j"),
    "name": (lambda x: checkpoint_name(x, "x"), (X,), "i j -> i j"),
    "ne": (lax.ne, (X, Y), "i j, i j -> i j"),
    "neg": (lax.neg, (X,), "i j -> i j"),
    "nextafter": (lax.nextafter, (X, Y), "i j, i j -> i j"),
    "not": (lax.bitwise_not, (INTS,), "i j -> i j"),
    "one_minus_square": (lambda x: _NEWER.one_minus_square_p.bind(x), (X,), "i j -> i j"),
    "optimization_barrier": (lambda x: lax.optimization_barrier(x), (X,), "i j -> i j"),
    "or": (lax.bitwise_or, (INTS, INTS), "i j, i j -> i j"),
    "ormqr": (lax.linalg.ormqr, (SQUARES, array(4, 3), array(4, 3, 5)), "i _ _, i _, i _ _ -> i _ _"),
    "pad": (lambda x: jnp.pad(x, ((0, 0), (1, 2))), (X,), "i _, () -> i _"),
    "philox2x32": (
        lambda k, x: philox2x32_p.bind(k, x, x), (array(dtype=jnp.uint32), UINTS), "(), i j, i j -> i j, i j",
    ),
    "philox4x32": (
        lambda k, x: philox4x32_p.bind(k, k, x, x, x, x),
        (array(dtype=jnp.uint32), UINTS), "(), (), i j, i j, i j, i j -> i j, i j, i j, i j",
    ),
    "polygamma": (lax.polygamma, (X, Y), "i j, i j -> i j"),
    "polynomial": (lambda x, y: _NEWER.polynomial(x, (1.0, y, 2.0)), (X, Y), "i j, (), i j, () -> i j"),
    "population_count": (lax.population_count, (INTS,), "i j -> i j"),
    "pow": (lax.pow, (X, Y), "i j, i j -> i j"),
    "qr": (lambda x: lax.linalg.qr(x), (SQUARES,), "i _ _ -> i _ _, i _ _"),
    "ragged_dot_general": (
        lax.ragged_dot, (X, array(4, 16, 5), array(4, dtype=jnp.int32)), "_ j, _ j l, _ -> _ l; sum={j}",
    ),
    "real": (lax.real, (COMPLEX,), "i j -> i j"),
    "reduce": (lambda x: lax.reduce(x, np.float32(1), lambda a, b: a * b + a, (1,)), (X,), "i _, () -> i"),
    "reduce_and": (lambda x: lax.reduce_and(x, (0,)), (BOOLS,), "i j -> j; and={i}"),
    "reduce_max": (lambda x: x.max(1), (X,), "i j -> i; max={j}"),
    "reduce_min": (lambda x: x.min(1), (X,), "i j -> i; min={j}"),
    "reduce_or": (lambda x: lax.reduce_or(x, (0,)), (BOOLS,), "i j -> j; or={i}"),
    "reduce_precision": (lambda x: lax.reduce_precision(x, 8, 7), (X,), "i j -> i j"),
    "reduce_prod": (lambda x: x.prod(1), (X,), "i _ -> i"),
    "reduce_sum": (lambda x: x.sum(1), (X,), "i j -> i; sum={j}"),
    "reduce_window": (
        lambda x: lax.reduce_window(x, np.float32(1), lambda a, b: a * b + a, (1, 2), (1, 2), "VALID"),
        (X,), "i j, () -> i j",
    ),
    "reduce_window_max": (
        lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 2), (1, 2), "VALID"), (X,), "i j -> i j",
    ),
    "reduce_window_min": (
        lambda x: lax.reduce_window(x, jnp.inf, lax.min, (1, 2), (1, 2), "VALID"), (X,), "i j -> i j",
    ),
    "reduce_window_sum": (lambda x: lax.reduce_window(x, 0.0, lax.add, (1, 2), (1, 2), "VALID"), (X,), "i j -> i j"),
    "reduce_xor": (lambda x: lax.reduce_xor(x, (0,)), (INTS,), "_ j -> j"),
    "regularized_incomplete_beta": (lax.betainc, (X, X, X), "i j, i j, i j -> i j"),
    "rem": (lax.rem, (X, Y), "i j, i j -> i j"),
    "reshape": (lambda x: x.reshape(32, 16), (CUBE,), "i _ j -> i j"),
    "rev": (lambda x: lax.rev(x, (0,)), (X,), "_ j -> _ j"),
    "round": (lax.round, (X,), "i j -> i j"),
    "rsqrt": (lax.rsqrt, (X,), "i j -> i j"),
    "scaled_dot": (
        lambda x, y, s, t: scaled_dot_p.bind(x, y, s, t, dimension_numbers=(((1,), (1,)), ((), ()))),
        (X, array(4, 16), array(8, 4), array(4, 8)), "i j, k j, i j, k j -> i k; sum={j}",
    ),
    "scan_slice": (lambda v, x: lax.scan(lambda c, row: (c + row, None), v, x)[0], (V, X), "_ i -> i"),
    "scan_stack": (lambda x: lax.scan(lambda c, row: (c, row * 2), 0.0, x)[1], (X,), "i -> _ i"),
    "scatter": (lambda x, i, u: x.at[i].set(u), (X, array(6, dtype=jnp.int32), array(6, 16)), "j i, _ _, _ i -> j i"),
    "scatter-add": (
        lambda x, i, u: x.at[i].add(u), (X, array(6, dtype=jnp.int32), array(6, 16)), "k i, j _, j i -> k i; sum={j}",
    ),
    "scatter-max": (
        lambda x, i, u: x.at[i].max(u), (X, array(6, dtype=jnp.int32), array(6, 16)), "k i, j _, j i -> k i; max={j}",
    ),
    "scatter-min": (
        lambda x, i, u: x.at[i].min(u), (X, array(6, dtype=jnp.int32), array(6, 16)), "k i, j _, j i -> k i; min={j}",
    ),
    "scatter-mul": (
        lambda x, i, u: x.at[i].multiply(u), (X, array(6, dtype=jnp.int32), array(6, 16)), "j i, _ _, _ i -> j i",
    ),
    "scatter-sub": (
        lambda x, i, u: x.at[i].subtract(u),
        (X, array(6, dtype=jnp.int32), array(6, 16)), "k i, j _, j i -> k i; sum={j}",
    ),
    "schur": (lax.linalg.schur, (SQUARES,), "i _ _ -> i _ _, i _ _"),
    "select_and_gather_add": (lambda x, t: jax.jvp(_pooled, (x,), (t,))[1], (X, X), "i j, i j -> i j"),
    "select_and_scatter": (
        lambda x, s: _select_and_scatter(x, lax.ge, (1, 2), (1, 2), ((0, 0), (0, 0)), s, jnp.zeros(()), lax.add),
        (X, array(8, 8)), "i _, i _, () -> i _",
    ),
    "select_and_scatter_add": (jax.grad(lambda x: _pooled(x).sum()), (X,), "i j, i j -> i j"),
    "select_n": (lax.select_n, (BOOLS, X, Y), "i j, i j, i j -> i j"),
    "shift_left": (lax.shift_left, (INTS, INTS), "i j, i j -> i j"),
    "shift_right_arithmetic": (lax.shift_right_arithmetic, (INTS, INTS), "i j, i j -> i j"),
    "shift_right_logical": (lax.shift_right_logical, (INTS, INTS), "i j, i j -> i j"),
    "sign": (lax.sign, (X,), "i j -> i j"),
    "sin": (lax.sin, (X,), "i j -> i j"),
    "sinh": (lax.sinh, (X,), "i j -> i j"),
    "slice": (lambda x: x[2:6], (X,), "_ j -> _ j"),
    "sort": (lambda x: lax.sort(x, dimension=1), (X,), "i _ -> i _"),
    "split": (lambda x: jnp.split(x, 2, 1), (X,), "i _ -> i _, i _"),
    "sqrt": (lax.sqrt, (X,), "i j -> i j"),
    "square": (lax.square, (X,), "i j -> i j"),
    "squeeze": (lambda x: jnp.squeeze(x, 1), (array(8, 1, 4),), "i _ k -> i k"),
    "stack": (lambda x, y: jnp.stack([x, y], 1), (X, Y), "i j, i j -> i _ j"),
    "stop_gradient": (lambda x: lax.stop_gradient_p.bind(x), (X,), "i j -> i j"),
    "sub": (lax.sub, (X, Y), "i j, i j -> i j"),
    "svd": (lax.linalg.svd, (SQUARES,), "i _ _ -> i _, i _ _, i _ _"),
    "symmetric_product": (lax.linalg.symmetric_product, (array(4, 3, 5), SQUARES), "i _ _, i _ _ -> i _ _"),
    "tan": (lax.tan, (X,), "i j -> i j"),
    "tanh": (lax.tanh, (X,), "i j -> i j"),
    "threefry2x32": (
        lambda k, x: jex.primitives.threefry2x32_p.bind(k, k, x, x),
        (array(dtype=jnp.uint32), UINTS), "(), (), i j, i j -> i j, i j",
    ),
    "threefry4x32": (
        lambda k, x: threefry4x32_p.bind(k, k, k, k, x, x, x, x),
        (array(dtype=jnp.uint32), UINTS), "(), (), (), (), i j, i j, i j, i j -> i j, i j, i j, i j",
    ),
    "tile": (lambda x: jnp.tile(x, (3, 1)), (X,), "_ j -> i j"),
    "top_k": (lambda x: lax.top_k(x, 3), (X,), "i _ -> i _, i _"),
    "transpose": (lambda x: x.transpose(2, 0, 1), (CUBE,), "i j k -> k i j"),
    "triangular_solve": (
        lambda a, b: lax.linalg.triangular_solve(a, b, left_side=True),
        (SQUARES, array(4, 3, 5)), "i _ _, i _ j -> i _ j",
    ),
    "tridiagonal": (lax.linalg.tridiagonal, (SQUARES,), "i _ _ -> i _ _, i _, i _, i _"),
    "tridiagonal_solve": (
        lax.linalg.tridiagonal_solve,
        (array(4, 3), array(4, 3), array(4, 3), array(4, 3, 5)), "i _, i _, i _, i _ j -> i _ j",
    ),
    "unstack": (lambda x: jnp.unstack(x, axis=0), (array(2, 8),), "_ i -> i, i"),
    "xor": (lax.bitwise_xor, (INTS, INTS), "i j, i j -> i j"),
    "zeta": (lax.zeta, (X, Y), "i j, i j -> i j"),
})  # fmt: skip

LINES: Final[Mapping[str, Line]] = MappingProxyType(
    {name: line for name, line in _LINES.items() if has_rule_primitive(name)}
)
"""Primitive of the installed JAX -> its line."""
