"""Which links each mesh axis runs over: what users say, and a default from the order of axes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from autopart.costmodel.errors import CostModelError
from autopart.costmodel.links import Link
from autopart.costmodel.torus import most_even_shape


class Part(NamedTuple):
    """What a mesh axis takes of one kind of link.

    Attributes:
        kind: name of the kind of link.
        size: devices, or groups of devices, along it.
        dimension: of the torus; 0 for a switch.
        stride: devices between neighbours along that dimension, which share its wires.
    """

    kind: str
    size: int
    dimension: int = 0
    stride: int = 1


@dataclass(frozen=True)
class Placement:
    """A mesh laid over links.

    Attributes:
        links: kinds of links by name, nearest first.
        parts: what each axis takes, in axis order, nearest first; nothing for an axis of one device.
        shapes: sizes of each torus that is used, by kind.
    """

    links: Mapping[str, Link]
    parts: tuple[tuple[Part, ...], ...]
    shapes: Mapping[str, tuple[int, ...]]


def place(
    axes: Mapping[str, int], links: Mapping[str, Link], given: Mapping[str, str | Link], topology: Sequence[int] | None
) -> Placement:
    """Returns the links that a mesh runs over.

    The last axis is the nearest: from the last to the first, each axis takes as much of the nearest kind of link as
    there is room for, and the rest of the next. `given` names another kind, or describes a link, for an axis.
    `topology` is the shape of the torus; without it the slice is the most even shape for as many devices as are
    joined by the torus.

    Raises:
        CostModelError: an axis or kind of link is unknown, a kind has no room for what is put on it, or the topology
            has another number of devices than the axes put there.
    """
    if strangers := [name for name in given if name not in axes]:
        raise CostModelError(f"links given for {', '.join(strangers)}, but the axes are {', '.join(axes)}")
    kinds = _with_own(links, given)
    torus = next((kind for kind, link in links.items() if link.torus), None)
    room = {kind: link.devices for kind, link in kinds.items()}
    if topology is not None:
        torus = _torus_of(topology, torus, links)
        room[torus] = math.prod(topology)
    taken = {}
    for name, size in reversed(list(axes.items())):
        own = _choice(name, given, links)
        taken[name] = _take(name, size, [own] if own else list(links), room)
    shapes: dict[str, tuple[int, ...]] = {f"own:{n}": (axes[n],) for n in given if f"own:{n}" in kinds}
    cuts: dict[str, list[Part]] = {}
    if torus is not None:
        chips = {name: taken[name].get(torus, 1) for name in axes}
        shapes[torus] = _shape(chips, torus, links[torus], topology)
        cuts = _cut(chips, shapes[torus], torus)
    parts = tuple(
        tuple(part for kind, n in taken[name].items() for part in (cuts[name] if kind == torus else [Part(kind, n)]))
        for name in axes
    )
    return Placement(kinds, parts, shapes)


def _with_own(links: Mapping[str, Link], given: Mapping[str, str | Link]) -> dict[str, Link]:
    """All kinds of links, nearest first; a link that an axis has of its own stands before the first slower one."""
    kinds = dict(links)
    for axis, link in given.items():
        if isinstance(link, Link):
            place = sum(other.bandwidth_bytes_per_s >= link.bandwidth_bytes_per_s for other in kinds.values())
            kinds = dict([*itertools.islice(kinds.items(), place), (f"own:{axis}", link)]) | kinds
    return kinds


def _choice(axis: str, given: Mapping[str, str | Link], links: Mapping[str, Link]) -> str | None:
    """The kind of link that the user chose for an axis."""
    link = given.get(axis)
    if isinstance(link, Link):
        return f"own:{axis}"
    if link is not None and link not in links:
        raise CostModelError(f"axis {axis!r} is put on {link!r}; the device has {', '.join(links)}")
    return link


def _take(axis: str, size: int, kinds: Sequence[str], room: dict[str, int | None]) -> dict[str, int]:
    """How many devices of an axis each kind of link joins; `room` is lessened."""
    took, left = {}, size
    for kind in kinds:
        free = room[kind]
        part = left if free is None else max(n for n in range(1, min(left, free) + 1) if left % n == 0)
        if free is not None:
            room[kind] = free // part
        if part > 1:
            took[kind] = part
        left //= part
    if left > 1:
        fits = ", ".join(f"{took.get(kind, 1)} on {kind}" for kind in kinds)
        raise CostModelError(
            f"axis {axis!r} of {size} does not fit on its links, which have room for {fits}. Fix: name another "
            "link for it or for an axis after it (links={" + axis + ": dcn}), or give a larger topology"
        )
    return took


def _torus_of(topology: Sequence[int], torus: str | None, links: Mapping[str, Link]) -> str:
    """The kind of link whose shape the topology is."""
    if torus is None:
        raise CostModelError(f"topology is the shape of a torus, but the device has only switches: {', '.join(links)}")
    link = links[torus]
    whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 1 for n in topology)
    if not whole or len(topology) != link.dimensions:
        raise CostModelError(f"topology must be {link.dimensions} whole numbers for {torus}, not {list(topology)}")
    if link.devices is not None and math.prod(topology) > link.devices:
        raise CostModelError(f"topology {_cross(topology)} is larger than {torus} joins: {link.devices} devices")
    return torus


def _shape(chips: Mapping[str, int], torus: str, link: Link, topology: Sequence[int] | None) -> tuple[int, ...]:
    """The shape of the torus over which the axes put so many devices."""
    total = math.prod(chips.values())
    if topology is None:
        return most_even_shape(total, link.dimensions)
    if math.prod(topology) != total:
        each = ", ".join(f"{name} {n}" for name, n in chips.items())
        raise CostModelError(
            f"topology {_cross(topology)} has {math.prod(topology)} devices, but the axes put {total} on {torus} "
            f"({each}). Fix: give the shape of those, leave topology out, or name other links for axes in links"
        )
    return tuple(topology)


def _cut(sizes: Mapping[str, int], shape: Sequence[int], kind: str) -> dict[str, list[Part]]:
    """Cuts a torus among axes, the last axis first; whole dimensions where they fit, several rather than one."""
    left, stride, cuts = list(shape), [1] * len(shape), {}
    for name, size in reversed(list(sizes.items())):
        best = min(_factorings(size, left), key=lambda parts: _preference(parts, shape))
        cuts[name] = [Part(kind, n, d, stride[d]) for d, n in enumerate(best) if n > 1]
        for dimension, n in enumerate(best):
            left[dimension] //= n
            stride[dimension] *= n
    return cuts


def _preference(parts: Sequence[int], shape: Sequence[int]) -> tuple[int, int, tuple[int, ...]]:
    """Fewest dimensions cut up, most dimensions used, the longest dimensions cut."""
    cut = sum(1 < n < whole for n, whole in zip(parts, shape, strict=True))
    return cut, -sum(n > 1 for n in parts), tuple(parts)


def _factorings(size: int, left: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The ways to take `size` devices as a product of divisors of what is left of each dimension."""
    if not left:
        if size == 1:
            yield ()
        return
    for n in range(1, min(size, left[0]) + 1):
        if size % n == 0 and left[0] % n == 0:
            for rest in _factorings(size // n, left[1:]):
                yield n, *rest


def _cross(topology: Sequence[int]) -> str:
    return "x".join(str(n) for n in topology)
