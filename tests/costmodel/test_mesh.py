"""Meshes: their numbers, their links, their document, mistakes."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel import CostModelError, Link, Mesh, device

DCN = Link(bandwidth_bytes_per_s=6.25e9, latency_s=10e-6)


def test_numbers() -> None:
    mesh = Mesh({"data": 16, "model": 2}, device="tpu_v3")
    assert (mesh.axis_names, mesh.axis_sizes, mesh.size) == (("data", "model"), (16, 2), 32)
    assert mesh.device_profile is device("tpu_v3")
    assert repr(mesh) == "Mesh({'data': 16, 'model': 2}, device='tpu_v3')"


def test_links_are_those_of_the_device_both_ways_where_the_ring_closes() -> None:
    links = Mesh({"data": 16, "model": 2}).links()
    assert (str(links.sizes.dtype), links.sizes.tolist()) == ("int64", [16, 2])
    assert links.bandwidth_bytes_per_s.tolist() == [140e9, 70e9]
    assert links.latency_s.tolist() == [1e-6, 1e-6]
    assert links.switched == 0
    assert Mesh({"a": 4, "b": 2}, device="h100").links().switched == 0b11


def test_an_axis_may_have_a_link_of_its_own() -> None:
    links = Mesh({"pod": 4, "data": 8}, "tpu_v4", {"pod": DCN}).links()
    assert links.bandwidth_bytes_per_s.tolist() == [6.25e9, 100e9]
    assert links.latency_s.tolist() == [10e-6, 1e-6]
    assert links.switched == 0b01


def test_equal_when_axes_order_device_and_links_are() -> None:
    mesh = Mesh({"a": 2, "b": 4})
    assert mesh == Mesh({"a": 2, "b": 4}, device("tpu_v3"))
    others: list[object] = [
        Mesh({"b": 4, "a": 2}),
        Mesh({"a": 2, "b": 4}, "cpu"),
        Mesh({"a": 2, "b": 4}, links_by_axis={"a": DCN}),
        "mesh",
    ]
    assert all(mesh != other for other in others)
    assert len({mesh, copy.deepcopy(mesh), *others}) == 5


@given(
    st.dictionaries(st.from_regex(r"[a-z_]{1,6}", fullmatch=True), st.integers(1, 64), min_size=1, max_size=7),
    st.sampled_from(["tpu_v3", "h100", replace(device("cpu"), name="mine")]),
    st.booleans(),
)
def test_comes_back_from_its_document(axes: dict[str, int], what: Any, own_link: bool) -> None:
    mesh = Mesh(axes, what, {next(iter(axes)): DCN} if own_link else {})
    again = Mesh.from_json(json.loads(json.dumps(mesh.to_json(), sort_keys=True)))
    assert (again, hash(again), again.axis_names) == (mesh, hash(mesh), tuple(axes))
    assert pickle.loads(pickle.dumps(mesh)) == mesh


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({}, "1 to 7 axes, not 0"),
        ({f"a{i}": 1 for i in range(8)}, "1 to 7 axes, not 8"),
        ({"data parallel": 2}, "not an identifier"),
        ({3: 2}, "not an identifier"),
        ({"data": 0}, "positive integer size, not 0"),
        ({"data": 2.0}, "positive integer size, not 2.0"),
        ({"data": True}, "positive integer size, not True"),
    ],
)
def test_wrong_axes_are_refused(axes: dict[str, int], message: str) -> None:
    with pytest.raises(CostModelError, match=message):
        Mesh(axes)


def test_wrong_devices_and_links_are_refused() -> None:
    with pytest.raises(CostModelError, match="unknown device 'gpu'"):
        Mesh({"data": 2}, "gpu")
    with pytest.raises(CostModelError, match="links given for pod, but the axes are data"):
        Mesh({"data": 2}, links_by_axis={"pod": DCN})


@pytest.mark.parametrize(
    "document",
    [{}, {"axes": 3, "device": "cpu"}, {"axes": [["a", 2]]}, {"axes": [["a", 2], ["a", 2]], "device": "cpu"}],
)
def test_wrong_documents_are_refused(document: dict[str, Any]) -> None:
    with pytest.raises(CostModelError, match=r"mesh"):
        Mesh.from_json(document)
