"""What a search plays, as parts: the game that they make, a name for it, and what of them another process needs."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from autopart.actions import ActionTable
from autopart.analysis import METRICS
from autopart.environment import PartitionGame
from autopart.fold import Folded
from autopart.graph import Graph
from autopart.problem import Problem
from autopart.state import State
from autopart.tactics import Tactic, apply_schedule


class FoldError(Exception):
    """The folded program does not stand for the whole one in some state; the message says where."""


class FoldedGame(PartitionGame):
    """The game on a folded program; it ends where layers are tiled in different ways."""

    def __init__(self, state: State, table: ActionTable, folded: Folded) -> None:
        super().__init__(state, table)
        self._folded = folded

    def metrics(self) -> tuple[float, ...]:
        """The current state's figures.

        Raises:
            FoldError: they are not those of the whole program.
        """
        found = super().metrics()
        if not self._folded.is_steady(self._state.marks):
            raise FoldError(f"a state tiles equal layers in different ways: {self.tactics()}")
        return found


@dataclass(frozen=True)
class GameParts:
    """A game before it is played.

    A game of it can be made in any process: pickled, it leaves behind what only emitting and reports read
    (JAX's primitives, source lines, closed-over arrays, structures of the user's trees).

    Attributes:
        played: the program, folded or whole.
        prefix: tactics before the search.
        table: the actions.
        folded: how the whole program is folded, if it is; its problem is ``played``.
    """

    played: Problem
    prefix: tuple[Tactic, ...]
    table: ActionTable
    folded: Folded | None

    def game(self) -> PartitionGame:
        """A game of its own, at the root."""
        state = State(self.played)
        apply_schedule(state, self.prefix)
        return PartitionGame(state, self.table) if self.folded is None else FoldedGame(state, self.table, self.folded)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles for processes of our own; files never hold this."""
        played = replace(self.played, graph=_bare(self.played.graph))
        folded = None if self.folded is None else replace(self.folded, problem=played)
        from jax.extend.source_info_util import SourceInfo
        from ray import cloudpickle  # Also takes functions in tactics and in parameters of primitives.

        class WithoutSources(cloudpickle.Pickler):
            def reducer_override(self, x: Any) -> Any:
                if isinstance(x, SourceInfo):
                    return type(None), ()
                return super().reducer_override(x)  # type: ignore[no-untyped-call]

        held = io.BytesIO()
        pickler: Any = WithoutSources(held)  # type: ignore[no-untyped-call]
        pickler.dump((played, self.prefix, self.table, folded))
        return _rebuilt, (held.getvalue(),)


def _rebuilt(held: bytes) -> GameParts:
    return GameParts(*pickle.loads(held))


def _bare(graph: Graph) -> Graph:
    """The dataflow alone."""
    return replace(
        graph,
        ops=tuple(replace(op, bind=None, source_info=()) for op in graph.ops),
        arguments=tuple(replace(argument, constant=None) for argument in graph.arguments),
        in_tree=None,
        out_tree=None,
        controls=tuple(replace(control, source_info=()) for control in graph.controls),
    )


def game_name(problem: Problem, prefix: Sequence[Tactic], axes: Sequence[str], is_folded: bool) -> str:
    """A fingerprint of what is searched: program, devices, tactics before it, axes; the same in any process."""
    held = (problem.graph.fingerprint(), problem.mesh.to_json(), list(prefix), list(axes), METRICS)
    return f"{hashlib.sha256(repr(held).encode()).hexdigest()[:32]}/{'folded' if is_folded else 'whole'}"


def actions_name(table: ActionTable) -> str:
    """A fingerprint of what the numbers of actions mean."""
    return hashlib.sha256("\n".join(action.label for action in table.actions).encode()).hexdigest()[:16]
