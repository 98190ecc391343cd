"""The device mesh: named axes of devices of one kind."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from autopart.costmodel.devices import device
from autopart.costmodel.errors import CostModelError
from autopart.costmodel.links import AxisLinks, Link
from autopart.costmodel.placement import Placement, place
from autopart.costmodel.profile import Device
from autopart.costmodel.table import links_table, streams

MAX_AXES: Final = 7
"""The most axes a mesh may have: seven codes of 4 bits fit in 31 bits, and stay positive in 32."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """A grid of equal devices with named axes, outermost first: ``Mesh({"data": 16, "model": 2})``.

    Attributes:
        axes: size of each axis by name, in order; neighbours on the last axis are nearest.
        device: name of a known profile, the path of a YAML file with one, or a `Device`.
        links_by_axis: for axes that do not run over the nearest links that have room: the name of a kind of link of
            the device, such as ``"dcn"``, or a link described.
        topology: shape of the slice, for devices on a torus; None for the most even one. Where it has fewer devices
            than the mesh, there are several slices.

    Meshes are hashable, and equal when axes (order counts), device, links and topology are.

    Raises:
        CostModelError: no axis or more than 7, a size that is not a positive integer, a name that is not
            an identifier, an unknown device, or links or a topology that do not fit; see `placement.place`.
    """

    axes: Mapping[str, int]
    device: str | Device = "tpu_v3"
    links_by_axis: Mapping[str, str | Link] = field(default_factory=dict)
    topology: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", MappingProxyType(dict(self.axes)))
        object.__setattr__(self, "links_by_axis", MappingProxyType(dict(self.links_by_axis)))
        object.__setattr__(self, "topology", None if self.topology is None else tuple(self.topology))
        if not 1 <= len(self.axes) <= MAX_AXES:
            raise CostModelError(f"a mesh has 1 to {MAX_AXES} axes, not {len(self.axes)}")
        for name, size in self.axes.items():
            if not isinstance(name, str) or not name.isidentifier():
                raise CostModelError(f"mesh axis name {name!r} is not an identifier; try 'data' or 'model'")
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise CostModelError(f"mesh axis {name!r} must have a positive integer size, not {size!r}")
        if isinstance(self.device, str) and self.device.endswith(".yaml"):
            object.__setattr__(self, "device", device(self.device))
        _ = self.placement  # Unknown devices and links that do not fit raise here, where the user wrote them.

    @property
    def axis_names(self) -> tuple[str, ...]:
        """Names of the axes, outermost first."""
        return tuple(self.axes)

    @property
    def axis_sizes(self) -> tuple[int, ...]:
        """Devices on each axis, outermost first."""
        return tuple(self.axes.values())

    @property
    def size(self) -> int:
        """Devices in the whole mesh."""
        return math.prod(self.axes.values())

    @functools.cached_property
    def device_profile(self) -> Device:
        """The profile of the mesh's devices."""
        return self.device if isinstance(self.device, Device) else device(self.device)

    @functools.cached_property
    def placement(self) -> Placement:
        """The links that each axis runs over."""
        return place(self.axes, self.device_profile.links, self.links_by_axis, self.topology)

    def links(self) -> AxisLinks:
        """Returns the links of every axis as arrays, in axis order, for the kernels of `collectives`."""
        return AxisLinks(
            sizes=np.array(self.axis_sizes, np.int64),
            table=links_table(self.placement, {} if self.links_by_axis else self.device_profile.collective_lines),
            stream=streams(self.placement),
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the mesh as plain JSON values; axes are a list of pairs, for their order counts."""
        document: dict[str, Any] = {
            "axes": [[name, size] for name, size in self.axes.items()],
            "device": self.device if isinstance(self.device, str) else self.device.to_json(),
        }
        if self.links_by_axis:
            document["links"] = {
                name: link if isinstance(link, str) else link.to_json() for name, link in self.links_by_axis.items()
            }
        if self.topology is not None:
            document["topology"] = list(self.topology)
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Mesh:
        """Returns the mesh that `to_json` wrote.

        Raises:
            CostModelError: the document is not that of a mesh.
        """
        try:
            axes = {str(name): size for name, size in document["axes"]}
            if len(axes) != len(document["axes"]):
                raise CostModelError(f"a mesh axis stands twice in {document['axes']}")
            what = document["device"]
            links = {
                name: link if isinstance(link, str) else Link.from_json(link)
                for name, link in document.get("links", {}).items()
            }
            profile = what if isinstance(what, str) else Device.from_json(what)
            return cls(axes, profile, links, document.get("topology"))
        except (KeyError, TypeError, AttributeError) as error:
            raise CostModelError(f"not the document of a mesh: {error!r}") from error

    def _key(self) -> tuple[object, ...]:
        return tuple(self.axes.items()), self.device_profile, frozenset(self.links_by_axis.items()), self.topology

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Mesh) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __reduce__(self) -> tuple[Any, ...]:
        return Mesh, (dict(self.axes), self.device, dict(self.links_by_axis), self.topology)

    def __repr__(self) -> str:
        more = f", links_by_axis={dict(self.links_by_axis)}" if self.links_by_axis else ""
        more += f", topology={self.topology}" if self.topology is not None else ""
        name = self.device if isinstance(self.device, str) else self.device.name
        return f"Mesh({dict(self.axes)}, device={name!r}{more})"
