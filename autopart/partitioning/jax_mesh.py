"""Meshes that users bring: ours, or JAX's own with the name of a device profile."""

from __future__ import annotations

from typing import Any

import jax

from autopart.costmodel.errors import CostModelError
from autopart.costmodel.mesh import Mesh
from autopart.costmodel.profile import Device
from autopart.errors import MeshError


def as_mesh(mesh: Any, device: str | Device | None = None) -> tuple[Mesh, Any]:
    """Our mesh and, if the user gave one with devices, JAX's with axes that jit may shard over as it likes.

    Args:
        mesh: ``autopart.Mesh``, ``jax.sharding.Mesh`` or ``jax.sharding.AbstractMesh``.
        device: a device profile or its name; needed with JAX's own meshes, except on CPU.

    Raises:
        MeshError: it is none of these, or the device profile is missing or unknown.
    """
    try:
        if isinstance(mesh, Mesh):
            return (mesh if device is None else Mesh(dict(mesh.axes), device)), None
        if isinstance(mesh, jax.sharding.Mesh):
            platform = mesh.devices.flat[0].platform
            name = device or ("cpu" if platform == "cpu" else None)
            return Mesh(dict(mesh.shape), _named(name)), automatic(mesh)
        if isinstance(mesh, jax.sharding.AbstractMesh):
            return Mesh(dict(zip(mesh.axis_names, mesh.axis_sizes, strict=True)), _named(device)), None
    except CostModelError as error:
        raise MeshError(str(error)) from error
    raise MeshError(f"mesh must be autopart.Mesh, jax.sharding.Mesh or AbstractMesh, not {type(mesh).__name__}")


def _named(device: str | Device | None) -> str | Device:
    if device is None:
        raise MeshError("a JAX mesh does not say what its devices can do: pass device='tpu_v3' or another profile")
    return device


def abstract_mesh(mesh: Mesh) -> Any:
    """The mesh as JAX's own, without devices, with axes that jit shards over as it likes."""
    return automatic(jax.sharding.AbstractMesh(mesh.axis_sizes, mesh.axis_names))


def automatic(mesh: Any) -> Any:
    """A mesh of JAX's with axes that jit may shard over as it likes, whatever they were.

    Unless told otherwise, newer versions make the axes of a mesh without devices explicit.
    """
    types = (jax.sharding.AxisType.Auto,) * len(mesh.axis_names)
    if mesh.axis_types == types:
        return mesh
    if isinstance(mesh, jax.sharding.Mesh):
        return jax.sharding.Mesh(mesh.devices, mesh.axis_names, axis_types=types)
    return jax.sharding.AbstractMesh(mesh.axis_sizes, mesh.axis_names, axis_types=types)


def mesh_of_devices(mesh: Mesh) -> Any:
    """A ``jax.sharding.Mesh`` like ours over the first of this process's devices.

    Raises:
        MeshError: there are fewer devices than the mesh has.
    """
    devices = jax.devices()
    if len(devices) < mesh.size:
        raise MeshError(
            f"the plan is for {mesh.size} devices ({dict(mesh.axes)}), this process has {len(devices)}. "
            "Fix: run it where they are, or give the jax.sharding.Mesh to run on."
        )
    types = (jax.sharding.AxisType.Auto,) * len(mesh.axes)
    return jax.make_mesh(mesh.axis_sizes, mesh.axis_names, axis_types=types, devices=devices[: mesh.size])


def check_device_mesh(theirs: Any, mesh: Mesh) -> Any:
    """A mesh of the user's to lay arrays over by a plan for ours: the same one back.

    Raises:
        MeshError: it is no mesh with devices, or its axes are not those of ours, by name and size.
    """
    if not isinstance(theirs, jax.sharding.Mesh):
        raise MeshError(f"mesh must be a jax.sharding.Mesh, not {type(theirs).__name__}")
    axes = dict(theirs.shape)
    if axes != dict(mesh.axes):
        raise MeshError(
            f"the plan is for {mesh.size} devices over axes {dict(mesh.axes)}; the mesh has {theirs.size} over {axes}. "
            "Fix: make a mesh with the plan's axes, or apply the plan to this mesh (compare, apply)."
        )
    return theirs
