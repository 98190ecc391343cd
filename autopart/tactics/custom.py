"""Tactics of a user's own on disk: where their class is, their fields, and the tiles that they came to in the plan.

A file may come from someone else, so nothing that it names is imported: who reads it hands over the classes that may
be made (``load_plan(path, tactics=[MyTactic])``). Of any other class the tiles are applied, and a warning says so.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from autopart.errors import TacticError
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.patterns import cover
from autopart.sharding.propagate import ATOMIC, Steps
from autopart.tactics.manual import REPLICATED, Atomic, Dim, Manual, Tactic
from autopart.tactics.resolve import Resolve
from autopart.tactics.strategies import Strategy


class SavedTacticWarning(UserWarning):
    """A tactic of a class that the reader did not hand over: its tiles are applied as they were saved."""


@dataclass(frozen=True)
class SavedTactic:
    """A tactic of a user's own as a file has it. Experimental.

    Attributes:
        kind: its class, ``module:QualName``.
        fields: of it, as plain JSON values: its ``to_json()``, or else the fields of a dataclass.
        tiles: what it did in the plan, see ``Manual``; none where it tiled values that have no names.
        axis: mesh axis.
        name: what a report calls it.
    """

    kind: str
    fields: Mapping[str, Any]
    tiles: Mapping[str, int | Dim] | None
    axis: str
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or not isinstance(self.fields, Mapping) or not isinstance(self.axis, str):
            raise TacticError(f"SavedTactic takes a class as text, its fields by name, tiles and an axis, not {self!r}")
        if self.tiles is not None:
            Manual(self.tiles, self.axis)

    def steps(self, state: State) -> Steps:
        """The rows that the tiles add to a state.

        Raises:
            TacticError: they do not fit the program, or were not kept.
        """
        if self.tiles is None:
            raise TacticError(
                f"the tactic {self.kind} tiled values that have no names, so only its class can apply it. Fix: hand it "
                f"over: load_plan(path, tactics=[{self.kind.rpartition(':')[2]}])"
            )
        return Manual(self.tiles, self.axis).steps(state)


def is_custom(tactic: Tactic) -> bool:
    """Whether a tactic is of a user's own class."""
    ours = {Manual, Atomic, Resolve, SavedTactic}
    named = isinstance(tactic, Strategy) and type(tactic).__module__.startswith(f"{_STRATEGIES}.")
    return type(tactic) not in ours and not named


_STRATEGIES = Strategy.__module__.rpartition(".")[0]


def kind_name(kind: type) -> str:
    """``module:QualName`` of a class."""
    return f"{kind.__module__}:{kind.__qualname__}"


def saved(tactic: Any, tiles: Mapping[str, int | Dim] | None = None) -> SavedTactic:
    """A tactic of a user's own as a file keeps it.

    Raises:
        TacticError: it cannot be written, or would not come back as it is.
    """
    kind: Any = type(tactic)
    name = kind_name(kind)
    written = getattr(tactic, "to_json", None)
    if callable(written):
        values: Any = written()
    elif is_dataclass(tactic):
        values = {one.name: getattr(tactic, one.name) for one in fields(tactic) if one.init}
    else:
        raise TacticError(f"{name} cannot be written down. Fix: make it a dataclass, or give it to_json and from_json.")
    try:
        plain = json.loads(json.dumps(values, allow_nan=False))
        same = made(kind, plain) == tactic or kind.__eq__ is object.__eq__
    except (TypeError, ValueError) as error:
        raise TacticError(
            f"{name} cannot be written down: {error}. Fix: give it to_json(), which returns plain JSON values by name, "
            "and a classmethod from_json(fields)."
        ) from error
    if not same or not isinstance(plain, dict):
        raise TacticError(f"{name} does not come back equal from its fields. Fix: give it to_json and from_json.")
    return SavedTactic(name, plain, tiles, tactic.axis, tactic.name)


def made(kind: Any, values: Mapping[str, Any]) -> Tactic:
    """A tactic from its fields: by ``kind.from_json(fields)``, or else with them as arguments, lists as tuples."""
    read = getattr(kind, "from_json", None)
    given = {name: _tuples(value) for name, value in values.items()}
    tactic: Tactic = read(values) if callable(read) else kind(**given)
    return tactic


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def written_schedule(problem: Problem, schedule: Sequence[Tactic]) -> list[Tactic]:
    """A schedule as files keep it: tactics of a user's own with the tiles that they come to in this program.

    Raises:
        TacticError: one cannot be written.
    """
    if not any(is_custom(tactic) for tactic in schedule):
        return list(schedule)
    state, out = State(problem), list[Tactic]()
    for tactic in schedule:
        rows = tactic.steps(state)
        out.append(saved(tactic, _tiles(state, rows, tactic.axis)) if is_custom(tactic) else tactic)
        state.apply(rows)
    return out


def _tiles(state: State, rows: Steps, axis: str) -> dict[str, int | Dim] | None:
    """The rows as patterns, if these lead to the same state."""
    problem = state.problem
    named = {*problem.argument_ops.values(), *(op for ops in problem.graph.tags.values() for op in ops)}
    by_dim: dict[int | Dim, list[str]] = {}
    for kind, op, dim, _ in rows.tolist():
        if op not in named:
            return None
        names = by_dim.setdefault(REPLICATED if kind == ATOMIC else dim, [])
        names += [problem.name_of(op)] if problem.name_of(op) not in names else []
    everything, tiles = [*problem.argument_ops, *problem.graph.tags], dict[str, int | Dim]()
    for asked, names in by_dim.items():
        exact = cover(names, everything)
        tiles.update(dict.fromkeys(names if exact is None else (exact,), asked))
    try:
        again = Manual(tiles, axis).steps(state)
    except TacticError:
        return None
    return tiles if _after(state, again) == _after(state, rows) else None


def _after(state: State, rows: Steps) -> int:
    depth = state.depth
    state.apply(rows)
    key = state.key()
    state.undo_to(depth)
    return key


def restored(schedule: Sequence[Tactic], kinds: Sequence[type]) -> tuple[Tactic, ...]:
    """A schedule that was read, with tactics of the classes handed over made again; of others the tiles stay.

    Raises:
        TacticError: a class does not take the fields that were saved.
    """
    known = {kind_name(kind): kind for kind in kinds}
    return tuple(_restored(tactic, known) if isinstance(tactic, SavedTactic) else tactic for tactic in schedule)


def _restored(tactic: SavedTactic, known: Mapping[str, type]) -> Tactic:
    if tactic.kind not in known:
        name = tactic.kind.rpartition(":")[2]
        warnings.warn(
            f"the tactic {tactic.kind} is applied as the tiles that it came to when it was saved; to make it anew, "
            f"hand its class over: tactics=[{name}]",
            SavedTacticWarning,
            stacklevel=4,
        )
        return tactic
    try:
        return made(known[tactic.kind], tactic.fields)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise TacticError(f"{tactic.kind} does not take the fields that were saved: {error}") from error
