"""The clock: programs that all devices run at once, timed in turns."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec

GROUP, MEMBER = "group", "member"
"""Axes of the mesh of a probe: every group of ``members`` devices does the same at the same time."""

Body = Callable[..., Any]


@dataclass(frozen=True)
class Probe:
    """A program to time.

    Attributes:
        name: what it measures, for people.
        run: runs it once, to its end.
        times: how often one run does the thing that is measured.
    """

    name: str
    run: Callable[[], None]
    times: int = 1


def probe(
    name: str,
    body: Body,
    shapes: Sequence[tuple[int, ...]],
    dtype: str = "float32",
    members: int | None = None,
    times: int = 1,
    value: float = 1.0,
) -> Probe:
    """A probe that runs ``body`` on every device, with operands of its own of the local ``shapes``, all ``value``.

    ``body`` may use collectives over the axis ``member``, along which ``members`` devices stand (all, by default).
    """
    devices = jax.devices()
    members = members or len(devices)
    kinds = (jax.sharding.AxisType.Auto,) * 2
    grid = (len(devices) // members, members)
    mesh = jax.make_mesh(grid, (GROUP, MEMBER), axis_types=kinds, devices=devices[: grid[0] * members])
    spec = PartitionSpec((GROUP, MEMBER))
    operands = [_filled(shape, dtype, value, NamedSharding(mesh, spec)) for shape in shapes]
    program = jax.jit(jax.shard_map(body, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False))
    return Probe(name, lambda: jax.block_until_ready(program(*operands)), times)


def _filled(shape: tuple[int, ...], dtype: str, value: float, sharding: NamedSharding) -> jax.Array:
    """Equal numbers; ``shape`` is that of one device's part, which is stacked along its first dimension."""
    whole = (sharding.mesh.size * shape[0], *shape[1:])
    made: jax.Array = jax.jit(lambda: jnp.full(whole, value, dtype), out_shardings=sharding)()
    return made


def fastest(probes: Sequence[Probe], rounds: int, tick: Callable[[str], None]) -> list[float]:
    """Seconds of one run of each probe: the fastest of timings taken in turns, after a run that compiles.

    The fastest, for what else the machine does only ever adds; in turns, so that a while in which it does much falls on
    all alike.
    """
    for one in probes:
        tick(one.name)
        one.run()
    times: list[list[float]] = [[] for _ in probes]
    for _ in range(rounds):
        for one, mine in zip(probes, times, strict=True):
            begin = time.perf_counter()
            one.run()
            mine.append(time.perf_counter() - begin)
    return [min(mine) for mine in times]


def over_empty(probes: Sequence[Probe], rounds: int, tick: Callable[[str], None]) -> list[float]:
    """Seconds of each thing that the probes measure: what an empty program takes is taken off.

    What is left of a probe that is hardly longer than the empty program is noise; a hundredth of it is kept.
    """
    empty = probe("empty program", lambda x: x + 1, [(1,)])
    nothing, *found = fastest([empty, *probes], rounds, lambda name: tick(name) if name != empty.name else None)
    return [max(seconds - nothing, 0.01 * seconds) / one.times for seconds, one in zip(found, probes, strict=True)]


def memory_bytes() -> int:
    """Bytes of memory for each device: what the device reports, or its share of the host's."""
    stats: Any = jax.devices()[0].memory_stats()
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"])
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // len(jax.devices()))
