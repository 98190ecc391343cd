"""Convolutions and windows, in one and two dimensions, with their gradients."""

from __future__ import annotations

import math

from autopart.benchmarks.fuzz.families.contraction import product_trust
from autopart.benchmarks.fuzz.variable import Variable
from autopart.benchmarks.fuzz.writer import NoFitError, Writer

_PADDINGS = ("'SAME'", "'VALID'")


def _picture(w: Writer, kind: str = "float") -> tuple[Variable, tuple[int, int, int, int], str]:
    """A value read as batch, height, width and features."""
    x = w.pick(lambda v: v.kind == kind and v.count in (256, 512, 1024, 2048))
    shape = w.choice([(2, 8, 8), (4, 8, 4), (1, 16, 8), (2, 16, 4), (8, 4, 4), (4, 4, 8)])
    features = x.count // math.prod(shape)
    if features < 1:
        raise NoFitError
    full = (*shape, features)
    return x, full, x.name if x.shape == full else f"{x.name}.reshape({full})"


def convolution(w: Writer) -> Variable:
    """A convolution with a new kernel: strides, dilations, groups, in two layouts."""
    x, shape, text = _picture(w)
    features = shape[3]
    wide, high = w.choice(((3, 3), (1, 1), (2, 2), (3, 1), (5, 3)))
    options: list[str] = []
    groups, out = 1, w.choice((4, 8, 16))
    choice = w.integer(0, 7)
    if choice == 0 and features in (2, 4, 8):
        groups = features
        options = [f"feature_group_count={groups}"]
    elif choice == 1:
        options = ["rhs_dilation=(2, 1)"]
    elif choice == 2:
        options = ["lhs_dilation=(1, 2)"]
    if out % groups:
        raise NoFitError
    strides = w.choice(((1, 1), (1, 1), (2, 2), (2, 1)))
    explicit = ("((1, 1), (0, 1))", "((2, 0), (1, 1))")
    padding = w.choice(explicit if choice == 2 else (*_PADDINGS, *explicit))
    kernel = w.input(x.dtype, (wide, high, features // groups, out))
    call = "lax.conv_general_dilated({0}, {1}, {2}, {3}, dimension_numbers={4}{5})"
    extra = "".join(f", {option}" for option in options)
    layout = ("NHWC", "HWIO", "NHWC")
    if w.chance(0.3):
        text, layout = f"jnp.moveaxis({text}, 3, 1)", ("NCHW", "HWIO", "NCHW")
    size, noise = product_trust(x, kernel, wide * high * features // groups)
    return w.emit(call.format(text, kernel.name, strides, padding, layout, extra), size, noise)


def line(w: Writer) -> Variable:
    """A convolution along one dimension."""
    x = w.pick(lambda v: v.is_float and v.rank == 3)
    kernel = w.input(x.dtype, (3, x.shape[2], 8))
    size, noise = product_trust(x, kernel, 3 * x.shape[2])
    call = f"lax.conv_general_dilated({x.name}, {kernel.name}, (1,), {w.choice(_PADDINGS)}"
    return w.emit(f"{call}, dimension_numbers=('NWC', 'WIO', 'NWC'))", size, noise)


def pool(w: Writer) -> Variable:
    """Windows of a picture: extremes and sums."""
    x, _, text = _picture(w, w.choice(("float", "float", "int")))
    window, strides = w.choice((
        ((1, 2, 2, 1), (1, 2, 2, 1)), ((1, 3, 3, 1), (1, 1, 1, 1)), ((1, 2, 1, 1), (1, 2, 1, 1)),
        ((1, 3, 3, 1), (1, 2, 2, 1)), ((1, 1, 1, 2), (1, 1, 1, 2)),
    ))  # fmt: skip
    padding = w.choice(_PADDINGS)
    if x.is_int:
        text = f"lax.reduce_window({text}, np.array(0, {x.name}.dtype), lax.add, {window}, {strides}, {padding})"
        return w.emit(text)
    if w.chance(0.5):
        return w.emit(f"lax.reduce_window({text}, -jnp.inf, lax.max, {window}, {strides}, 'VALID')", x.size, x.noise)
    terms = math.prod(window)
    size = x.size * math.sqrt(terms)
    text = f"lax.reduce_window({text}, 0.0, lax.add, {window}, {strides}, {padding})"
    return w.emit(text, size, w.rounded(x.dtype, 2 * size, terms * x.noise))
