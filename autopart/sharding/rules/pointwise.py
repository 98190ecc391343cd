"""Rules of elementwise ops: every dimension passes through; a size-1 operand dimension is broadcast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autopart.program import Literal
from autopart.sharding.rules.op_context import Context, family
from autopart.sharding.rules.rule import Labels, Linear, Rule, Shape, letters, make

NONLINEAR = (
    "abs", "acos", "acosh", "and", "asin", "asinh", "atan", "atan2", "atanh", "bessel_i0e", "bessel_i1e", "cbrt",
    "ceil", "clamp", "clz", "cos", "cosh", "digamma", "eq", "eq_to", "erf", "erf_inv", "erfc", "exp", "exp2",
    "expm1", "floor", "ge", "gt", "igamma", "igamma_grad_a", "igammac", "integer_pow", "is_finite", "le", "le_to",
    "lgamma", "log", "log1p", "log2", "logistic", "lt", "lt_to", "max", "min", "mulhi", "ne", "nextafter", "not",
    "one_minus_square", "or", "philox2x32", "philox4x32", "polygamma", "polynomial", "population_count", "pow",
    "reduce_precision",
    "regularized_incomplete_beta", "rem", "round", "rsqrt", "shift_left", "shift_right_arithmetic",
    "shift_right_logical", "sign", "sin", "sinh", "sqrt", "square", "tan", "tanh", "threefry2x32", "threefry4x32",
    "xor", "zeta",
)  # fmt: skip
LINEAR_IN_FIRST = ("conj", "copy", "imag", "name", "neg", "optimization_barrier", "real", "stop_gradient")
JOINT = ("add", "add_any", "complex", "sub")


def broadcast_labels(shapes: Sequence[Shape], out: Shape) -> list[Labels]:
    """Labels per operand for an elementwise op with result shape ``out``."""
    names = letters(len(out))
    return [
        [name if size == full else None for name, size, full in zip(names, shape, out, strict=True)] if shape else []
        for shape in shapes
    ]


def _elementwise(context: Context, linear: Linear, linear_operands: Sequence[int]) -> Rule:
    out = context.out_shapes[0]
    labels = broadcast_labels(context.in_shapes, out)
    return make(
        context.in_shapes, context.out_shapes, labels, [letters(len(out))] * len(context.out_shapes),
        linear=linear, linear_operands=linear_operands,
    )  # fmt: skip


def nonlinear(context: Context) -> Rule:
    """No partial sum may enter."""
    return _elementwise(context, Linear.NO, ())


def linear_in_first(context: Context) -> Rule:
    """f(a + b) = f(a) + f(b) in the first operand."""
    return _elementwise(context, Linear.EACH, (0,))


def joint(context: Context) -> Rule:
    """Of ``a + b``: partial sums may be added if both are partial; a whole operand would be added n times."""
    whole_literal = any(isinstance(o, Literal) and np.any(np.asarray(o.value) != 0) for o in context.op.operands)
    return _elementwise(context, Linear.NO if whole_literal else Linear.JOINT, range(len(context.op.operands)))


def mul(context: Context) -> Rule:
    """Linear in either operand while the other is whole."""
    return _elementwise(context, Linear.EACH, (0, 1))


def div(context: Context) -> Rule:
    """Linear in the numerator, but for integers, whose quotients are rounded."""
    rational = family(context.out_dtypes[0]) in ("float", "complex")
    return _elementwise(context, Linear.EACH if rational else Linear.NO, (0,))


def convert(context: Context) -> Rule:
    """A cast between floating types commutes with a sum up to rounding; any other does not."""
    floating = all(family(d) in ("float", "complex") for d in (context.in_dtypes[0], context.out_dtypes[0]))
    return _elementwise(context, Linear.EACH if floating else Linear.NO, (0,))


def select(context: Context) -> Rule:
    """A choice among cases is a sum of masked cases: the cases may be partial together, the predicate not."""
    cases = context.op.operands[1:]
    whole_literal = any(isinstance(o, Literal) and np.any(np.asarray(o.value) != 0) for o in cases)
    return _elementwise(
        context, Linear.NO if whole_literal else Linear.JOINT, range(1, len(context.op.operands))
    )  # fmt: skip
