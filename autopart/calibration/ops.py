"""How fast ops are that are no plain products and no pointwise work: see ``costmodel.Device.op_rates``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from autopart.calibration.clock import Probe, over_empty, probe
from autopart.calibration.effort import Effort, Image

Tick = Callable[[str], None]
Function = Callable[[Any, Any], Any]

TILES: Final = (1, 8, 16, 32, 64, 128)
"""Features in whose multiples convolutions may be made."""

_TIMES: Final = 6
"""Times that the op is in one program, each on an operand of its own."""

_LAYOUT: Final = ("NHWC", "HWIO", "NHWC")


class Case(NamedTuple):
    """An op of some size.

    Attributes:
        name: of the class of ops.
        text: which op it is, for people.
        build: makes the probe, with its operands on the devices.
        work: what one run of the op does, in the terms of the class.
        features: that a convolution makes; 0 of another op.
    """

    name: str
    text: str
    build: Callable[[], Probe]
    work: float
    features: int


def cases(effort: Effort) -> list[Case]:
    """What is timed, class by class."""
    return [
        *(case for image in effort.images for case in _convolutions(image)),
        *(_batched(*shape) for shape in effort.batched),
        *(_division(rows, columns) for rows, columns in effort.sums),
        *(case for rows, columns in effort.sums for case in _sums(rows, columns)),
        *(case for image in effort.images for case in _windows(image)),
        *(case for places, rows, columns in effort.lookups for case in _lookups(places, rows, columns)),
    ]


def op_rates(effort: Effort, tick: Tick) -> tuple[dict[str, dict[str, float]], int]:
    """Class of ops -> case -> what is done per second, of convolutions with their tile filled; and that tile."""
    timed = cases(effort)
    seconds = over_empty([case.build() for case in timed], effort.rounds, tick)
    rates: dict[str, dict[str, float]] = {}
    for case, taken in zip(timed, seconds, strict=True):
        rates.setdefault(case.name, {})[case.text] = case.work / taken
    features = {case.text: case.features for case in timed}
    tile = convolution_tile([(features[text], rate) for text, rate in rates["convolution"].items()])
    for found in rates.values():
        for text, rate in found.items():
            found[text] = rate / _filled(features[text], tile) if features[text] else rate
    return rates, tile


def convolution_tile(rates: Sequence[tuple[int, float]]) -> int:
    """The tile, of ``TILES``, under which rates of convolutions by features made differ least once it is filled."""

    def spread(tile: int) -> float:
        return float(np.std([math.log(rate / _filled(features, tile)) for features, rate in rates]))

    return min(TILES, key=spread)


def _filled(features: int, tile: int) -> float:
    """The part of the next multiple of ``tile`` that ``features`` are."""
    return features / (-(-features // tile) * tile)


def _case(name: str, text: str, function: Function, shared: Any, own: Any, work: float, features: int = 0) -> Case:
    """``function`` of an operand of shape ``shared`` and of several of shape ``own``, one after another."""

    def body(first: Any, *others: Any) -> Any:
        return tuple(function(first, other) for other in others)

    text = f"{name} {text}"
    return Case(name, text, lambda: probe(text, body, [shared, *[own] * _TIMES], times=_TIMES), work, features)


def _convolutions(image: Image) -> Iterator[Case]:
    """A convolution, and the two of its backward pass."""
    images, side, features, made, window = image
    arrays, results, kernel = (
        (images, side, side, features),
        (images, side, side, made),
        (window, window, features, made),
    )
    work = 2.0 * math.prod(results) * math.prod(kernel[:3])
    text = f"{images} x {side} x {side} x {features}, {window} x {window} to {made}"

    def convolve(x: Any, weights: Any) -> Any:
        return lax.conv_general_dilated(x, weights, (1, 1), "SAME", dimension_numbers=_LAYOUT)

    def of_operand(weights: Any, grad: Any) -> Any:
        return jax.vjp(lambda x: convolve(x, weights), jnp.zeros(arrays))[1](grad)[0]

    def of_weights(x: Any, grad: Any) -> Any:
        return jax.vjp(lambda weights: convolve(x, weights), jnp.zeros(kernel))[1](grad)[0]

    name = "convolution_1x1" if window == 1 else "convolution"
    yield _case(name, text, lambda weights, x: convolve(x, weights), kernel, arrays, work, made)
    yield _case(name, f"{text}, gradient", of_operand, kernel, results, work, features)
    yield _case(name, f"{text}, gradient of weights", of_weights, arrays, results, work, made)


def _batched(batch: int, m: int, k: int, n: int) -> Case:
    text, work = f"{batch} x {m} x {k} x {n}", 2.0 * batch * m * k * n
    return _case("batched_product", text, lambda right, left: left @ right, (batch, k, n), (batch, m, k), work)


def _division(rows: int, columns: int) -> Case:
    """Each row by numbers of its own, as norms divide."""
    text, shape = f"{rows} x {columns}", (rows, columns)
    return _case("division", text, lambda by, x: x / by, (rows, 1), shape, 1.0 * rows * columns)


def _sums(rows: int, columns: int) -> Iterator[Case]:
    """Along rows and along columns."""
    for axis in range(2):
        text = f"{rows} x {columns}, axis {axis}"
        yield _case("reduction", text, partial(_sum, axis), (1,), (rows, columns), 1.0 * rows * columns)


def _sum(axis: int, _: Any, x: Any) -> Any:
    return x.sum(axis)


def _windows(image: Image) -> Iterator[Case]:
    """The largest of each window, every other place, and its backward pass."""
    images, side, features, _, window = image
    if window == 1:
        return
    arrays, results = (images, side, side, features), (images, side // 2, side // 2, features)
    text, work = f"{images} x {side} x {side} x {features}, {window} x {window}", 1.0 * math.prod(arrays) * window**2

    def largest(x: Any) -> Any:
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, window, window, 1), (1, 2, 2, 1), "SAME")

    yield _case("window", text, lambda _, x: largest(x), (1,), arrays, work)
    yield _case("window", f"{text}, gradient", lambda x, grad: jax.vjp(largest, x)[1](grad)[0], arrays, results, work)


def _lookups(places: int, rows: int, columns: int) -> Iterator[Case]:
    """Rows of a table, taken and added up in it again."""

    def take(at: Any, table: Any) -> Any:
        return table[at.astype(jnp.int32)]

    def put(at: Any, values: Any) -> Any:
        return jax.ops.segment_sum(values, at.astype(jnp.int32), num_segments=places)

    text, work = f"{rows} of {places} x {columns}", 1.0 * rows * columns
    yield _case("gather", text, take, (rows,), (places, columns), work)
    yield _case("scatter", text, put, (rows,), (rows, columns), work)
