"""Makes a schedule shorter without making its state worse: drops what does nothing, joins neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autopart.errors import TacticError
from autopart.problem import Problem
from autopart.state import State
from autopart.tactics import Manual, Tactic, apply_schedule

Rank = Callable[[State], tuple[float, ...]]


def simplify(problem: Problem, prefix: Sequence[Tactic], schedule: Sequence[Tactic], rank: Rank) -> list[Tactic]:
    """A schedule with ``rank`` (smaller is better) no worse after ``prefix``.

    Tactics are tried without from the last to the first; neighbours on one axis are joined if the state
    stays the same.
    """
    kept = list(schedule)
    target = rank(_state(problem, prefix, kept))
    for index in reversed(range(len(kept))):
        shorter = kept[:index] + kept[index + 1 :]
        state = _try(problem, prefix, shorter)
        if state is not None and rank(state) <= target:
            kept, target = shorter, rank(state)
    return _join(problem, prefix, kept)


def _join(problem: Problem, prefix: Sequence[Tactic], schedule: list[Tactic]) -> list[Tactic]:
    key = _state(problem, prefix, schedule).key()
    index = 0
    while index + 1 < len(schedule):
        first, second = schedule[index], schedule[index + 1]
        if isinstance(first, Manual) and isinstance(second, Manual) and first.axis == second.axis:
            both = Manual({**first.tiles, **second.tiles}, first.axis, first.name if first.name == second.name else "")
            joined = [*schedule[:index], both, *schedule[index + 2 :]]
            state = _try(problem, prefix, joined)
            if state is not None and state.key() == key:
                schedule = joined
                continue
        index += 1
    return schedule


def _state(problem: Problem, prefix: Sequence[Tactic], schedule: Sequence[Tactic]) -> State:
    state = State(problem)
    apply_schedule(state, [*prefix, *schedule])
    return state


def _try(problem: Problem, prefix: Sequence[Tactic], schedule: Sequence[Tactic]) -> State | None:
    """The state, or ``None`` where a tactic cannot be applied without the one that was left out."""
    try:
        return _state(problem, prefix, schedule)
    except TacticError:
        return None
