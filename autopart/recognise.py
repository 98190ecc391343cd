"""Known strategies recognised in a schedule, so that it reads as an expert would have written it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autopart.errors import TacticError
from autopart.notation import STRATEGIES
from autopart.problem import Problem
from autopart.state import State
from autopart.strategies import Strategy
from autopart.tactics import Tactic, apply_schedule

_LONGEST_RUN = 6
"""Tactics that may be one strategy between them."""


def recognise(problem: Problem, prefix: Sequence[Tactic], schedule: Sequence[Tactic]) -> list[Tactic]:
    """The schedule with named strategies in place of tactics, one or several in a row, that lead to the same state."""
    state = State(problem)
    apply_schedule(state, prefix)
    found: list[Tactic] = []
    left = list(schedule)
    while left:
        strategy, count = next(_named(state, left), (left[0], 1))
        found.append(strategy)
        apply_schedule(state, [strategy])
        left = left[count:]
    return found


def _named(state: State, schedule: Sequence[Tactic]) -> Iterator[tuple[Strategy, int]]:
    """Strategies that do what the first tactics of a schedule do, and how many of these; the longest runs first."""
    run = 1
    while run < min(len(schedule), _LONGEST_RUN) and schedule[run].axis == schedule[0].axis:
        run += 1
    for count in range(run, 0, -1):
        wanted = _key_after(state, schedule[:count])
        for kind in STRATEGIES.values():
            strategy = kind(schedule[0].axis)
            if _key_after(state, [strategy]) == wanted:
                yield strategy, count


def _key_after(state: State, tactics: Sequence[Tactic]) -> int | None:
    """Key of the state that tactics lead to, ``None`` if they cannot be applied; the state is left as it was."""
    depth = state.depth
    try:
        apply_schedule(state, tactics)
        return state.key()
    except TacticError:
        return None
    finally:
        state.undo_to(depth)
