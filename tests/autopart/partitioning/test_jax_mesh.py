"""Meshes of users: ours, and JAX's with a device profile."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from jax.sharding import AbstractMesh

from autopart.costmodel.links import Link
from autopart.costmodel.mesh import Mesh
from autopart.errors import MeshError
from autopart.partitioning.jax_mesh import abstract_mesh, as_mesh, automatic


def host() -> Any:
    return jax.sharding.Mesh(np.array(jax.devices()).reshape(4, 2), ("data", "model"))


def test_ours_is_taken_as_it_is() -> None:
    mesh = Mesh({"data": 16, "model": 2}, "tpu_v3", {"data": Link(1e9, 1e-5, False)})
    assert as_mesh(mesh) == (mesh, None)


def test_a_device_given_beside_ours_wins() -> None:
    assert as_mesh(Mesh({"data": 16}, "tpu_v3"), "a100") == (Mesh({"data": 16}, "a100"), None)


def test_a_mesh_of_host_devices_needs_no_profile() -> None:
    theirs = host()
    ours, kept = as_mesh(theirs)
    assert ours == Mesh({"data": 4, "model": 2}, "cpu")
    assert ours.axis_names == ("data", "model")  # Their order counts.
    assert kept is theirs


def test_a_mesh_of_devices_may_be_planned_as_if_it_were_another() -> None:
    theirs = host()
    assert as_mesh(theirs, "tpu_v3") == (Mesh({"data": 4, "model": 2}, "tpu_v3"), theirs)


def test_an_abstract_mesh_needs_a_profile_and_brings_no_devices() -> None:
    abstract = AbstractMesh((16, 2), ("data", "model"))
    assert as_mesh(abstract, "tpu_v3") == (Mesh({"data": 16, "model": 2}, "tpu_v3"), None)
    with pytest.raises(MeshError, match="pass device='tpu_v3'"):
        as_mesh(abstract)


@pytest.mark.parametrize("make", [lambda: Mesh({"data": 8}, "cpu"), host, lambda: AbstractMesh((8,), ("data",))])
def test_an_unknown_profile_is_told_as_an_error_of_ours(make: Any) -> None:
    with pytest.raises(MeshError, match="unknown device 'tpu_v99'"):
        as_mesh(make(), "tpu_v99")


@pytest.mark.parametrize("mesh", [None, {"data": 8}, (4, 2), "tpu_v3"])
def test_what_is_no_mesh_is_told(mesh: Any) -> None:
    with pytest.raises(MeshError, match=f"not {type(mesh).__name__}"):
        as_mesh(mesh)


def test_meshes_are_made_with_axes_that_jit_may_shard_over() -> None:
    auto, explicit = jax.sharding.AxisType.Auto, jax.sharding.AxisType.Explicit
    ours = Mesh({"data": 4, "model": 2}, "cpu")
    assert abstract_mesh(ours) == AbstractMesh((4, 2), ("data", "model"), axis_types=(auto, auto))
    real = jax.make_mesh((4, 2), ("data", "model"), axis_types=(explicit, auto))
    assert automatic(real) == jax.sharding.Mesh(real.devices, real.axis_names, axis_types=(auto, auto))
    assert automatic(AbstractMesh((4, 2), ("data", "model"), axis_types=(auto, explicit))) == abstract_mesh(ours)
