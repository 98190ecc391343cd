"""Meshes whose axis sizes are searched together with the sharding: which there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from autopart.costmodel.devices import device as named_device
from autopart.costmodel.errors import CostModelError
from autopart.costmodel.mesh import Mesh
from autopart.costmodel.profile import Device
from autopart.costmodel.shapes import are_twins, factorisations
from autopart.errors import MeshError
from autopart.partitioning.problem import check_axes
from autopart.program import Graph

MOST_AXES = 3


@dataclass(frozen=True)
class AnyMesh:
    """So many devices, arranged in the mesh that suits a program best: ``AnyMesh(32, device="tpu_v3")``.

    Attributes:
        devices: how many; 2 or more.
        device: name of a known profile, the path of a YAML file with one, or a `Device`.
        axes: names of the axes, outermost first; a mesh has as many of them as it needs, from the first on.
        topology: shape of the slice, for devices on a torus; see ``Mesh``.

    Raises:
        MeshError: too few devices, names that are none, or an unknown device.
    """

    devices: int
    device: str | Device = "tpu_v3"
    axes: tuple[str, ...] = ("data", "model")
    topology: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.devices, bool) or not isinstance(self.devices, int) or self.devices < 2:
            raise MeshError(f"devices={self.devices!r}: must be a whole number, 2 or more, for a mesh to be searched")
        named = isinstance(self.axes, (tuple, list)) and all(isinstance(n, str) and n.isidentifier() for n in self.axes)
        if not named or not 1 <= len(set(self.axes)) == len(self.axes) <= MOST_AXES:
            raise MeshError(f"axes={self.axes!r}: must be 1 to {MOST_AXES} different names, e.g. ('data', 'model')")
        object.__setattr__(self, "axes", tuple(self.axes))
        object.__setattr__(self, "topology", None if self.topology is None else tuple(self.topology))
        try:
            _ = self.device_profile
        except CostModelError as error:
            raise MeshError(str(error)) from error

    @cached_property
    def device_profile(self) -> Device:
        """The profile of the devices."""
        return self.device if isinstance(self.device, Device) else named_device(self.device)


@dataclass(frozen=True)
class Candidates:
    """The meshes that are searched.

    Attributes:
        meshes: fewest axes first, the longest outermost axis first.
        refused: axis sizes by name of the others, and why they are not.
    """

    meshes: tuple[Mesh, ...]
    refused: tuple[tuple[dict[str, int], str], ...] = field(default=())


def candidates(graph: Graph, asked: AnyMesh, by_name: bool) -> Candidates:
    """The meshes of so many devices that can be laid over the links and divide something of the program.

    Args:
        graph: the program.
        asked: what the user asked for.
        by_name: whether something that was asked for speaks of axes by name; else meshes that differ only in the
            order of their axes, and not in what collectives take, are one.

    Raises:
        MeshError: there is none.
    """
    meshes: list[Mesh] = []
    refused: list[tuple[dict[str, int], str]] = []
    for sizes in factorisations(asked.devices, len(asked.axes)):
        axes = dict(zip(asked.axes, sizes, strict=False))
        try:
            mesh = Mesh(axes, asked.device, topology=asked.topology)
            check_axes(graph, mesh)
        except (MeshError, CostModelError) as error:
            refused.append((axes, str(error)))
            continue
        twin = None if by_name else next((other for other in meshes if are_twins(mesh, other)), None)
        if twin is None:
            meshes.append(mesh)
        else:
            refused.append((axes, f"the same as {shape_text(twin.axis_sizes)}"))
    if not meshes:
        raise MeshError(_why_none(asked, [why for _, why in refused]))
    return Candidates(tuple(meshes), tuple(refused))


def shape_text(sizes: Sequence[int]) -> str:
    """E.g. ``16x2``."""
    return "x".join(str(size) for size in sizes)


def _why_none(asked: AnyMesh, reasons: Sequence[str]) -> str:
    if len(reasons) == 1 and len(asked.axes) > 1:
        near = sorted((n for n in (asked.devices - 1, asked.devices + 1) if n > 1), key=lambda n: -(n & -n))
        others = " or ".join(f"devices={n}" for n in near)
        return (
            f"devices={asked.devices} is a prime number, so the only mesh is one axis of {asked.devices}, and that "
            f"cannot be: {reasons[0].partition(' Fix:')[0]} Fix: {others}."
        )
    return f"no mesh of {asked.devices} devices suits the program. Of {len(reasons)}, the first: {reasons[0]}"
