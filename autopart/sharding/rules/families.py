"""Families of primitives that several readers tell apart: what fuses, what rearranges, what writes in place."""

from __future__ import annotations

from typing import Final

from autopart.program import ENTER, SCAN_SLICE
from autopart.sharding.rules import pointwise

FREE: Final = ("transpose", "reshape", "squeeze", "copy", "name", "optimization_barrier", "stop_gradient")

FUSIBLE: Final = frozenset(
    (*pointwise.NONLINEAR, *pointwise.LINEAR_IN_FIRST, *pointwise.JOINT, "mul", "div", "select_n",
     "convert_element_type", "broadcast_in_dim", "iota", "slice", "pad", "concatenate", "rev")
)  # fmt: skip

PRODUCTS: Final = ("dot_general", "conv_general_dilated")

TRANSCENDENTAL: Final = frozenset((
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "bessel_i0e", "bessel_i1e", "cbrt", "cos", "cosh",
    "digamma", "erf", "erf_inv", "erfc", "exp", "exp2", "expm1", "igamma", "igammac", "lgamma", "log", "log1p",
    "log2", "logistic", "polygamma", "pow", "rsqrt", "sin", "sinh", "sqrt", "tan", "tanh", "zeta",
))  # fmt: skip
"""Ops that take a device's slow elementwise unit, or many instructions."""

REARRANGING: Final = (
    "convert_element_type",
    "optimization_barrier",
    "copy",
    "name",
    "transpose",
    "reshape",
    "squeeze",
    "expand_dims",
    ENTER,
    SCAN_SLICE,
)
"""Ops that keep what a weight holds: gathered once more by each reader (see ``FlatProgram.weight_like``)."""

IN_PLACE: Final = (
    "dynamic_update_slice", "scatter", "scatter-add", "scatter-max", "scatter-min", "scatter-mul", "scatter-sub",
)  # fmt: skip
"""Ops that write over their first operand where nothing else needs it any more."""
