"""What becomes of a plan without one of its actions, or with one value kept whole: what avoiding a collective costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from autopart.emit import Move
from autopart.errors import TacticError
from autopart.explain.causes import REDUCTIONS, Cause, causes_of, reader_of
from autopart.explain.figures import more_collectives
from autopart.explain.subject import Action, Subject
from autopart.explain.tactic_effects import changed
from autopart.tactics import Atomic
from autopart.text import signed

_MOST_KEPT = 16
"""Values from which on no more are kept whole to be rid of a collective."""

_MOST_LISTED = 4

Stand: TypeAlias = tuple[str, int, str, int]
"""Where a collective stands, for one of its axes: what it does (``reduce`` or its kind), value, axis, reader (-1: all).

An all_reduce and a reduce_scatter of one sum are the same stand: the action that made the sum is what both are for.
"""


@dataclass(frozen=True)
class Removal:
    """A change of the schedule, and what it does.

    Attributes:
        change: what is done, in words.
        action: the tactic that is left out, or before which a value is kept whole.
        kept: names of what is kept whole; empty where the tactic is left out.
        refused: why the schedule does not apply then; empty where it does. Nothing else holds where it does not.
        step_s: by how many seconds a step gets longer (negative: shorter).
        peak_memory_bytes: by how many bytes the peak of a device grows.
        collectives: kind -> how many more run in a step.
        gone: collectives that are asked about and stand there no more, axis by axis.
        stays: those that stand there still, with the tactics (of the schedule as it was) that then cause them.
    """

    change: str
    action: Action
    kept: tuple[str, ...] = ()
    refused: str = ""
    step_s: float = 0.0
    peak_memory_bytes: float = 0.0
    collectives: Mapping[str, int] = field(default_factory=dict)
    gone: int = 0
    stays: tuple[Action, ...] = ()

    def outcome(self, axes: Sequence[str]) -> tuple[str, ...]:
        """What it does to a collective over ``axes`` and to the plan, line by line."""
        if self.refused:
            return (f"does not apply ({self.refused})",)
        on = f" on {self.action.axis}" if len(axes) > 1 else ""
        stays = f"it stays{on}, caused by {', '.join(str(a) for a in self.stays)}"
        price = f"{signed(self.step_s, 's')} a step, {signed(self.peak_memory_bytes, 'bytes')} a device"
        return stays if self.stays else f"it is gone{on}", f"{price}; collectives: {changed(self.collectives, ', ')}"


def stands_of(subject: Subject, move: Move) -> list[Stand]:
    """Where a collective stands, axis by axis; axes of one device are none."""
    what = "reduce" if move.kind in REDUCTIONS else move.kind
    reader = reader_of(subject, move)
    return [(what, move.value, name, reader) for name in move.axes if subject.problem.mesh.axes[name] > 1]


def without(subject: Subject, number: int) -> Subject:
    """The same program under the schedule without tactic ``number`` (from 1).

    Raises:
        TacticError: a later tactic needs it.
    """
    return subject.under([t for i, t in enumerate(subject.schedule) if i + 1 != number])


def removal(subject: Subject, action: Action, moves: Sequence[Move], axes: Iterable[str]) -> Removal:
    """What leaving out an action does to a plan, and to some of its collectives on some of their axes."""
    asked = _asked(subject, moves, axes)
    try:
        other = without(subject, action.number)
    except TacticError as error:
        return Removal(f"without {action}", action, refused=str(error))
    kept = [a for a in subject.actions if a != action]
    return _compared(Removal(f"without {action}", action), subject, other, kept, _left(other, asked), asked)


def keeping_whole(
    subject: Subject, action: Action, seed: str, moves: Sequence[Move], axes: Iterable[str]
) -> Removal:  # fmt: skip
    """What keeping whole, on the action's axis and before it, what it tiled does.

    Where ``seed`` alone does not help, because the action tiled more from which the tile would come too, that is kept
    whole with it, as long as it has a name.
    """
    asked, at, seeds = _asked(subject, moves, axes), action.number - 1, [seed]
    actions = [*subject.actions[:at], action, *subject.actions[at:]]
    while True:
        before, after = subject.schedule[:at], subject.schedule[at:]
        change = f"with {_listed(seeds)} kept whole on {action.axis} from then on"
        try:
            other = subject.under([*before, Atomic(tuple(seeds), action.axis), *after])
        except TacticError as error:
            return Removal(change, action, tuple(seeds), str(error))
        left = _left(other, asked)
        more = [c.origin.seed for c in left.causes if actions[c.action.number - 1] == action]
        more = [name for name in dict.fromkeys(more) if other.is_named(name) and name not in seeds]
        if not more or len(seeds) >= _MOST_KEPT:
            return _compared(Removal(change, action, tuple(seeds)), subject, other, actions, left, asked)
        seeds += more


def _listed(names: Sequence[str]) -> str:
    more = [f"{len(names) - _MOST_LISTED} more"] if len(names) > _MOST_LISTED else []
    *most, last = [*names[:_MOST_LISTED], *more]
    return f"{', '.join(most)} and {last}" if most else last


def _asked(subject: Subject, moves: Sequence[Move], axes: Iterable[str]) -> set[Stand]:
    names = set(axes)
    return {stand for move in moves for stand in stands_of(subject, move) if stand[2] in names}


@dataclass(frozen=True)
class _Left:
    """Stands of those asked about where a collective stands in another plan, and what causes it there."""

    stands: frozenset[Stand]
    causes: tuple[Cause, ...]


def _left(other: Subject, asked: set[Stand]) -> _Left:
    found, causes = set[Stand](), list[Cause]()
    for move in other.program.collectives():
        here = asked.intersection(stands_of(other, move))
        axes = {axis for _, _, axis, _ in here}
        found |= here
        causes += [cause for cause in causes_of(other, move) if cause.axis in axes] if here else []
    return _Left(frozenset(found), tuple(causes))


def _compared(
    change: Removal, subject: Subject, other: Subject, actions: Sequence[Action], left: _Left, asked: set[Stand]
) -> Removal:  # fmt: skip
    """The change with its figures; ``actions``: for each tactic of ``other`` what it is in the schedule as it was."""
    before, after = subject.report, other.report
    stays = {actions[cause.action.number - 1] for cause in left.causes}
    return replace(
        change,
        step_s=after.metrics["step_s"] - before.metrics["step_s"],
        peak_memory_bytes=after.metrics["peak_memory_bytes"] - before.metrics["peak_memory_bytes"],
        collectives=more_collectives(before.collectives, after.collectives),
        gone=len(asked) - len(left.stands),
        stays=tuple(sorted(stays, key=lambda a: a.number)),
    )
