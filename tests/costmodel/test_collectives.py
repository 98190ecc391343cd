"""Collectives: numbers worked out by hand, and what holds for all of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel import (
    ALL_GATHER,
    ALL_REDUCE,
    ALL_SLICE,
    ALL_TO_ALL,
    COLLECTIVE_PERMUTE,
    KIND_NAMES,
    REDUCE_SCATTER,
    CostModelError,
    collective_time,
    pack_axes,
    ring_time,
    unpack_axes,
)

KINDS = range(len(KIND_NAMES))
# Every kind but all_slice, which costs nothing.
MOVING = [kind for kind in KINDS if kind != ALL_SLICE]

kinds = st.sampled_from(MOVING)
nbytes = st.floats(0.0, 1e12)
counts = st.integers(1, 64)
bandwidths = st.floats(1e6, 1e12)
latencies = st.floats(0.0, 1e-3)


def over(kind: int, full_bytes: float, axes: list[int], sizes: list[int], *, switched: int = 0) -> float:
    """One collective on a mesh whose links are all 1 GB/s and 1 us."""
    k = len(sizes)
    return collective_time(
        kind,
        full_bytes,
        pack_axes(axes),
        np.array(sizes, np.int64),
        np.full(k, 1e9),
        np.full(k, 1e-6),
        switched,
    )


@pytest.mark.parametrize(
    ("kind", "switched", "seconds"),
    [
        (ALL_SLICE, False, 0.0),
        # 3 hops of 1 us; 3/4 of 8 GB at 2 GB/s: 3 s.
        (ALL_GATHER, False, 3.0 + 3e-6),
        (REDUCE_SCATTER, False, 3.0 + 3e-6),
        # Both of the above.
        (ALL_REDUCE, False, 6.0 + 6e-6),
        # Devices hold 2 GB each and send 3 blocks of 0.5 GB straight to their owners: 1.5 GB at 2 GB/s.
        (ALL_TO_ALL, True, 0.75 + 3e-6),
        # On a ring those blocks go 1, 2 and 1 hops: 4 block-hops of 0.5 GB a device at 2 GB/s.
        (ALL_TO_ALL, False, 1.0 + 3e-6),
        # 2 GB to the neighbour at 2 GB/s, one hop.
        (COLLECTIVE_PERMUTE, False, 1.0 + 1e-6),
    ],
)
def test_ring_of_four(kind: int, switched: bool, seconds: float) -> None:
    assert ring_time(kind, 8e9, 4, 2e9, 1e-6, switched) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        # Inner (2): 12 GB / 4 outer devices = 3 GB in full, half of it moves: 1.5 s and 1 hop.
        # Outer (4): 12 GB in full, 3/4 of it moves: 9 s and 3 hops.
        (ALL_GATHER, 10.5 + 4e-6),
        (REDUCE_SCATTER, 10.5 + 4e-6),
        # Inner reduce_scatter of 12 GB: 6 s, 1 hop. Outer all_reduce of the 6 GB left: 2 * 4.5 s, 6 hops.
        # Inner all_gather: 6 s, 1 hop.
        (ALL_REDUCE, 21.0 + 8e-6),
        # 1.5 GB a device. Inner: 3 GB in full, a ring of two swaps 0.75 GB: 0.75 s, 1 hop.
        # Outer: 6 GB in full, 4 block-hops of 0.375 GB: 1.5 s, 3 hops.
        (ALL_TO_ALL, 2.25 + 4e-6),
        # 1.5 GB one hop on each axis.
        (COLLECTIVE_PERMUTE, 3.0 + 2e-6),
        (ALL_SLICE, 0.0),
    ],
)
def test_four_by_two(kind: int, seconds: float) -> None:
    assert over(kind, 12e9, [0, 1], [4, 2]) == pytest.approx(seconds, rel=1e-12)


def test_the_axis_chooses_its_own_link() -> None:
    sizes = np.array([2, 2, 2], np.int64)
    bandwidth = np.array([1e9, 2e9, 4e9])
    latency = np.array([1.0, 2.0, 3.0])
    # all_gather of 8 GB on two devices: 4 GB move.
    for axis, seconds in enumerate([1.0 + 4.0, 2.0 + 2.0, 3.0 + 1.0]):
        found = collective_time(ALL_GATHER, 8e9, pack_axes([axis]), sizes, bandwidth, latency)
        assert found == pytest.approx(seconds)
    # Outermost axis 2, inner axis 0: inner 4 GB in full, 2 GB at 1 GB/s; outer 4 GB at 4 GB/s.
    found = collective_time(ALL_GATHER, 8e9, pack_axes([2, 0]), sizes, bandwidth, latency)
    assert found == pytest.approx((1.0 + 2.0) + (3.0 + 1.0))
    # The all_reduce puts the most bytes on the inner axis 2: 4 + 4 GB at 4 GB/s; outer 4 GB of 1 GB/s.
    found = collective_time(ALL_REDUCE, 8e9, pack_axes([0, 2]), sizes, bandwidth, latency)
    assert found == pytest.approx(2 * (3.0 + 1.0) + 2 * (1.0 + 2.0))


def test_a_switch_is_known_axis_by_axis() -> None:
    # Axis 1 alone is a switch: its four devices exchange 3 blocks rather than 4 block-hops.
    ring, switch = over(ALL_TO_ALL, 16e9, [1], [2, 4]), over(ALL_TO_ALL, 16e9, [1], [2, 4], switched=0b10)
    assert [ring, switch] == pytest.approx([4.0 + 3e-6, 3.0 + 3e-6])
    assert over(ALL_TO_ALL, 16e9, [1], [2, 4], switched=0b01) == ring


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_taking_part_is_free(kind: int) -> None:
    assert over(kind, 1e9, [], [4, 2]) == 0.0


def test_an_unknown_kind_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        ring_time(6, 1.0, 2, 1.0, 0.0)


@given(kinds, nbytes, bandwidths, latencies, st.booleans())
def test_one_device_is_free(kind: int, full: float, bandwidth: float, latency: float, switch: bool) -> None:
    assert ring_time(kind, full, 1, bandwidth, latency, switch) == 0.0


@given(kinds, nbytes, nbytes, counts, bandwidths, latencies, st.booleans())
def test_more_bytes_never_take_less(
    kind: int, one: float, other: float, n: int, bandwidth: float, latency: float, switch: bool
) -> None:
    few, many = sorted((one, other))
    assert ring_time(kind, few, n, bandwidth, latency, switch) <= ring_time(kind, many, n, bandwidth, latency, switch)


@given(nbytes, counts, bandwidths, latencies)
def test_all_reduce_is_reduce_scatter_and_all_gather(full: float, n: int, bandwidth: float, latency: float) -> None:
    parts = ring_time(REDUCE_SCATTER, full, n, bandwidth, latency) + ring_time(ALL_GATHER, full, n, bandwidth, latency)
    assert ring_time(ALL_REDUCE, full, n, bandwidth, latency) == pytest.approx(parts, rel=1e-12)


@given(nbytes, counts, bandwidths, latencies)
def test_a_switch_never_loses_to_a_ring(full: float, n: int, bandwidth: float, latency: float) -> None:
    ring = ring_time(ALL_TO_ALL, full, n, bandwidth, latency, False)
    assert ring_time(ALL_TO_ALL, full, n, bandwidth, latency, True) <= ring * (1 + 1e-12)


meshes = st.lists(st.integers(1, 16), min_size=1, max_size=4)


@given(st.sampled_from([ALL_GATHER, REDUCE_SCATTER, ALL_REDUCE]), nbytes, meshes)
def test_phases_move_what_one_ring_would_in_fewer_hops(kind: int, full: float, sizes: list[int]) -> None:
    n, passes = math.prod(sizes), 2 if kind == ALL_REDUCE else 1
    moved = full * (n - 1) / n / 1e9
    hops = sum(size - 1 for size in sizes)
    phased = over(kind, full, list(range(len(sizes))), sizes)
    assert phased == pytest.approx(passes * (moved + hops * 1e-6), rel=1e-9, abs=1e-15)
    assert phased <= ring_time(kind, full, n, 1e9, 1e-6) * (1 + 1e-9) + 1e-15


@given(nbytes, meshes)
def test_phases_of_all_reduce_are_those_of_its_halves_on_equal_links(full: float, sizes: list[int]) -> None:
    axes = list(range(len(sizes)))
    halves = over(REDUCE_SCATTER, full, axes, sizes) + over(ALL_GATHER, full, axes, sizes)
    assert over(ALL_REDUCE, full, axes, sizes) == pytest.approx(halves, rel=1e-9, abs=1e-15)


@given(kinds, nbytes, meshes)
def test_axes_of_one_device_change_nothing(kind: int, full: float, sizes: list[int]) -> None:
    axes = list(range(len(sizes)))
    alone = over(kind, full, axes, sizes)
    assert over(kind, full, [*axes, len(sizes)], [*sizes, 1]) == pytest.approx(alone, rel=1e-12)


@given(st.permutations(range(8)), st.integers(0, 8))
def test_axes_come_back_as_they_were_packed(order: list[int], many: int) -> None:
    assert unpack_axes(pack_axes(order[:many])) == tuple(order[:many])


def test_the_outermost_axis_is_lowest() -> None:
    assert pack_axes([0, 2]) == 0x31
    assert pack_axes([]) == 0


@pytest.mark.parametrize("axes", [[8], [-1], [1, 1]])
def test_wrong_axes_are_refused(axes: list[int]) -> None:
    with pytest.raises(CostModelError, match="distinct indices"):
        pack_axes(axes)
