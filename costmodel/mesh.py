"""The device mesh: named axes of devices of one kind."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from costmodel.collectives import KIND_NAMES, phased_line
from costmodel.devices import Device, device
from costmodel.errors import CostModelError
from costmodel.links import AxisLinks, Link

MAX_AXES: Final = 7
"""The most axes a mesh may have: seven codes of 4 bits fit in 31 bits, and stay positive in 32."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """A grid of equal devices with named axes, outermost first: ``Mesh({"data": 16, "model": 2})``.

    Attributes:
        axes: size of each axis by name, in order; neighbours on the last axis are nearest.
        device: name of a known profile, or a `Device`.
        links_by_axis: links of the axes that differ from the device's own, such as a data-center network.

    Meshes are hashable, and equal when axes (order counts), device and links are.

    Raises:
        CostModelError: no axis or more than 8, a size that is not a positive integer, a name that is not
            an identifier, an unknown device, or a link for an axis that is not there.
    """

    axes: Mapping[str, int]
    device: str | Device = "tpu_v3"
    links_by_axis: Mapping[str, Link] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", MappingProxyType(dict(self.axes)))
        object.__setattr__(self, "links_by_axis", MappingProxyType(dict(self.links_by_axis)))
        if not 1 <= len(self.axes) <= MAX_AXES:
            raise CostModelError(f"a mesh has 1 to {MAX_AXES} axes, not {len(self.axes)}")
        for name, size in self.axes.items():
            if not isinstance(name, str) or not name.isidentifier():
                raise CostModelError(f"mesh axis name {name!r} is not an identifier; try 'data' or 'model'")
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise CostModelError(f"mesh axis {name!r} must have a positive integer size, not {size!r}")
        if strangers := [name for name in self.links_by_axis if name not in self.axes]:
            raise CostModelError(f"links given for {', '.join(strangers)}, but the axes are {', '.join(self.axes)}")
        _ = self.device_profile  # An unknown name raises here, where the user wrote it.

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

    @property
    def device_profile(self) -> Device:
        """The profile of the mesh's devices."""
        return self.device if isinstance(self.device, Device) else device(self.device)

    def links(self) -> AxisLinks:
        """Returns the links of every axis as arrays, in axis order, for the kernels of `collectives`."""
        own = self.device_profile.link
        links = [self.links_by_axis.get(name, own) for name in self.axes]
        rings = [
            (n, link.ring_bandwidth_bytes_per_s(n), link.latency_s, not link.torus)
            for link, n in zip(links, self.axis_sizes, strict=True)
        ]
        table = [
            [
                [phased_line(kind, [ring for axis, ring in enumerate(rings) if chosen >> axis & 1])]
                for kind in range(len(KIND_NAMES))
            ]
            for chosen in range(2 ** len(rings))
        ]
        return AxisLinks(
            sizes=np.array(self.axis_sizes, np.int64),
            table=np.array(table, np.float64),
            stream=np.arange(len(rings), dtype=np.int64),
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the mesh as plain JSON values; axes are a list of pairs, for their order counts."""
        document: dict[str, Any] = {
            "axes": [[name, size] for name, size in self.axes.items()],
            "device": self.device if isinstance(self.device, str) else self.device.to_json(),
        }
        if self.links_by_axis:
            document["links"] = {
                name: {part.name: getattr(link, part.name) for part in dataclass_fields(Link)}
                for name, link in self.links_by_axis.items()
            }
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
            links = {name: Link(**link) for name, link in document.get("links", {}).items()}
            return cls(axes, what if isinstance(what, str) else Device.from_json(what), links)
        except (KeyError, TypeError, AttributeError) as error:
            raise CostModelError(f"not the document of a mesh: {error!r}") from error

    def _key(self) -> tuple[object, ...]:
        return tuple(self.axes.items()), self.device_profile, frozenset(self.links_by_axis.items())

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Mesh) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __reduce__(self) -> tuple[Any, ...]:
        return Mesh, (dict(self.axes), self.device, dict(self.links_by_axis))

    def __repr__(self) -> str:
        more = f", links_by_axis={dict(self.links_by_axis)}" if self.links_by_axis else ""
        name = self.device if isinstance(self.device, str) else self.device.name
        return f"Mesh({dict(self.axes)}, device={name!r}{more})"
