"""Known strategies recognised in a schedule, so that it reads as an expert would have written it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from autopart.errors import TacticError
from autopart.partitioning import Problem, State
from autopart.program import cover
from autopart.tactics.as_json import STRATEGIES
from autopart.tactics.manual import Choice, Dim, Manual, Tactic, apply_schedule
from autopart.tactics.strategies import ArgumentStrategy, Strategy

_LONGEST_RUN = 6
"""Tactics that may be one strategy between them."""

_LONGEST_PATTERN = 72
"""Characters of a pattern that can still be read."""


def recognise(problem: Problem, prefix: Sequence[Tactic], schedule: Sequence[Tactic]) -> list[Tactic]:
    """The schedule with named strategies in place of tactics, one or several in a row, that lead to the same state.

    What is no strategy has few patterns rather than many.
    """
    state = State(problem)
    apply_schedule(state, prefix)
    found: list[Tactic] = []
    left = list(schedule)
    while left:
        tactic, count = next(_named(state, left), (_short(problem, left[0]), 1))
        found.append(tactic)
        apply_schedule(state, [tactic])
        left = left[count:]
    return found


def _short(problem: Problem, tactic: Tactic) -> Tactic:
    """The tactic with one pattern for all arguments of one dimension, where that is exact and short."""
    if not isinstance(tactic, Manual) or tactic.chooses:
        return tactic
    tiles: dict[str, int | Dim | Choice] = {}
    for dim in dict.fromkeys(tactic.tiles.values()):
        patterns = [pattern for pattern, other in tactic.tiles.items() if other == dim]
        names = {problem.name_of(op) for pattern in patterns for op in problem.matching(pattern).tolist()}
        ordered = [name for name in problem.argument_ops if name in names]
        one = cover(ordered, list(problem.argument_ops)) if len(ordered) == len(names) else None
        short = len(patterns) > 1 and one is not None and len(one) <= _LONGEST_PATTERN
        tiles.update(dict.fromkeys((one,) if short and one is not None else patterns, dim))
    return replace(tactic, tiles=tiles)


def _named(state: State, schedule: Sequence[Tactic]) -> Iterator[tuple[Strategy, int]]:
    """Strategies that do what the first tactics of a schedule do, and how many of these; the longest runs first."""
    run = 1
    while run < min(len(schedule), _LONGEST_RUN) and schedule[run].axis == schedule[0].axis:
        run += 1
    for count in range(run, 0, -1):
        wanted = _key_after(state, schedule[:count])
        for kind in STRATEGIES.values():
            strategy = kind(schedule[0].axis)
            if _key_after(state, [strategy]) == wanted and _is_whole(strategy, state):
                yield strategy, count


def _is_whole(strategy: Strategy, state: State) -> bool:
    """Whether a strategy could do all of what it is: what is left of one has not its name."""
    return not isinstance(strategy, ArgumentStrategy) or strategy.manual(state).name != ""


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
