"""What becomes of a plan without one of its actions, or with one value kept whole: what avoiding a collective costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from autopart.errors import TacticError
from autopart.explain.causes import REDUCTIONS, causes_of, reader_of
from autopart.explain.subject import Action, Subject
from autopart.lower import Move
from autopart.tactics import Atomic, Tactic

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
        refused: why the schedule does not apply then; empty where it does. Nothing else holds where it does not.
        step_s: by how many seconds a step gets longer (negative: shorter).
        peak_memory_bytes: by how many bytes the peak of a device grows.
        collectives: kind -> how many more run in a step.
        gone: collectives that are asked about and stand there no more, axis by axis.
        stays: those that stand there still, with the tactics (of the schedule as it was) that then cause them.
    """

    change: str
    action: Action
    refused: str = ""
    step_s: float = 0.0
    peak_memory_bytes: float = 0.0
    collectives: Mapping[str, int] | None = None
    gone: int = 0
    stays: tuple[Action, ...] = ()


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
    return Subject(subject.problem, [t for i, t in enumerate(subject.schedule) if i + 1 != number])


def removal(subject: Subject, action: Action, moves: Sequence[Move], axes: Iterable[str]) -> Removal:
    """What leaving out an action does to a plan, and to some of its collectives on some of their axes."""
    kept = [a for a in subject.actions if a != action]
    schedule = [t for i, t in enumerate(subject.schedule) if i + 1 != action.number]
    return _priced(subject, f"without {action}", action, schedule, kept, _asked(subject, moves, axes))


def keeping_whole(
    subject: Subject, action: Action, seed: str, moves: Sequence[Move], axes: Iterable[str]
) -> Removal:  # fmt: skip
    """What keeping one value whole on the action's axis, before the action, does."""
    at = action.number - 1
    atomic = Atomic((seed,), action.axis)
    schedule: list[Tactic] = [*subject.schedule[:at], atomic, *subject.schedule[at:]]
    kept = [*subject.actions[:at], action, *subject.actions[at:]]
    change = f"with {seed} kept whole on {action.axis} from then on"
    return _priced(subject, change, action, schedule, kept, _asked(subject, moves, axes))


def _asked(subject: Subject, moves: Sequence[Move], axes: Iterable[str]) -> set[Stand]:
    names = set(axes)
    return {stand for move in moves for stand in stands_of(subject, move) if stand[2] in names}


def _priced(
    subject: Subject, change: str, action: Action, schedule: Sequence[Tactic], actions: Sequence[Action],
    asked: set[Stand],
) -> Removal:  # fmt: skip
    """``actions``: for each tactic of ``schedule`` what it is called in the schedule as it was."""
    try:
        other = Subject(subject.problem, schedule)
    except TacticError as error:
        return Removal(change, action, refused=str(error))
    before, after = subject.figures, other.figures
    counts = {kind: after.collectives[kind] - n for kind, n in before.collectives.items()}
    still = [(move, left) for move in other.program.collectives() if (left := asked & {*stands_of(other, move)})]
    axes = {id(move): {stand[2] for stand in left} for move, left in still}
    stays = {
        actions[cause.action.number - 1]
        for move, _ in still
        for cause in causes_of(other, move)
        if cause.axis in axes[id(move)]
    }
    left_over = {stand for _, left in still for stand in left}
    return Removal(
        change, action, "",
        after.metrics["step_s"] - before.metrics["step_s"],
        after.metrics["peak_memory_bytes"] - before.metrics["peak_memory_bytes"],
        {kind: count for kind, count in counts.items() if count},
        len(asked) - len(left_over),
        tuple(sorted(stays, key=lambda a: a.number)),
    )  # fmt: skip
