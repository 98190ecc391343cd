"""Switches that join every pair: plain rings, and a library's rings and trees over several tiers of switches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from autopart.costmodel.kinds import ALL_GATHER, ALL_REDUCE, ALL_TO_ALL, COLLECTIVE_PERMUTE, REDUCE_SCATTER
from autopart.costmodel.lines import Line, fastest
from autopart.costmodel.links import Link, Protocol


class Tier(NamedTuple):
    """So many devices, or groups of devices, that one switch joins; nearest first in a sequence."""

    size: int
    link: Link


def switch_lines(kind: int, tiers: Sequence[Tier]) -> tuple[Line, ...]:
    """Returns the ways to do one collective among all devices under one or more tiers of switches.

    A link without protocols is used in one way: rings, at its full bandwidth, `Link.latency_s` a step. Of a library's
    protocols, LL and LL128 move a flag with the data, which makes steps quick and bandwidth small, and Simple waits
    for whole chunks; the library measures and takes the fastest, so all that the tiers have in common are returned.
    """
    shared = [_protocols(tier.link) for tier in tiers]
    lines = []
    for name in shared[0]:
        if all(name in protocols for protocols in shared):
            lines += _lines(kind, tiers, [protocols[name] for protocols in shared])
    assert lines, "tiers of one group have a protocol in common"
    return fastest(lines)


def _protocols(link: Link) -> dict[str, Protocol]:
    plain = Protocol("plain", 1.0, 0.0, link.latency_s, 1.0, 0.0, link.latency_s)
    return {protocol.name: protocol for protocol in link.protocols or (plain,)}


def _lines(kind: int, tiers: Sequence[Tier], protocols: Sequence[Protocol]) -> list[Line]:
    if kind in (ALL_GATHER, REDUCE_SCATTER):
        return [ring_line(tiers, protocols)]
    if kind == ALL_REDUCE:
        once = ring_line(tiers, protocols)
        start = protocols[-1].ring_start_s
        twice = Line(start + 2 * (once.start_s - start), 2 * once.s_per_byte)
        return [twice, tree_line(tiers, protocols)] if all(tier.link.protocols for tier in tiers) else [twice]
    if kind == ALL_TO_ALL:
        return [pairwise_line(tiers, protocols)]
    assert kind == COLLECTIVE_PERMUTE
    n = math.prod(tier.size for tier in tiers)
    slowest = min(t.link.bandwidth_bytes_per_s * p.ring_share for t, p in zip(tiers, protocols, strict=True))
    return [Line(protocols[-1].ring_start_s + max(p.ring_hop_s for p in protocols), 1 / (n * slowest))]


def ring_line(tiers: Sequence[Tier], protocols: Sequence[Protocol]) -> Line:
    """Returns the time of an all_gather or reduce_scatter on rings through all devices.

    With ``B`` bytes in full, ``N`` devices, ``W_j`` the bandwidth of tier ``j`` under the protocol and ``m_j`` the
    devices below one port of it: ``start + sum(c_j a_j) + B (N-1) / (N min(m_j W_j))``. Each of the ``N - 1`` steps
    waits for the slowest wire it crosses: ``c_j`` steps, as many as there are groups below tier ``j`` less those
    below the next, cross tier ``j``. As many rings as a node has NICs run at once, so the wire between nodes has
    the bandwidth of all NICs of the node's devices that take part. An all_reduce takes ``2 (N - 1)`` steps.

    Sources: Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations", 2009; NCCL,
    src/graph/tuning.cc, whose model of a ring this is.
    """
    n = math.prod(tier.size for tier in tiers)
    groups, start = n, protocols[-1].ring_start_s
    for tier, protocol in zip(tiers, protocols, strict=True):
        start += (groups - groups // tier.size) * protocol.ring_hop_s
        groups //= tier.size
    return Line(start, (n - 1) / (n * _bus(tiers, [protocol.ring_share for protocol in protocols])))


def tree_line(tiers: Sequence[Tier], protocols: Sequence[Protocol]) -> Line:
    """Returns the time of an all_reduce up and down a tree: a chain in each node, a double binary tree of nodes.

    ``start + 2 ((n_1 - 1) a_1 + sum(ceil(log2(n_j)) a_j)) + 2 B / min(m_j W_j)`` with the symbols of `ring_line`,
    ``n_1`` devices in a node: fewer steps than a ring, of which every device sends and receives all of ``B``.

    Sources: Sanders, Speck, Traeff, "Two-tree algorithms for full bandwidth broadcast, reduction and scan", 2009;
    NCCL, src/graph/tuning.cc, whose model of a tree this is.
    """
    steps = (tiers[0].size - 1) * protocols[0].tree_hop_s
    steps += sum(math.ceil(math.log2(t.size)) * p.tree_hop_s for t, p in zip(tiers[1:], protocols[1:], strict=True))
    bus = _bus(tiers, [protocol.tree_share for protocol in protocols])
    return Line(protocols[-1].tree_start_s + 2 * steps, 2 / bus)


def pairwise_line(tiers: Sequence[Tier], protocols: Sequence[Protocol]) -> Line:
    """Returns the time of an all_to_all: each device sends a block of ``B / N^2`` bytes to each other device.

    ``start + sum(p_j a_j) + max(p_j B / (N^2 W_j))``: ``p_j`` of the ``N - 1`` peers are reached over tier ``j``, a
    device's own port on each tier is the limit, and the tiers work at once.

    Source: Thakur, Rabenseifner, Gropp, "Optimization of collective communication operations in MPICH", 2005.
    """
    n = math.prod(tier.size for tier in tiers)
    start, slope, within = protocols[-1].ring_start_s, 0.0, 1
    for tier, protocol in zip(tiers, protocols, strict=True):
        peers = within * tier.size - within
        start += peers * protocol.ring_hop_s
        slope = max(slope, peers / (n * n * tier.link.bandwidth_bytes_per_s * protocol.ring_share))
        within *= tier.size
    return Line(start, slope)


def _bus(tiers: Sequence[Tier], shares: Sequence[float]) -> float:
    """Bytes per second into each group of the narrowest tier, all ports of the group's devices together."""
    below, narrowest = 1, math.inf
    for tier, share in zip(tiers, shares, strict=True):
        narrowest = min(narrowest, below * tier.link.bandwidth_bytes_per_s * share)
        below *= tier.size
    return narrowest
