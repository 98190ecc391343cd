"""From timings to a device profile, with what each figure rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import jax

from autopart.calibration.clock import memory_bytes
from autopart.calibration.communication import (
    INTERLEAVED,
    KINDS,
    collective_lines,
    rearranging_s_per_byte,
    sizes_of_axes,
)
from autopart.calibration.compute import (
    FUNCTIONS,
    matmul_rates,
    op_overhead_s,
    stream_rates,
    usable_dtypes,
    vector_rates,
)
from autopart.calibration.effort import ACCELERATOR, HOST, QUICK, Effort, Shape
from autopart.calibration.fit import Line, typical
from autopart.calibration.ops import cases, op_rates
from autopart.costmodel import lines as lines_of
from autopart.costmodel.links import Link
from autopart.costmodel.profile import Device
from autopart.errors import CalibrationError

DTYPES: Final = ("bfloat16", "float32")

_LARGE: Final = 0.5
"""A product that reaches this part of the best rate counts for the efficiency of large ones."""

Tick = Callable[[str], None]


@dataclass(frozen=True)
class Calibration:
    """What was measured, of one device while all are at work.

    Attributes:
        device: the profile.
        matmuls: dtype -> shape -> flops per second.
        stream: bytes of an array -> bytes per second that pointwise work reads and writes.
        functions: transcendental function -> elements per second.
        ops: class of ops -> case -> what is done per second, see ``costmodel.Device.op_rates``.
        lines: collective -> number of devices taking part -> seconds by bytes in full.
    """

    device: Device
    matmuls: Mapping[str, Mapping[Shape, float]]
    stream: Mapping[int, float]
    functions: Mapping[str, float]
    ops: Mapping[str, Mapping[str, float]]
    lines: Mapping[str, Mapping[int, Line]]


def effort_for(platform: str, quick: bool = False) -> Effort:
    """How much to measure on a platform as JAX calls it (``cpu``, ``gpu``)."""
    return QUICK if quick else HOST if platform == "cpu" else ACCELERATOR


def calibrate(name: str, effort: Effort | None = None, tick: Tick = lambda text: None) -> Calibration:
    """Measures the devices that JAX sees; ``tick`` hears what is measured next, once a probe.

    Raises:
        CalibrationError: there is one device only, so that no link can be measured, or timings make no sense.
    """
    devices = jax.devices()
    if len(devices) < 2:
        raise CalibrationError(
            f"collectives need two devices at least; JAX sees {len(devices)} ({devices[0].platform}). Fix: on a host "
            "pass --devices 8; on an accelerator, run where there is more than one."
        )
    effort = effort or effort_for(devices[0].platform)
    matmuls = {dtype: matmul_rates(effort, dtype, tick) for dtype in usable_dtypes(DTYPES)}
    stream = stream_rates(effort, tick)
    vector, functions = vector_rates(effort, tick)
    ops, tile = op_rates(effort, tick)
    overhead = op_overhead_s(effort, tick)
    lines = collective_lines(effort, tick)
    device = replace(
        _device(name, matmuls, stream, (vector, functions), lines),
        op_rates={what: typical(list(rates.values())) for what, rates in ops.items()},
        convolution_tile=tile,
        op_overhead_s=overhead,
        rearranging_s_per_byte=rearranging_s_per_byte(effort, tick),
    )
    return Calibration(device, matmuls, stream, functions, ops, lines)


def _device(
    name: str,
    matmuls: Mapping[str, Mapping[Shape, float]],
    stream: Mapping[int, float],
    vectors: tuple[float, Mapping[str, float]],
    lines: Mapping[str, Mapping[int, Line]],
) -> Device:
    """The profile: the best rates as peaks, and the typical part of them that large products reach."""
    peaks = {dtype: max(rates.values()) for dtype, rates in matmuls.items()}
    parts = [rate / peaks[dtype] for dtype, rates in matmuls.items() for rate in rates.values()]
    host = jax.default_backend() == "cpu"
    return Device(
        name=name,
        peak_flops=peaks,
        vector_flops=vectors[0],
        hbm_bytes=memory_bytes(),
        hbm_usable_bytes=memory_bytes(),
        hbm_bandwidth_bytes_per_s=typical(list(stream.values())),
        matmul_efficiency=typical([part for part in parts if part >= _LARGE]),
        matmul_tile=(1, 1, 1),  # What padding costs is in the efficiency.
        overlaps=not host,
        links={"host" if host else "measured": _ring(lines["all_reduce"])},
        transcendental_flops=typical(list(vectors[1].values())),
        collective_lines={
            kind: {n: lines_of.Line(line.start_s, line.s_per_byte) for n, line in by_size.items()}
            for kind, by_size in lines.items()
        },
    )


def _ring(lines: Mapping[int, Line]) -> Link:
    """Latency and bandwidth of the ring whose all_reduce takes as long as the widest that was measured.

    For collectives that run over other links too, of which measured lines know nothing.
    """
    n, widest = max(lines.items())
    if not widest.s_per_byte > 0:
        raise CalibrationError("larger all_reduces took no longer. Fix: measure again, on a quieter machine")
    return Link(2 * (n - 1) / (n * widest.s_per_byte), widest.start_s / (2 * (n - 1)))


def number_of_probes(effort: Effort, devices: int) -> int:
    """How often ``calibrate`` ticks."""
    collectives = len(KINDS) * len(sizes_of_axes(devices)) * len(effort.collective_bytes)
    collectives += len(INTERLEAVED) * sum(map(len, effort.interleaved))
    compute = len(usable_dtypes(DTYPES)) * len(effort.matmuls) + len(effort.stream_bytes) + len(FUNCTIONS) + 2
    return compute + len(cases(effort)) + collectives
