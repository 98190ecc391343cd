"""How fast a device computes and how fast it reads and writes, with all of them at work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import jax
import jax.numpy as jnp
from jax import lax

from autopart.calibration.clock import Probe, over_empty, probe
from autopart.calibration.effort import Effort, Shape

Tick = Callable[[str], None]

_MOST_TIMES: Final = 64
"""Products in one program, at most: each is compiled."""

_MOST_STREAMS: Final = 16
"""Pairs of arrays in one program, at most."""

_TINY: Final = 8
_TINY_TIMES: Final = 128

_CHAIN: Final = 32
"""Multiply-adds to an element, enough to make memory not matter."""

FUNCTIONS: Final[Mapping[str, Callable[[Any], Any]]] = MappingProxyType(
    {
        "exp": lambda x: jnp.exp(-x),
        "log": lambda x: jnp.log(x + 2),
        "tanh": jnp.tanh,
        "logistic": lax.logistic,
        "rsqrt": lambda x: lax.rsqrt(x + 1),
        "erf": lax.erf,
    }
)
"""The transcendental functions that models use; each keeps its values near one."""


def matmul_rates(effort: Effort, dtype: str, tick: Tick) -> dict[Shape, float]:
    """Flops per second of one device for products of each shape."""
    probes = [_matmul(shape, dtype, effort.matmul_flops) for shape in effort.matmuls]
    seconds = over_empty(probes, effort.rounds, tick)
    return {(m, k, n): 2 * m * k * n / s for (m, k, n), s in zip(effort.matmuls, seconds, strict=True)}


def _matmul(shape: Shape, dtype: str, work: float) -> Probe:
    """A chain of pairs of products, there and back; one pair is two products of the shape's flops."""
    m, k, n = shape
    pairs = int(min(max(work / (4 * m * k * n), 1), _MOST_TIMES // 2))

    def body(x: Any, there: Any, back: Any) -> Any:
        for _ in range(pairs):
            x = (x @ there) @ back
        return x

    shapes = [(m, k), (k, n), (n, k)]
    return probe(f"matmul {dtype} {m}x{k}x{n}", body, shapes, dtype, times=2 * pairs, value=(k * n) ** -0.5)


def stream_rates(effort: Effort, tick: Tick) -> dict[int, float]:
    """Bytes per second of ``z = a x + y``, which is two reads and a write, by bytes of the arrays.

    All arrays are others, as in a program whose values outgrow the caches, and what is written is new memory.
    """
    probes = []
    for nbytes in effort.stream_bytes:
        times = min(max(effort.stream_total_bytes // (3 * nbytes), 2), _MOST_STREAMS)
        probes.append(_stream(nbytes, times))
    seconds = over_empty(probes, effort.rounds, tick)
    return {nbytes: 3 * nbytes / s for nbytes, s in zip(effort.stream_bytes, seconds, strict=True)}


def _stream(nbytes: int, times: int) -> Probe:
    def body(*arrays: Any) -> Any:
        return tuple(x * 0.5 + y for x, y in zip(arrays[::2], arrays[1::2], strict=True))

    return probe(f"stream {nbytes // 1024} kB", body, [(nbytes // 512, 128)] * 2 * times, times=times)


def vector_rates(effort: Effort, tick: Tick) -> tuple[float, dict[str, float]]:
    """Flops per second of multiply-adds on elements; and elements per second of each of `FUNCTIONS`."""

    def chain(x: Any) -> Any:
        for _ in range(_CHAIN):
            x = x * 0.5 + 1.0
        return x

    shape = (effort.vector_elements // 128, 128)
    functions = {"multiply-add": chain, **FUNCTIONS}
    probes = [_function(name, one, shape, effort.passes) for name, one in functions.items()]
    chained, *seconds = over_empty(probes, effort.rounds, tick)
    rates = {name: effort.vector_elements / s for name, s in zip(FUNCTIONS, seconds, strict=True)}
    return 2 * _CHAIN * effort.vector_elements / chained, rates


def _function(name: str, function: Callable[[Any], Any], shape: tuple[int, int], passes: int) -> Probe:
    def body(x: Any) -> Any:
        return lax.fori_loop(0, passes, lambda _, x: function(x), x)

    return probe(name, body, [shape], times=passes)


def op_overhead_s(effort: Effort, tick: Tick) -> float:
    """Seconds that an op takes however small it is: a chain of products of a few elements."""

    def body(x: Any) -> Any:
        for _ in range(_TINY_TIMES):
            x = x @ x
        return x

    tiny = probe("op overhead", body, [(_TINY, _TINY)], times=_TINY_TIMES, value=1 / _TINY)
    return over_empty([tiny], effort.rounds, tick)[0]


def usable_dtypes(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The wanted dtypes that the devices multiply as they are: without x64, float64 is float32."""
    return tuple(name for name in wanted if jax.dtypes.canonicalize_dtype(name) == jnp.dtype(name))
