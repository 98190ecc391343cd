"""Which meshes of a number of devices a program may run on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import pytest

from autopart.errors import MeshError
from autopart.partitioning.mesh_shapes import AnyMesh, candidates
from autopart.program.graph import Graph
from autopart.program.trace import trace
from tests.autopart.tiny import array


def product(rows: int, inner: int, columns: int) -> Graph:
    return trace(lambda x, w: jnp.dot(x, w), array(rows, inner), array(inner, columns))


def sizes(graph: Graph, asked: AnyMesh, by_name: bool = False) -> list[tuple[int, ...]]:
    return [mesh.axis_sizes for mesh in candidates(graph, asked, by_name).meshes]


def test_all_that_divide_something_are_candidates() -> None:
    graph = product(64, 64, 64)
    assert sizes(graph, AnyMesh(32)) == [(32,), (16, 2), (8, 4), (4, 8), (2, 16)]
    assert sizes(graph, AnyMesh(32, axes=("data",))) == [(32,)]
    assert (4, 2, 4) in sizes(graph, AnyMesh(32, axes=("a", "b", "c")))
    mesh = candidates(graph, AnyMesh(16, "tpu_v5e", ("x", "y"), (16, 1)), by_name=False).meshes[1]
    assert (dict(mesh.axes), mesh.device, mesh.topology) == ({"x": 8, "y": 2}, "tpu_v5e", (16, 1))


def test_sizes_that_divide_nothing_are_refused_with_the_reason() -> None:
    found = candidates(product(4, 6, 7), AnyMesh(12), by_name=True)
    assert [mesh.axis_sizes for mesh in found.meshes] == [(6, 2), (4, 3), (3, 4), (2, 6)]
    ((axes, why),) = found.refused
    assert axes == {"data": 12}
    assert "of size 12 divides no dimension" in why


def test_shapes_that_do_not_fit_the_links_are_refused_with_the_reason() -> None:
    asked = AnyMesh(32, "tpu_v3", topology=(4, 4))
    assert sizes(product(64, 64, 64), asked) == [(32,), (16, 2), (8, 4), (4, 8), (2, 16)]
    with pytest.raises(MeshError, match=r"no mesh of 32 devices suits .* topology 8x8 has 64 devices"):
        candidates(product(64, 64, 64), replace(asked, topology=(8, 8)), by_name=False)


def test_of_twins_the_first_stays_unless_axes_are_named() -> None:
    graph = product(64, 64, 64)
    found = candidates(graph, AnyMesh(8, "cpu"), by_name=False)
    assert [mesh.axis_sizes for mesh in found.meshes] == [(8,), (4, 2)]
    assert found.refused == (({"data": 2, "model": 4}, "the same as 4x2"),)
    assert sizes(graph, AnyMesh(8, "cpu"), by_name=True) == [(8,), (4, 2), (2, 4)]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"devices": 1}, "devices=1: must be a whole number, 2 or more"),
        ({"devices": True}, "devices=True: must be"),
        ({"devices": "32"}, "devices='32': must be"),
        ({"devices": 8, "axes": ()}, r"axes=\(\): must be 1 to 3 different names"),
        ({"devices": 8, "axes": ("a", "a")}, "must be 1 to 3 different names"),
        ({"devices": 8, "axes": ("a", "b", "c", "d")}, "must be 1 to 3 different names"),
        ({"devices": 8, "axes": "data"}, "must be 1 to 3 different names"),
        ({"devices": 8, "device": "abacus"}, "abacus"),
    ],
)
def test_wrong_fields_are_told(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(MeshError, match=said):
        AnyMesh(**fields)


def test_a_prime_number_that_divides_nothing_is_told() -> None:
    with pytest.raises(MeshError, match=r"devices=31 is a prime number, .* Fix: devices=32 or devices=30\."):
        candidates(product(64, 64, 64), AnyMesh(31), by_name=False)
    assert sizes(product(62, 64, 64), AnyMesh(31)) == [(31,)]


def test_a_number_of_which_no_mesh_does_is_told() -> None:
    with pytest.raises(MeshError, match=r"no mesh of 15 devices suits the program\. Of 3, the first: mesh axis 'data'"):
        candidates(product(64, 64, 64), AnyMesh(15), by_name=False)
