"""Wires between neighbours: rings, open lines, and tori of several dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from autopart.costmodel.kinds import ALL_GATHER, ALL_REDUCE, ALL_TO_ALL, COLLECTIVE_PERMUTE, REDUCE_SCATTER
from autopart.costmodel.lines import Line


class Way(NamedTuple):
    """One dimension along which a device talks to others.

    Attributes:
        size: devices along it.
        bandwidth: bytes per second that a device sends along it, both directions together if it closes.
        latency_s: seconds a step.
        closes: True for a ring, False for an open line.
    """

    size: int
    bandwidth: float
    latency_s: float
    closes: bool

    @property
    def steps(self) -> int:
        """Steps until everybody has heard everybody: half way around a ring, both ways at once; all along a line."""
        return self.size // 2 if self.closes else self.size - 1


def torus_line(kind: int, ways: Sequence[Way]) -> Line:
    """Returns the time of one collective among all devices along several dimensions of a torus.

    With ``B`` bytes in full over ``N = n_1 ... n_k`` devices, ``W_i`` the bandwidth of dimension ``i`` (two wires'
    where the ring closes, one wire's where it does not) and ``a_i`` the latency of its ``s_i`` steps:

    * all_gather, reduce_scatter: ``sum(a_i s_i) + B (N-1) / (N sum(W_i))``. The value is cut in ``k`` parts that
      take the dimensions in rotated orders, so that all wires work at once; a device receives all but its own
      ``B / N``. An open line takes twice as long as a ring, for its ends hear through one wire.
    * all_reduce: twice that, a reduce_scatter and an all_gather.
    * all_to_all: ``sum(a_i s_i) + max(B floor(n_i^2 / 4) / (N n_i W_i))``. Messages go along one dimension after the
      other, in rotated orders too. On a ring each of ``n`` devices sends ``n - 1`` messages that go ``floor(n^2/4)``
      hops together, the nearer way; on a line ``floor(n^2/4)`` messages cross the middle wire.
    * collective_permute: ``max(a_i) + B / (N min(W_i))``, one hop. Where the ring closes it is charged at both
      directions' bandwidth, for a halo is exchanged with both neighbours at once.

    Sources: Chan, Heimlich, Purkayastha, van de Geijn, "Collective communication: theory, practice, and experience",
    2007 (rings); Jain and Sabharwal, "Optimal bucket algorithms for large MPI collectives on torus interconnects",
    2010 (all dimensions at once); "How to scale your model", part 3 (jax-ml.github.io/scaling-book/sharding).
    """
    n = math.prod(way.size for way in ways)
    start = sum(way.latency_s * way.steps for way in ways)
    if kind in (ALL_GATHER, REDUCE_SCATTER, ALL_REDUCE):
        passes = 2 if kind == ALL_REDUCE else 1
        return Line(passes * start, passes * (n - 1) / (n * sum(way.bandwidth for way in ways)))
    if kind == ALL_TO_ALL:
        return Line(start, max((way.size**2 // 4) / (n * way.size * way.bandwidth) for way in ways))
    assert kind == COLLECTIVE_PERMUTE
    return Line(max(way.latency_s for way in ways), 1 / (n * min(way.bandwidth for way in ways)))


def most_even_shape(devices: int, dimensions: int) -> tuple[int, ...]:
    """Returns the sizes, smallest first, of the torus of so many devices whose dimensions are the most alike.

    These are the shapes of Cloud TPU slices: 4 x 8 for 32 chips of v5e, 2 x 4 x 4 for 32 of v4.
    """
    if dimensions == 1:
        return (devices,)
    shapes = (
        (first, *rest)
        for first in range(1, math.isqrt(devices) + 1)
        if devices % first == 0
        for rest in [most_even_shape(devices // first, dimensions - 1)]
        if first <= rest[0]
    )
    return min(shapes, key=lambda shape: (sum(shape), shape))
