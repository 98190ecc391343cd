"""How a tile came to an op: from the value that a tactic named, op by op; and what kept it from going on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from autopart.explain.names import Place
from autopart.explain.reasons import why_not_tiled
from autopart.explain.subject import Action, Subject
from autopart.program import starify

_MOST_CHAIN = 8
"""Ops of a way that are told."""


@dataclass(frozen=True)
class Origin:
    """Where the tile of an op on an axis comes from.

    Attributes:
        action: the tactic that brought it.
        seed: the argument or named value that the tactic itself tiled.
        through: the ops between, from the seed on; the last is the op itself.
    """

    action: Action
    seed: str
    through: tuple[Place, ...]

    def lines(self) -> list[str]:
        """The way of the tile, a line an op; of a long way its ends."""
        places = [str(place) for place in self.through]
        if len(places) > _MOST_CHAIN + 1:
            half = _MOST_CHAIN // 2
            places = [*places[:half], f"... {len(places) - 2 * half} ops ...", *places[-half:]]
        return [f"tiled at {self.seed}", *(f"  -> {place}" for place in places)]


@dataclass(frozen=True)
class Stop:
    """Ops at which a tile could have gone on and did not.

    Attributes:
        place: where they were written.
        reason: why it stopped there.
        count: how many.
    """

    place: Place
    reason: str
    count: int


def chain_of(subject: Subject, op: int, axis: int) -> list[int]:
    """The ops that handed a tile on, from the one that a tactic named to ``op``; empty where it is not tiled."""
    marks, slot_op = subject.state.marks, subject.problem.tables.slot_op
    if marks.tile[op, axis] < 0:
        return []
    chain = [op]
    while (slot := int(marks.via[chain[-1], axis])) >= 0:
        chain.append(int(slot_op[slot]))
    return chain[::-1]


def origin_of(subject: Subject, op: int, axis: int) -> Origin | None:
    """Where the tile of an op comes from, or ``None`` where it is not tiled."""
    chain = chain_of(subject, op, axis)
    if not chain:
        return None
    action = subject.actions[subject.tiled_by(op, axis)]
    return Origin(action, subject.called(chain[0]), tuple(subject.place_of(o) for o in chain[1:]))


def reached_from(subject: Subject, ops: list[int], axis: int) -> list[int]:
    """The ops that got their tile on an axis from one of ``ops``, directly or not, in program order."""
    marks, slot_op = subject.state.marks, subject.problem.tables.slot_op
    children: dict[int, list[int]] = {}
    for op in np.flatnonzero(marks.via[:, axis] >= 0).tolist():
        children.setdefault(int(slot_op[marks.via[op, axis]]), []).append(op)
    found, stack = set[int](), list(ops)
    while stack:
        for child in children.get(stack.pop(), ()):
            if child not in found:
                found.add(child)
                stack.append(child)
    return sorted(found - set(ops))


def stops_of(subject: Subject, ops: list[int], axis: int) -> list[Stop]:
    """Where tiles of ``ops`` on an axis could have gone on and did not, and why; equal ones counted."""
    tables, tile = subject.problem.tables, subject.state.marks.tile
    inside, found = set(ops), Counter[tuple[Place, str]]()
    seen: set[int] = set()
    for op in ops:
        for edge in range(tables.edge_ptr[op], tables.edge_ptr[op + 1]):
            other = int(tables.edge_op[edge])
            asked = int(tables.give[tables.give_ptr[edge] + int(tile[op, axis])]) if tile[op, axis] >= 0 else -1
            if asked < 0 or other in inside or other in seen or tile[other, axis] == asked:
                continue
            seen.add(other)
            found[_of_layers(subject.place_of(other)), why_not_tiled(subject, other, axis, asked)] += 1
    return [Stop(place, reason, count) for (place, reason), count in found.items()]


def _of_layers(place: Place) -> Place:
    """A place with what differs between layers left out."""
    return replace(place, at=starify(place.at)) if place.is_argument else place
