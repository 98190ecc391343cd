"""What collectives take, by kind and number of devices, with every group of devices at it at the same time."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import jax
from jax import lax

from autopart.calibration.clock import MEMBER, Probe, over_empty, probe
from autopart.calibration.effort import Effort
from autopart.calibration.fit import Line, fit_line

Tick = Callable[[str], None]

_WIDTH: Final = 64
"""Columns of the arrays that travel; divisible by every number of members."""

_CHAIN: Final = 3
"""Collectives in one program, one after another."""


def _to_all(x: Any, n: int) -> Any:
    return lax.all_to_all(x, MEMBER, split_axis=1, concat_axis=0, tiled=True)


def _scatter(x: Any, n: int) -> Any:
    return lax.psum_scatter(x, MEMBER, scatter_dimension=0, tiled=True)


KINDS: Final[Mapping[str, tuple[Callable[[Any, int], Any], bool]]] = MappingProxyType(
    {
        "all_gather": (lambda x, n: lax.all_gather(x, MEMBER, axis=0, tiled=True), True),
        "all_reduce": (lambda x, n: lax.psum(x, MEMBER), False),
        "reduce_scatter": (_scatter, False),
        "all_to_all": (_to_all, True),
        "collective_permute": (lambda x, n: lax.ppermute(x, MEMBER, [(i, (i + 1) % n) for i in range(n)]), True),
    }
)
"""Kind -> the collective, and whether a device brings only its part of the bytes in full."""


INTERLEAVED: Final[Mapping[str, Callable[[Any, int], Any]]] = MappingProxyType(
    {
        "all_gather": lambda x, axis: lax.all_gather(x, MEMBER, axis=axis, tiled=True),
        "reduce_scatter": lambda x, axis: lax.psum_scatter(x, MEMBER, scatter_dimension=axis, tiled=True),
    }
)
"""Kind -> the collective along a dimension, of those that differ by dimension."""

_NOISE: Final = 0.01
"""Part of a collective by which one along another dimension takes longer at least, as far as one can tell."""


def sizes_of_axes(devices: int) -> tuple[int, ...]:
    """The numbers of devices that take part: 2, 4, 8 ... as many as there are."""
    return tuple(2**k for k in range(1, devices.bit_length()) if 2**k <= devices)


def collective_lines(effort: Effort, tick: Tick) -> dict[str, dict[int, Line]]:
    """Kind -> number of devices taking part -> seconds by bytes in full (see ``autopart.costmodel.collectives``)."""
    keys = [(kind, n) for kind in KINDS for n in sizes_of_axes(len(jax.devices()))]
    probes = [_collective(kind, n, nbytes) for kind, n in keys for nbytes in effort.collective_bytes]
    seconds = iter(over_empty(probes, effort.rounds, tick))
    lines: dict[str, dict[int, Line]] = {kind: {} for kind in KINDS}
    for kind, n in keys:
        times = [next(seconds) for _ in effort.collective_bytes]
        lines[kind][n] = fit_line([float(nbytes) for nbytes in effort.collective_bytes], times)
    return lines


def rearranging_s_per_byte(effort: Effort, tick: Tick) -> float:
    """Seconds a byte in full that all_gathers and reduce_scatters take more along a later dimension than the first.

    Where the parts do not lie together they are copied: the mean over sizes, dimensions and the two kinds.
    """
    devices = sizes_of_axes(len(jax.devices()))[-1]
    rows = [(kind, shape) for kind in INTERLEAVED for shape in effort.interleaved]
    probes = [_along(kind, devices, shape, axis) for kind, shape in rows for axis in range(len(shape))]
    seconds = iter(over_empty(probes, effort.rounds, tick))
    more = []
    for _, shape in rows:
        first, *later = [next(seconds) for _ in shape]
        more += [max(s - first, _NOISE * first) / (4 * math.prod(shape)) for s in later]
    return statistics.fmean(more)


def _along(kind: str, n: int, shape: tuple[int, ...], axis: int) -> Probe:
    """A collective on an array of ``shape`` in full, along one of its dimensions."""
    local = tuple(size // n if at == axis and kind == "all_gather" else size for at, size in enumerate(shape))
    text = " x ".join(map(str, shape))
    return _chain(f"{kind} over {n}, {text}, axis {axis}", lambda x: INTERLEAVED[kind](x, axis), n, local)


def _collective(kind: str, n: int, nbytes: int) -> Probe:
    """A collective on an array of ``nbytes`` in full."""
    run, partial = KINDS[kind]
    shape = nbytes // (4 * _WIDTH) // (n if partial else 1), _WIDTH
    return _chain(f"{kind} over {n}, {nbytes // 1024} kB", lambda x: run(x, n), n, shape)


def _chain(name: str, run: Callable[[Any], Any], n: int, shape: tuple[int, ...]) -> Probe:
    """A few collectives on arrays of their own, held in order by barriers, so that none is merged with another."""

    def body(*arrays: Any) -> Any:
        made = run(arrays[0])
        results = [made]
        for array in arrays[1:]:
            array, made = lax.optimization_barrier((array, made))
            made = run(array)
            results.append(made)
        return tuple(results)

    return probe(name, body, [shape] * _CHAIN, members=n, times=_CHAIN)
