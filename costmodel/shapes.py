"""The meshes that a number of devices can be arranged in, and which of them are the same."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from autopart.costmodel.mesh import Mesh


def factorisations(devices: int, most_axes: int) -> list[tuple[int, ...]]:
    """Returns the sizes of all meshes of 1 to `most_axes` axes, none of size 1: fewest axes first, longest first.

    Order counts, for the last axis is the nearest: 16 x 2 and 2 x 16 are two.
    """
    return [sizes for axes in range(1, most_axes + 1) for sizes in _ordered(devices, axes)]


def _ordered(devices: int, axes: int) -> Iterator[tuple[int, ...]]:
    if axes == 1:
        if devices > 1:
            yield (devices,)
        return
    for size in range(devices // 2, 1, -1):
        if devices % size == 0:
            for rest in _ordered(devices // size, axes - 1):
                yield size, *rest


def are_twins(one: Mesh, other: Mesh) -> bool:
    """Whether two meshes are one up to the names of their axes: every collective over every axes takes as long."""
    if one.device_profile != other.device_profile or sorted(one.axis_sizes) != sorted(other.axis_sizes):
        return False
    mine, theirs = one.links(), other.links()
    if mine.table.shape != theirs.table.shape:
        return False
    share = mine.stream[:, None] == mine.stream
    for order in itertools.permutations(range(len(mine.sizes))):
        chosen = list(order)
        stream = theirs.stream[chosen]
        sets = [sum(1 << axis for bit, axis in enumerate(order) if n >> bit & 1) for n in range(len(mine.table))]
        if (
            np.array_equal(mine.sizes, theirs.sizes[chosen])
            and np.array_equal(share, stream[:, None] == stream)
            and np.array_equal(mine.table, theirs.table[sets])
        ):
            return True
    return False
