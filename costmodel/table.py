"""The table of lines that the kernel reads: every kind of collective over every set of mesh axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from autopart.costmodel.kinds import (
    ALL_GATHER,
    ALL_REDUCE,
    ALL_SLICE,
    ALL_TO_ALL,
    COLLECTIVE_PERMUTE,
    KIND_NAMES,
    REDUCE_SCATTER,
)
from autopart.costmodel.lines import FREE, Line, one_after_another, side_by_side
from autopart.costmodel.links import Link
from autopart.costmodel.measured import Lines, between
from autopart.costmodel.placement import Part, Placement
from autopart.costmodel.switch import Tier, switch_lines
from autopart.costmodel.torus import Way, torus_line


class Level(NamedTuple):
    """Devices, or groups of devices, that are joined by one torus or by switches of one library.

    Attributes:
        size: how many.
        ways: the dimensions of the torus, or ().
        tiers: the tiers of switches, nearest first, or ().
    """

    size: int
    ways: tuple[Way, ...]
    tiers: tuple[Tier, ...]

    def lines(self, kind: int) -> tuple[Line, ...]:
        """Returns the ways to do a collective on this level alone."""
        return (torus_line(kind, self.ways),) if self.ways else switch_lines(kind, self.tiers)


def levels_of(placement: Placement, axes: Sequence[int]) -> tuple[Level, ...]:
    """Returns the levels over which a collective on a set of mesh axes runs, nearest first."""
    parts = [part for axis in axes for part in placement.parts[axis]]
    used = [(link, [p for p in parts if p.kind == kind], kind) for kind, link in placement.links.items()]
    levels = []
    for library, group in groupby((u for u in used if u[1]), key=_library):
        members = list(group)
        size = math.prod(part.size for _, found, _ in members for part in found)
        ways = tuple(
            w for link, found, kind in members if link.torus for w in _ways(link, found, placement.shapes[kind])
        )
        tiers = tuple(Tier(math.prod(p.size for p in found), link) for link, found, _ in members if not link.torus)
        assert not (ways and tiers), library
        levels.append(Level(size, ways, tiers))
    return tuple(levels)


def _library(used: tuple[Link, list[Part], str]) -> tuple[str, ...]:
    """Links with the same protocols are driven by one library together, every other kind by itself."""
    link, _, kind = used
    return tuple(protocol.name for protocol in link.protocols) or ("plain", kind)


def _ways(link: Link, parts: Sequence[Part], shape: Sequence[int]) -> list[Way]:
    """The dimensions that parts of a torus make; parts that continue each other along a dimension are one."""
    ways = []
    for dimension in sorted({part.dimension for part in parts}):
        runs: list[Part] = []
        for part in sorted((p for p in parts if p.dimension == dimension), key=lambda p: p.stride):
            if runs and runs[-1].stride * runs[-1].size == part.stride:
                runs[-1] = runs[-1]._replace(size=runs[-1].size * part.size)
            else:
                runs.append(part)
        ways.append(_joined([_way(link, run, shape) for run in runs]))
    return ways


def _way(link: Link, part: Part, shape: Sequence[int]) -> Way:
    """A run along one dimension; devices between its neighbours share the wires with it."""
    whole = shape[part.dimension]
    closing = [n % link.wrap_every == 0 for n in shape]
    closes = (all(closing) if link.wrap_whole else closing[part.dimension]) and part.stride * part.size == whole > 2
    wires = 2 if closes else 1
    return Way(part.size, wires * link.bandwidth_bytes_per_s / part.stride, link.latency_s * part.stride, closes)


def _joined(ways: Sequence[Way]) -> Way:
    """Runs of one dimension with a gap between: one way as slow as the slowest, for they share the wires."""
    if len(ways) == 1:
        return ways[0]
    size, latency_s = math.prod(way.size for way in ways), max(way.latency_s for way in ways)
    return Way(size, min(way.bandwidth for way in ways), latency_s, closes=False)


def collective_lines(kind: int, levels: Sequence[Level]) -> tuple[Line, ...]:
    """Returns the ways to do one collective over levels, nearest first, of ``m_0, m_1, ...`` devices or groups.

    Levels take turns, and the nearest carries the most:

    * all_gather: the farthest first, each on ``B / (m_0 ... m_{j-1})`` bytes in full, the nearest on all ``B``;
    * reduce_scatter: its mirror, the nearest first, at the same cost;
    * all_reduce: reduce_scatters nearest first, an all_reduce of what is left on the farthest, all_gathers back;
    * all_to_all: one a level, each of the local operand of ``B / N`` bytes, so of ``B m_j / N`` in full;
    * collective_permute: all levels at once, for each device has one neighbour to send to.

    Sources: Thakur, Rabenseifner, Gropp, 2005 (reduce_scatter and all_gather); Cho et al., "BlueConnect: decomposing
    all-reduce for deep learning on heterogeneous network hierarchy", 2019 (hierarchical).
    """
    if kind == ALL_SLICE or not levels:
        return FREE
    devices, within, steps = math.prod(level.size for level in levels), 1, []
    for level in levels:
        if kind in (ALL_TO_ALL, COLLECTIVE_PERMUTE):
            steps.append(_of_share(level.lines(kind), level.size / devices))
        elif kind == ALL_REDUCE and level is not levels[-1]:
            steps.append(_of_share(level.lines(REDUCE_SCATTER), 1 / within))
            steps.append(_of_share(level.lines(ALL_GATHER), 1 / within))
        else:
            steps.append(_of_share(level.lines(kind), 1 / within))
        within *= level.size
    return side_by_side(*steps) if kind == COLLECTIVE_PERMUTE else one_after_another(*steps)


def _of_share(lines: Sequence[Line], share: float) -> tuple[Line, ...]:
    return tuple(line.of_share(share) for line in lines)


def links_table(placement: Placement, measured: Lines) -> npt.NDArray[np.float64]:
    """Returns the table for `collectives.collective_time`: (sets of axes, kinds, lines, 2), float64.

    A set of axes is a number with a bit an axis. Where a collective has fewer ways than another, its last is repeated.
    Where a kind was `measured`, that stands for the links, however many axes take part.
    """
    axes = range(len(placement.parts))
    levels = [levels_of(placement, [a for a in axes if chosen >> a & 1]) for chosen in range(2 ** len(axes))]
    lines = []
    for over in levels:
        n = math.prod(level.size for level in over)
        known = {kind: measured[name] for kind, name in enumerate(KIND_NAMES) if n > 1 and name in measured}
        kinds = range(len(KIND_NAMES))
        lines.append([(between(known[k], n),) if k in known else collective_lines(k, over) for k in kinds])
    most = max(len(ways) for kinds in lines for ways in kinds)
    return np.array([[[*ways, *[ways[-1]] * (most - len(ways))] for ways in kinds] for kinds in lines], np.float64)


def streams(placement: Placement) -> npt.NDArray[np.int64]:
    """Returns the stream of each axis: axes that share a dimension of a torus or a switch have the same one.

    Numbers count from 0 in axis order; an axis of one device has a stream of its own.
    """
    wires = [{(part.kind, part.dimension) for part in parts} for parts in placement.parts]
    group = list(range(len(wires)))
    for axis, mine in enumerate(wires):
        for other in range(axis):
            if mine & wires[other]:
                group = [group[other] if g == group[axis] else g for g in group]
    names = list(dict.fromkeys(group))
    return np.array([names.index(g) for g in group], np.int64)
