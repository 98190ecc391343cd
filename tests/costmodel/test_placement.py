"""Axes on links: the default from their order, what users say, and what does not fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopart.costmodel import CostModelError, Link, Mesh, Part, device
from autopart.costmodel.placement import Placement, place

OWN = Link(bandwidth_bytes_per_s=6.25e9, latency_s=10e-6)


def placed(
    axes: Mapping[str, int], name: str, given: Mapping[str, str | Link] | None = None, topology: Any = None
) -> dict[str, list[tuple[Any, ...]]]:
    found = place(axes, device(name).links, given or {}, topology)
    return {axis: [tuple(part) for part in parts] for axis, parts in zip(axes, found.parts, strict=True)}


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        # The last axis fills the node, the first runs between nodes.
        ({"data": 4, "model": 8}, {"data": [("infiniband", 4)], "model": [("nvlink", 8)]}),
        # One that is longer than a node straddles.
        ({"data": 16}, {"data": [("nvlink", 8), ("infiniband", 2)]}),
        ({"data": 8, "model": 4}, {"data": [("nvlink", 2), ("infiniband", 4)], "model": [("nvlink", 4)]}),
        ({"a": 2, "b": 2, "c": 2}, {"a": [("nvlink", 2)], "b": [("nvlink", 2)], "c": [("nvlink", 2)]}),
        # Six of eight GPUs of each node: no larger part of 12 fits.
        ({"data": 12}, {"data": [("nvlink", 6), ("infiniband", 2)]}),
        ({"data": 3, "one": 1}, {"data": [("nvlink", 3)], "one": []}),
    ],
)
def test_gpus_fill_the_node_from_the_last_axis(
    axes: dict[str, int], expected: dict[str, list[tuple[str, int]]]
) -> None:
    assert {axis: [part[:2] for part in parts] for axis, parts in placed(axes, "h100").items()} == expected


@pytest.mark.parametrize(
    ("name", "axes", "topology", "expected"),
    [
        # Each axis takes a whole dimension; 32 chips of v5e are 4 x 8.
        ("tpu_v5e", {"data": 8, "model": 4}, None, {"data": [("ici", 8, 1, 1)], "model": [("ici", 4, 0, 1)]}),
        ("tpu_v5e", {"data": 256}, None, {"data": [("ici", 16, 0, 1), ("ici", 16, 1, 1)]}),
        # Two whole dimensions rather than parts of three.
        ("tpu_v5p", {"x": 4, "y": 16}, [4, 4, 4], {"x": [("ici", 4, 0, 1)], "y": [("ici", 4, 1, 1), ("ici", 4, 2, 1)]}),
        # A part of a dimension: the last axis has neighbours, the first skips over its tiles.
        ("tpu_v5e", {"a": 2, "b": 2}, [1, 4], {"a": [("ici", 2, 1, 2)], "b": [("ici", 2, 1, 1)]}),
        # A dimension and a part of another.
        ("tpu_v5e", {"a": 16, "b": 2}, [4, 8], {"a": [("ici", 4, 0, 1), ("ici", 4, 1, 2)], "b": [("ici", 2, 1, 1)]}),
        # More than a pod: the rest runs between slices.
        ("tpu_v5e", {"a": 64, "b": 16}, None, {"a": [("ici", 16, 0, 1), ("dcn", 4, 0, 1)], "b": [("ici", 16, 1, 1)]}),
        ("tpu_v5e", {"a": 8}, [2, 2], {"a": [("ici", 2, 0, 1), ("ici", 2, 1, 1), ("dcn", 2, 0, 1)]}),
        # The two cores of a v3 chip are the last axis.
        ("tpu_v3", {"a": 16, "b": 2}, None, {"a": [("ici", 4, 0, 1), ("ici", 4, 1, 1)], "b": [("chip", 2, 0, 1)]}),
    ],
)  # fmt: skip
def test_tpus_cut_the_torus(
    name: str, axes: dict[str, int], topology: Sequence[int] | None, expected: dict[str, Any]
) -> None:
    assert placed(axes, name, topology=topology) == expected


def test_users_name_links() -> None:
    axes = {"data": 2, "model": 8}
    assert placed(axes, "tpu_v5e", {"data": "dcn"}) == {
        "data": [("dcn", 2, 0, 1)],
        "model": [("ici", 2, 0, 1), ("ici", 4, 1, 1)],
    }
    assert placed(axes, "h100", {"model": "infiniband"}) == {
        "data": [("nvlink", 2, 0, 1)],
        "model": [("infiniband", 8, 0, 1)],
    }


def test_users_describe_links_which_stand_where_their_bandwidth_says() -> None:
    found = place({"data": 2, "model": 8}, device("h100").links, {"data": OWN}, None)
    assert list(found.links) == ["nvlink", "infiniband", "dcn", "own:data"]
    assert found.parts == ((Part("own:data", 2),), (Part("nvlink", 8),))
    faster = place({"data": 2, "model": 8}, device("h100").links, {"data": Link(2e11, 0.0)}, None)
    assert list(faster.links) == ["nvlink", "own:data", "infiniband", "dcn"]


@pytest.mark.parametrize(
    ("name", "axes", "given", "topology", "message"),
    [
        ("cpu", {"data": 2}, {"pod": "host"}, None, "links given for pod, but the axes are data"),
        ("cpu", {"data": 2}, {"data": "dcn"}, None, "axis 'data' is put on 'dcn'; the device has host"),
        ("h100", {"data": 16}, {"data": "nvlink"}, None, r"of 16 does not fit.*room for 8 on nvlink\. Fix: "),
        ("tpu_v5e", {"a": 512}, {"a": "ici"}, None, "axis 'a' of 512 does not fit"),
        ("tpu_v5e", {"a": 8}, {}, [4, 4], r"topology 4x4 has 16 devices, but the axes put 8 on ici \(a 8\). Fix: "),
        ("tpu_v5e", {"a": 8}, {}, [8], "topology must be 2 whole numbers for ici"),
        ("tpu_v5e", {"a": 8}, {}, [2.0, 4], "topology must be 2 whole numbers"),
        ("tpu_v5e", {"a": 512}, {}, [16, 32], "topology 16x32 is larger than ici joins: 256"),
        ("h100", {"a": 8}, {}, [2, 4], "only switches: nvlink, infiniband, dcn"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_with_a_fix(
    name: str, axes: dict[str, int], given: dict[str, str], topology: Any, message: str
) -> None:
    with pytest.raises(CostModelError, match=message):
        place(axes, device(name).links, given, topology)


sizes = st.dictionaries(st.sampled_from("abcdefg"), st.integers(1, 12), min_size=1, max_size=5)


@given(sizes, st.sampled_from(["tpu_v3", "tpu_v4", "tpu_v5e", "h100", "cpu"]))
def test_every_axis_is_placed_in_full_and_no_wire_is_given_twice(axes: dict[str, int], name: str) -> None:
    found: Placement = Mesh(axes, name).placement
    for size, parts in zip(axes.values(), found.parts, strict=True):
        assert math.prod(part.size for part in parts) == size
    for kind, shape in found.shapes.items():
        for dimension, whole in enumerate(shape):
            runs = [p for parts in found.parts for p in parts if (p.kind, p.dimension) == (kind, dimension)]
            assert math.prod(p.size for p in runs) == whole
            strides = sorted(p.stride for p in runs)
            assert len(set(strides)) == len(strides)
    for kind, link in found.links.items():
        used = math.prod(p.size for parts in found.parts for p in parts if p.kind == kind)
        assert link.devices is None or used <= link.devices
