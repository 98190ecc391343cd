"""Rings, open lines and tori, by numbers worked out by hand; shapes of slices."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopart.costmodel import ALL_GATHER, ALL_REDUCE, ALL_TO_ALL, COLLECTIVE_PERMUTE, KIND_NAMES, REDUCE_SCATTER
from autopart.costmodel.torus import Way, most_even_shape, torus_line

MOVING = (ALL_GATHER, ALL_REDUCE, REDUCE_SCATTER, ALL_TO_ALL, COLLECTIVE_PERMUTE)
# 1 GB/s a wire, 1 us a hop.
RING = Way(4, 2e9, 1e-6, closes=True)
OPEN = Way(4, 1e9, 1e-6, closes=False)


@pytest.mark.parametrize(
    ("kind", "ways", "seconds"),
    [
        # 8 GB, 2 GB a device. Each hears the 6 GB of the others over two wires at 1 GB/s; the farthest is 2 hops away.
        (ALL_GATHER, [RING], 3.0 + 2e-6),
        (REDUCE_SCATTER, [RING], 3.0 + 2e-6),
        (ALL_REDUCE, [RING], 6.0 + 4e-6),
        # Those at the ends hear the 6 GB over their one wire, from 3 hops away.
        (ALL_GATHER, [OPEN], 6.0 + 3e-6),
        (ALL_REDUCE, [OPEN], 12.0 + 6e-6),
        # Blocks of 0.5 GB go 1, 2 and 1 hops: 4 block-hops a device, 2 GB over two wires.
        (ALL_TO_ALL, [RING], 1.0 + 2e-6),
        # The middle wire carries each way what 2 devices send to 2: 4 blocks of 0.5 GB.
        (ALL_TO_ALL, [OPEN], 2.0 + 3e-6),
        # 2 GB to the neighbour; a ring is charged for both directions.
        (COLLECTIVE_PERMUTE, [RING], 1.0 + 1e-6),
        (COLLECTIVE_PERMUTE, [OPEN], 2.0 + 1e-6),
        # 16 devices of 0.5 GB: 7.5 GB over 4 wires; 2 + 2 hops.
        (ALL_GATHER, [RING, RING], 1.875 + 4e-6),
        (ALL_REDUCE, [RING, RING], 3.75 + 8e-6),
        # A ring and a line: 7.5 GB over 3 wires; 2 + 3 hops.
        (ALL_GATHER, [RING, OPEN], 2.5 + 5e-6),
        # Along each ring a device exchanges its 0.5 GB in blocks of 0.125: 4 block-hops over two wires; both at once.
        (ALL_TO_ALL, [RING, RING], 0.25 + 4e-6),
        # The line is the slower: 4 blocks of 0.125 GB over its middle wire.
        (ALL_TO_ALL, [RING, OPEN], 0.5 + 5e-6),
        (COLLECTIVE_PERMUTE, [RING, OPEN], 0.5 + 1e-6),
    ],
)
def test_by_hand(kind: int, ways: list[Way], seconds: float) -> None:
    assert torus_line(kind, ways).at(8e9) == pytest.approx(seconds, rel=1e-12)


def test_a_full_pod_of_v5e() -> None:
    # The JAX scaling book, part 3: 34 MB gathered over one axis of 4 without wrap-around at 45 GB/s takes about
    # 34 MB / 45 GB/s x 3/4 and 3 hops of 1 us; over a whole ring of 16 twice the wires.
    line = torus_line(ALL_GATHER, [Way(4, 4.5e10, 1e-6, closes=False)])
    assert line.at(34e6) == pytest.approx(34e6 * 0.75 / 4.5e10 + 3e-6)
    ring = torus_line(ALL_GATHER, [Way(16, 9e10, 1e-6, closes=True)])
    assert ring.at(34e6) == pytest.approx(34e6 * 15 / 16 / 9e10 + 8e-6)


ways = st.builds(Way, st.integers(2, 16), st.floats(1e6, 1e12), st.floats(0.0, 1e-3), st.booleans())


@given(st.sampled_from(MOVING), st.lists(ways, min_size=1, max_size=3), st.floats(0.0, 1e12), st.floats(1.0, 8.0))
def test_wider_and_closed_is_never_slower(kind: int, each: list[Way], nbytes: float, more: float) -> None:
    base = torus_line(kind, each).at(nbytes)
    assert torus_line(kind, [w._replace(bandwidth=w.bandwidth * more) for w in each]).at(nbytes) <= base * (1 + 1e-12)
    closed = [w._replace(bandwidth=w.bandwidth * (1 if w.closes else 2), closes=True) for w in each]
    assert torus_line(kind, closed).at(nbytes) <= base * (1 + 1e-12)


@given(st.sampled_from(MOVING), st.lists(ways, min_size=2, max_size=3), st.floats(0.0, 1e12))
def test_the_order_of_dimensions_does_not_matter(kind: int, each: list[Way], nbytes: float) -> None:
    assert torus_line(kind, each[::-1]).at(nbytes) == pytest.approx(torus_line(kind, each).at(nbytes), rel=1e-12)


@pytest.mark.parametrize(
    ("devices", "dimensions", "shape"),
    [
        (8, 2, (2, 4)), (32, 2, (4, 8)), (128, 2, (8, 16)), (256, 2, (16, 16)),
        (4, 3, (1, 2, 2)), (16, 3, (2, 2, 4)), (32, 3, (2, 4, 4)), (256, 3, (4, 8, 8)), (7, 2, (1, 7)),
        (1, 3, (1, 1, 1)),
    ],
)  # fmt: skip
def test_slices_are_as_even_as_can_be(devices: int, dimensions: int, shape: tuple[int, ...]) -> None:
    assert most_even_shape(devices, dimensions) == shape


@given(st.integers(1, 512), st.integers(1, 3))
def test_shapes_hold_all_devices(devices: int, dimensions: int) -> None:
    shape = most_even_shape(devices, dimensions)
    assert math.prod(shape) == devices
    assert len(shape) == dimensions
    assert list(shape) == sorted(shape)


def test_an_unknown_kind_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        torus_line(len(KIND_NAMES), [RING])
