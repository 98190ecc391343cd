"""The groups of devices that a collective joins, as lowered programs write them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

DeviceGroups: TypeAlias = frozenset[frozenset[int]]
"""Device numbers, group by group."""

SubAxis: TypeAlias = tuple[int, int]
"""A part of a mesh axis: the product of the parts that are more major, and its own size."""

_MESH_AXIS = re.compile(r'"([^"]*)"=(\d+)')
_DEVICE_IDS = re.compile(r"device_ids=\[([\d, ]*)\]")
_AXES_OF_MESH = re.compile(r"mesh = @([^,]+), axes = \[(.*)\]>$", re.DOTALL)
_AXIS_REFERENCE = re.compile(r'name = "([^"]*)"(?:, sub_axis_info = \((\d+)\)(\d+))?')


@dataclass(frozen=True)
class DeviceMesh:
    """A mesh that a lowered program names: the sizes of its axes, and its devices in row-major order."""

    axes: Mapping[str, int]
    devices: tuple[int, ...]

    @classmethod
    def of_text(cls, text: str) -> DeviceMesh:
        """The mesh of Shardy's ``#sdy.mesh<["a"=2, "b"=4], device_ids=[...]>``; without ids they count upwards."""
        axes = {name: int(size) for name, size in _MESH_AXIS.findall(text)}
        listed = _DEVICE_IDS.search(text)
        ids = [int(number) for number in listed.group(1).split(",")] if listed else range(math.prod(axes.values()))
        return cls(axes, tuple(ids))

    def groups(self, chosen: Iterable[tuple[str, SubAxis | None]]) -> DeviceGroups:
        """The devices that differ only along the chosen axes, each whole or the part that is named.

        Raises:
            ValueError: the mesh has no such axis, or an axis no such part.
        """
        parts = list(chosen)
        if unknown := {name for name, _ in parts} - set(self.axes):
            raise ValueError(f"no axes {sorted(unknown)} on a mesh of {dict(self.axes)}")
        sizes: list[tuple[int, bool]] = []
        for name, size in self.axes.items():
            sizes += _factors(name, size, [(1, size) if part is None else part for axis, part in parts if axis == name])
        grid = np.array(self.devices).reshape([size for size, _ in sizes])
        inside = [place for place, (_, joined) in enumerate(sizes) if joined]
        outside = [place for place, (_, joined) in enumerate(sizes) if not joined]
        return groups_of_rows(grid.transpose(*outside, *inside).reshape(-1, math.prod(sizes[i][0] for i in inside)))


def _factors(name: str, size: int, parts: Sequence[SubAxis]) -> list[tuple[int, bool]]:
    """The axis as factors from major to minor, and whether each is one of the parts."""
    factors, major = [], 1
    for before, own in sorted(parts):
        if before % major or size % (before * own):
            raise ValueError(f"axis {name!r} of {size} devices has no parts {sorted(parts)}, as (before, size)")
        factors += [(before // major, False), (own, True)]
        major = before * own
    return [*factors, (size // major, False)]


def groups_of_rows(rows: Iterable[Iterable[Any]] | npt.NDArray[Any]) -> DeviceGroups:
    """The groups of an array or list with a row a group."""
    return frozenset(frozenset(int(device) for device in row) for row in rows)


def joined_groups(pairs: np.ndarray[Any, Any]) -> DeviceGroups:
    """The groups of devices that the pairs of a permute join."""
    groups: list[set[int]] = []
    for pair in pairs:
        met = [group for group in groups if not group.isdisjoint(pair)]
        groups = [group for group in groups if group not in met] + [set().union(*met, (int(x) for x in pair))]
    return frozenset(frozenset(group) for group in groups)


def groups_of_attribute(attribute: Any, meshes: Mapping[str, DeviceMesh]) -> DeviceGroups:
    """The groups of StableHLO's ``replica_groups``: rows of device numbers or, by newer JAX, axes of a mesh.

    Args:
        attribute: the attribute, as MLIR's Python objects have it.
        meshes: by their symbols, the meshes of the module.

    Raises:
        ValueError: the attribute is written in neither way, or of a mesh or axis that there is not.
    """
    text = str(attribute)
    if text.startswith("dense<"):
        return groups_of_rows(np.array(attribute))
    found = _AXES_OF_MESH.search(text)
    if found is None or found.group(1) not in meshes:
        raise ValueError(f"replica groups that cannot be read: {text[:200]}; the meshes are {sorted(meshes)}")
    chosen = _AXIS_REFERENCE.findall(found.group(2))
    return meshes[found.group(1)].groups(
        (name, (int(before), int(own)) if before else None) for name, before, own in chosen
    )
