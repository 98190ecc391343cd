"""Makes a schedule shorter without making its state worse: drops what does nothing, joins neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from autopart.cost import Counted
from autopart.errors import TacticError
from autopart.partitioning import Problem, State
from autopart.tactics.manual import Atomic, Manual, Tactic, apply_schedule

Rank = Callable[[State], tuple[float, ...]]


def simplify(
    problem: Problem,
    prefix: Sequence[Tactic],
    schedule: Sequence[Tactic],
    rank: Rank,
    counted: Sequence[Counted] = (),
) -> list[Tactic]:
    """A schedule with ``rank`` (smaller is better) no worse after ``prefix``; it ranks states that measure ``counted``.

    Tactics are left out, from the last to the first, as long as that makes nothing worse; what is left of
    tactics that had one name between them loses it. Neighbours on one axis and of one name are joined
    if the state stays the same.
    """
    state = State(problem, counted)
    apply_schedule(state, prefix)
    kept = list(schedule)
    while (shorter := _join(state, _drop(state, kept, rank))) != kept:
        kept = shorter
    return kept


def _drop(state: State, schedule: list[Tactic], rank: Rank) -> list[Tactic]:
    """The schedule after one pass from its last tactic to its first; ``state`` is left as it was."""
    root = state.depth
    apply_schedule(state, schedule)
    kept, target = list(schedule), rank(state)
    for index in reversed(range(len(schedule))):
        state.undo_to(root + index)
        try:
            apply_schedule(state, kept[index + 1 :])
        except TacticError:
            continue  # A later tactic leans on this one.
        if (found := rank(state)) <= target:
            target = found
            kept = _without(kept, index)
    state.undo_to(root)
    return kept


def _without(schedule: Sequence[Tactic], index: int) -> list[Tactic]:
    """The schedule without one tactic; those that shared its name and axis lose the name."""
    gone = schedule[index]
    rest = [*schedule[:index], *schedule[index + 1 :]]
    return [
        replace(t, name="") if isinstance(t, Manual | Atomic) and (t.axis, t.name) == (gone.axis, gone.name) else t
        for t in rest
    ]


def _join(state: State, schedule: list[Tactic]) -> list[Tactic]:
    root = state.depth
    apply_schedule(state, schedule)
    key = state.key()
    index = 0
    while index + 1 < len(schedule):
        both = _joined(schedule[index], schedule[index + 1])
        if both is not None:
            state.undo_to(root)
            shorter = [*schedule[:index], both, *schedule[index + 2 :]]
            try:
                apply_schedule(state, shorter)
            except TacticError:
                both = None
        if both is not None and state.key() == key:
            schedule = shorter
        else:
            index += 1
    state.undo_to(root)
    return schedule


def _joined(first: Tactic, second: Tactic) -> Tactic | None:
    """One tactic that does what both do, if they are of one kind, axis and name."""
    if (first.axis, first.name) != (second.axis, second.name):
        return None
    if isinstance(first, Manual) and isinstance(second, Manual) and not first.tiles.keys() & second.tiles.keys():
        return Manual({**first.tiles, **second.tiles}, first.axis, first.name)
    if isinstance(first, Atomic) and isinstance(second, Atomic):
        return Atomic(tuple(dict.fromkeys((*first.patterns, *second.patterns))), first.axis, first.name)
    return None
