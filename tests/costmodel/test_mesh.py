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

from autopart.costmodel import ALL_GATHER, CostModelError, Link, Mesh, collective_time, device, pack_axes

DCN = Link(bandwidth_bytes_per_s=6.25e9, latency_s=10e-6)


def test_numbers() -> None:
    mesh = Mesh({"data": 16, "model": 2}, device="tpu_v3")
    assert (mesh.axis_names, mesh.axis_sizes, mesh.size) == (("data", "model"), (16, 2), 32)
    assert mesh.device_profile is device("tpu_v3")
    sliced = Mesh({"slice": 2, "data": 4}, "tpu_v5e", {"slice": "dcn"}, (2, 2))
    assert Mesh.from_json(json.loads(json.dumps(sliced.to_json()))) == pickle.loads(pickle.dumps(sliced)) == sliced
    assert repr(sliced).endswith("links_by_axis={'slice': 'dcn'}, topology=(2, 2))")
    assert repr(mesh) == "Mesh({'data': 16, 'model': 2}, device='tpu_v3')"


def test_an_axis_may_have_a_link_of_its_own() -> None:
    # 1 GB on two devices: half of it at 6.25 GB/s, one hop.
    links = Mesh({"pod": 2, "data": 8}, "tpu_v4", {"pod": DCN}).links()
    assert collective_time(ALL_GATHER, 1e9, pack_axes([0]), links.table) == pytest.approx(0.08 + 10e-6, rel=1e-12)
    # A torus of its own is a ring, both ways at once: 3/4 of 1 GB at 12.5 GB/s, two hops.
    ring = Mesh({"pod": 4, "data": 8}, "tpu_v4", {"pod": replace(DCN, torus=True)}).links()
    assert collective_time(ALL_GATHER, 1e9, pack_axes([0]), ring.table) == pytest.approx(0.06 + 20e-6, rel=1e-12)


def test_equal_when_axes_order_device_and_links_are() -> None:
    mesh = Mesh({"a": 2, "b": 4})
    assert mesh == Mesh({"a": 2, "b": 4}, device("tpu_v3"))
    others: list[object] = [
        Mesh({"b": 4, "a": 2}),
        Mesh({"a": 2, "b": 4}, "cpu"),
        Mesh({"a": 2, "b": 4}, links_by_axis={"a": DCN}),
        Mesh({"a": 2, "b": 4}, links_by_axis={"a": "dcn"}),
        Mesh({"a": 2, "b": 4}, topology=(1, 4)),
        "mesh",
    ]
    assert all(mesh != other for other in others)
    assert len({mesh, copy.deepcopy(mesh), *others}) == 7


@given(
    st.dictionaries(st.from_regex(r"[a-z_]{1,6}", fullmatch=True), st.integers(1, 16), min_size=1, max_size=4),
    st.sampled_from(["tpu_v3", "h100", replace(device("cpu"), name="mine")]),
    st.sampled_from([None, DCN, "host"]),
)
def test_comes_back_from_its_document(axes: dict[str, int], what: Any, own: Any) -> None:
    what = "cpu" if own == "host" else what
    mesh = Mesh(axes, what, {next(iter(axes)): own} if own else {})
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
    with pytest.raises(CostModelError, match=r"axis 'data' of 8 does not fit.*room for 4 on ici"):
        Mesh({"data": 8}, "tpu_v5e", topology=(2, 2), links_by_axis={"data": "ici"})
    with pytest.raises(CostModelError, match="links given for pod, but the axes are data"):
        Mesh({"data": 2}, links_by_axis={"pod": DCN})


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"axes": 3, "device": "cpu"},
        {"axes": [["a", 2]]},
        {"axes": [["a", 2], ["a", 2]], "device": "cpu"},
        {"axes": [["a", 2]], "device": "cpu", "links": {"a": {"speed": 1}}},
        {"axes": [["a", 2]], "device": "tpu_v4", "topology": 3},
    ],
)
def test_wrong_documents_are_refused(document: dict[str, Any]) -> None:
    with pytest.raises(CostModelError, match=r"mesh|link"):
        Mesh.from_json(document)
