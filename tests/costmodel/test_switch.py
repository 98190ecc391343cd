"""Rings, trees and pairs over switches, by numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopart.costmodel import (
    ALL_GATHER,
    ALL_REDUCE,
    ALL_TO_ALL,
    COLLECTIVE_PERMUTE,
    REDUCE_SCATTER,
    Link,
    Protocol,
    device,
)
from autopart.costmodel.switch import Tier, switch_lines

PLAIN = Link(2e9, 1e-6)
# A quick protocol with a tenth of the bandwidth, a slow one with all of it; the same on both tiers but for the hops.
NEAR = Link(
    8e9,
    0.0,
    protocols=(Protocol("ll", 0.1, 1e-6, 1e-7, 0.1, 2e-6, 2e-7), Protocol("simple", 1.0, 5e-6, 1e-6, 0.5, 6e-6, 2e-6)),
)
FAR = Link(
    1e9,
    0.0,
    protocols=(Protocol("ll", 0.1, 3e-6, 1e-6, 0.1, 4e-6, 2e-6), Protocol("simple", 1.0, 7e-6, 5e-6, 0.5, 8e-6, 6e-6)),
)
NODE = [Tier(4, NEAR), Tier(2, FAR)]


def seconds(kind: int, tiers: list[Tier], nbytes: float) -> float:
    return min(line.at(nbytes) for line in switch_lines(kind, tiers))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # 8 GB, 2 GB a device: 3 steps of 1 us, 6 GB at 2 GB/s.
        (ALL_GATHER, 3.0 + 3e-6),
        (REDUCE_SCATTER, 3.0 + 3e-6),
        (ALL_REDUCE, 6.0 + 6e-6),
        # 3 blocks of 0.5 GB straight to their owners.
        (ALL_TO_ALL, 0.75 + 3e-6),
        # 2 GB to the neighbour.
        (COLLECTIVE_PERMUTE, 1.0 + 1e-6),
    ],
)
def test_a_plain_switch_of_four(kind: int, expected: float) -> None:
    assert seconds(kind, [Tier(4, PLAIN)], 8e9) == pytest.approx(expected, rel=1e-12)


def test_large_messages_over_two_nodes_of_four() -> None:
    # The wire into a node is that of its 4 devices' ports: 4 GB/s, slower than the 8 GB/s inside. 8 GB, 7/8 of it
    # comes in: 7 GB at 4 GB/s. Of 7 steps one waits for the network: 7 us + 6 x 1 us + 5 us.
    assert seconds(ALL_GATHER, NODE, 8e9) == pytest.approx(1.75 + 18e-6, rel=1e-12)
    # Twice the steps and bytes, started once. The tree moves 2 x 8 GB at half of 4 GB/s: slower.
    assert seconds(ALL_REDUCE, NODE, 8e9) == pytest.approx(3.5 + 29e-6, rel=1e-12)
    # Blocks of 0.125 GB: 3 inside at 8 GB/s while 4 leave by the device's own port at 1 GB/s.
    assert seconds(ALL_TO_ALL, NODE, 8e9) == pytest.approx(0.5 + (7 + 3 * 1 + 4 * 5) * 1e-6, rel=1e-12)
    # 1 GB to the neighbour, who may be in the other node.
    assert seconds(COLLECTIVE_PERMUTE, NODE, 8e9) == pytest.approx(1.0 + 12e-6, rel=1e-12)


def test_small_messages_over_two_nodes_of_four() -> None:
    # LL: 3 us + 6 x 0.1 us + 1 us.
    assert seconds(ALL_GATHER, NODE, 0.0) == pytest.approx(4.6e-6, rel=1e-12)
    # LL ring: 3 us + 2 x 1.6 us = 6.2 us. LL tree: 4 us + 2 x (3 x 0.2 us + log2(2) x 2 us) = 9.2 us.
    assert seconds(ALL_REDUCE, NODE, 0.0) == pytest.approx(6.2e-6, rel=1e-12)
    # Over 64 nodes the ring has 192 steps inside and 63 outside: 3 + 2 (19.2 + 63) = 167.4 us; the tree is
    # log2(64) = 6 deep: 4 + 2 (0.6 + 12) = 29.2 us.
    assert seconds(ALL_REDUCE, [Tier(4, NEAR), Tier(64, FAR)], 0.0) == pytest.approx(29.2e-6, rel=1e-12)


def test_medium_messages_take_the_tree_between_many_nodes() -> None:
    # 10 MB over 64 nodes of 4, the tree under Simple: 8 + 2 (3 x 2 + 6 x 6) = 92 us and 20 MB at 2 GB/s, 10 ms; the
    # ring: 7 + 2 (192 + 63 x 5) us and 2 x 255/256 x 10 MB at 4 GB/s.
    tiers = [Tier(4, NEAR), Tier(64, FAR)]
    ring = (7 + 2 * (192 + 315)) * 1e-6 + 2 * 255 / 256 * 10e6 / 4e9
    assert seconds(ALL_REDUCE, tiers, 10e6) == pytest.approx(ring, rel=1e-12)
    # 1 MB: the tree's 92 us + 1 ms beats the ring's 1021 us + 0.498 ms.
    assert seconds(ALL_REDUCE, tiers, 1e6) == pytest.approx(92e-6 + 1e-3, rel=1e-12)


def test_an_h100_node_reaches_what_nccl_reports() -> None:
    # 8 GB all_reduced by 8 GPUs: 2 x 7/8 x 8 GB at 0.824 of 450 GB/s, and 14 steps.
    nvlink = device("h100").links["nvlink"]
    expected = 14e9 / (0.824 * 450e9) + 8.4e-6 + 14 * 3.4e-6
    assert seconds(ALL_REDUCE, [Tier(8, nvlink)], 8e9) == pytest.approx(expected, rel=1e-9)
    # A kilobyte is a matter of steps: the LL ring's 6.6 + 14 x 0.6 us, or the LL tree's 6.8 + 14 x 0.6 us.
    assert seconds(ALL_REDUCE, [Tier(8, nvlink)], 0.0) == pytest.approx(15e-6, rel=1e-9)


moving = st.sampled_from([ALL_GATHER, ALL_REDUCE, REDUCE_SCATTER, ALL_TO_ALL, COLLECTIVE_PERMUTE])
gpus = st.sampled_from(["a100", "h100", "h200", "b200"]).map(lambda name: list(device(name).links.values())[:2])


@given(moving, gpus, st.integers(2, 8), st.integers(2, 64), st.floats(0.0, 1e11), st.floats(0.0, 1e11))
def test_more_bytes_never_take_less(
    kind: int, links: list[Link], near: int, far: int, one: float, other: float
) -> None:
    tiers = [Tier(near, links[0]), Tier(far, links[1])]
    few, many = sorted((one, other))
    assert seconds(kind, tiers, few) <= seconds(kind, tiers, many)


@given(moving, gpus, st.integers(2, 8), st.integers(2, 64), st.floats(0.0, 1e11), st.floats(1.0, 8.0))
def test_wider_links_are_never_slower(
    kind: int, links: list[Link], near: int, far: int, nbytes: float, more: float
) -> None:
    wider = [replace(link, bandwidth_bytes_per_s=link.bandwidth_bytes_per_s * more) for link in links]
    base = seconds(kind, [Tier(near, links[0]), Tier(far, links[1])], nbytes)
    assert seconds(kind, [Tier(near, wider[0]), Tier(far, wider[1])], nbytes) <= base * (1 + 1e-12)
