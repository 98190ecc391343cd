"""Levels, the table that the kernel reads, and streams."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopart.costmodel import (
    ALL_GATHER,
    ALL_REDUCE,
    ALL_SLICE,
    ALL_TO_ALL,
    COLLECTIVE_PERMUTE,
    KIND_NAMES,
    REDUCE_SCATTER,
    Link,
    Mesh,
    collective_time,
    pack_axes,
)
from autopart.costmodel.table import levels_of
from autopart.costmodel.torus import Way

ICI, HOP = 45e9, 1e-6  # tpu_v5e, one wire.
DCN, FAR = 3.125e9, 10e-6


def seconds(mesh: Mesh, kind: int, nbytes: float, *axes: str) -> float:
    code = pack_axes([mesh.axis_names.index(axis) for axis in axes])
    return collective_time(kind, nbytes, code, mesh.links().table)


def test_dimensions_that_close_and_do_not() -> None:
    # v5e: wrap-around only along a dimension of 16.
    [level] = levels_of(Mesh({"a": 8, "b": 16}, "tpu_v5e").placement, [0, 1])
    assert level.ways == (Way(8, ICI, HOP, closes=False), Way(16, 2 * ICI, HOP, closes=True))
    # v4: only whole cubes close, 90 GB/s two wires.
    [cube] = levels_of(Mesh({"a": 64}, "tpu_v4").placement, [0])
    assert cube.ways == (Way(4, 90e9, HOP, closes=True),) * 3
    [slab] = levels_of(Mesh({"a": 32}, "tpu_v4").placement, [0])
    assert slab.ways == tuple(Way(n, 45e9, HOP, closes=False) for n in (2, 4, 4))


def test_parts_of_a_dimension_share_its_wires() -> None:
    mesh = Mesh({"a": 4, "b": 4, "c": 16}, "tpu_v5e")  # a and b cut a ring of 16 between them.
    placed = mesh.placement
    [inner], [outer] = (levels_of(placed, [axis]) for axis in (1, 0))
    assert inner.ways == (Way(4, ICI, HOP, closes=False),)
    # Neighbours are 4 hops apart, and 4 such rings share the wires; but they close.
    assert outer.ways == (Way(4, 2 * ICI / 4, 4 * HOP, closes=True),)
    [both] = levels_of(placed, [0, 1])
    assert both.ways == (Way(16, 2 * ICI, HOP, closes=True),)
    assert mesh.links().stream.tolist() == [0, 0, 1]


def test_both_dimensions_at_once() -> None:
    mesh = Mesh({"a": 16, "b": 16}, "tpu_v5e")
    # 255/256 of 1 GB over 4 wires; 8 hops a ring.
    expected = 255 / 256 * 1e9 / (4 * ICI) + 16 * HOP
    assert seconds(mesh, ALL_GATHER, 1e9, "a", "b") == pytest.approx(expected, rel=1e-12)
    assert seconds(mesh, ALL_GATHER, 1e9, "b", "a") == pytest.approx(expected, rel=1e-12)
    assert seconds(mesh, ALL_GATHER, 1e9, "a") == pytest.approx(15 / 16 * 1e9 / (2 * ICI) + 8 * HOP, rel=1e-12)


SLICES = Mesh({"slice": 2, "data": 16}, "tpu_v5e", {"slice": "dcn"}, (1, 16))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # Between slices a device exchanges its sixteenth, 1 GB, half of it each way; then 15/16 of 16 GB around.
        (ALL_GATHER, 0.5e9 / DCN + FAR + 15e9 / (2 * ICI) + 8 * HOP),
        (REDUCE_SCATTER, 0.5e9 / DCN + FAR + 15e9 / (2 * ICI) + 8 * HOP),
        (ALL_REDUCE, 1e9 / DCN + 2 * FAR + 30e9 / (2 * ICI) + 16 * HOP),
        # 0.5 GB a device. Around: floor(256 / 4) = 64 block-hops of a sixteenth of it; across: half of it.
        (ALL_TO_ALL, 64 * 0.5e9 / 16 / (2 * ICI) + 8 * HOP + 0.25e9 / DCN + FAR),
        # 0.5 GB to the neighbour, who may be in the other slice.
        (COLLECTIVE_PERMUTE, 0.5e9 / DCN + FAR),
        (ALL_SLICE, 0.0),
    ],
)
def test_two_slices_near_first(kind: int, expected: float) -> None:
    assert seconds(SLICES, kind, 16e9, "slice", "data") == pytest.approx(expected, rel=1e-12)


def test_an_axis_that_straddles_is_as_two_axes() -> None:
    one = Mesh({"data": 32}, "tpu_v5e", topology=(1, 16))
    for kind in range(len(KIND_NAMES)):
        assert seconds(one, kind, 16e9, "data") == pytest.approx(
            seconds(SLICES, kind, 16e9, "slice", "data"), rel=1e-12
        )


def test_nodes_of_gpus_are_one_library_s() -> None:
    mesh = Mesh({"data": 4, "model": 8}, "h100")
    [level] = levels_of(mesh.placement, [0, 1])
    assert [(tier.size, tier.link.devices) for tier in level.tiers] == [(8, 8), (4, None)]
    # 32 GB over 32, of which 31 come in. Into a node 0.96 x 8 x 50 = 384 GB/s; along NVLink 0.824 x 450 = 370.8 GB/s,
    # which is narrower. 28 steps inside, 3 outside.
    expected = 31e9 / (0.824 * 450e9) + 8.4e-6 + 28 * 3.4e-6 + 3 * 14e-6
    assert seconds(mesh, ALL_GATHER, 32e9, "data", "model") == pytest.approx(expected, rel=1e-12)
    # Between nodes alone a GPU has its own NIC.
    alone = 3e9 / (0.96 * 50e9) + 8.4e-6 + 3 * 14e-6
    assert seconds(mesh, ALL_GATHER, 4e9, "data") == pytest.approx(alone, rel=1e-12)


@pytest.mark.parametrize(
    ("mesh", "stream"),
    [
        (Mesh({"data": 4, "model": 8}, "h100"), [0, 1]),  # NICs, NVLink.
        (Mesh({"data": 2, "model": 4}, "h100"), [0, 0]),  # One node.
        (Mesh({"pod": 2, "data": 2, "model": 8}, "h100"), [0, 0, 1]),  # Both on NICs.
        (Mesh({"data": 8, "model": 4}, "h100"), [0, 0]),  # data straddles.
        (Mesh({"data": 8, "model": 4}, "tpu_v5e"), [0, 1]),  # A dimension each.
        (Mesh({"slice": 2, "data": 16, "model": 16}, "tpu_v5e", {"slice": "dcn"}), [0, 1, 2]),
        (Mesh({"data": 4, "one": 1, "model": 2}, "cpu"), [0, 1, 0]),
        (Mesh({"a": 2, "b": 2}, "cpu", {"a": Link(1e9, 0.0)}), [0, 1]),
        (Mesh(dict.fromkeys("abcdefg", 1), "cpu"), [0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_axes_that_share_wires_share_a_stream(mesh: Mesh, stream: list[int]) -> None:
    links = mesh.links()
    assert links.stream.tolist() == stream
    assert [str(a.dtype) for a in (links.stream, links.sizes, links.table)] == ["int64", "int64", "float64"]


meshes = st.builds(
    Mesh,
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 8), min_size=1, max_size=3),
    st.sampled_from(["tpu_v3", "tpu_v4", "tpu_v5e", "tpu_v5p", "tpu_v6e", "a100", "h100", "h200", "b200", "cpu"]),
)
kinds = st.sampled_from(range(len(KIND_NAMES)))
nbytes = st.floats(0.0, 1e12)


@given(meshes, kinds, nbytes, nbytes)
def test_more_bytes_never_take_less(mesh: Mesh, kind: int, one: float, other: float) -> None:
    few, many = sorted((one, other))
    assert seconds(mesh, kind, few, *mesh.axes) <= seconds(mesh, kind, many, *mesh.axes)


@given(meshes, kinds, nbytes)
def test_axes_of_one_device_are_free_and_change_nothing(mesh: Mesh, kind: int, full: float) -> None:
    longer = Mesh({**mesh.axes, "one": 1}, mesh.device)
    assert seconds(longer, kind, full, "one") == 0.0
    assert seconds(longer, kind, full, *longer.axes) == seconds(mesh, kind, full, *mesh.axes)
    assert seconds(mesh, kind, full) == 0.0


@given(meshes, kinds, nbytes)
def test_the_order_of_axes_does_not_matter(mesh: Mesh, kind: int, full: float) -> None:
    assert seconds(mesh, kind, full, *mesh.axes) == seconds(mesh, kind, full, *reversed(mesh.axis_names))


@given(meshes, nbytes)
def test_an_all_reduce_takes_no_longer_than_its_halves(mesh: Mesh, full: float) -> None:
    halves = seconds(mesh, REDUCE_SCATTER, full, *mesh.axes) + seconds(mesh, ALL_GATHER, full, *mesh.axes)
    assert seconds(mesh, ALL_REDUCE, full, *mesh.axes) <= halves * (1 + 1e-12)
