"""What a search plays, as parts: the game that they make, a name for it, and what of them another process needs."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from autopart.cost import Counted
from autopart.folding import Folded
from autopart.game.actions import ActionTable
from autopart.game.partition_game import PartitionGame
from autopart.game.pruning.analyses import EVERY_ANALYSIS, Analyses
from autopart.partitioning import Conflicts, Problem, State, conflicts_of
from autopart.program import Graph
from autopart.tactics import Tactic, apply_schedule


class FoldError(Exception):
    """The folded program does not stand for the whole one in some state; the message says where."""


class FoldedGame(PartitionGame):
    """The game on a folded program; it ends where layers are tiled in different ways."""

    def __init__(self, state: State, table: ActionTable, folded: Folded, analyses: Analyses = EVERY_ANALYSIS) -> None:
        super().__init__(state, table, analyses)
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
        table: the actions, without those that rules bar.
        folded: how the whole program is folded, if it is; its problem is ``played``.
        counted: what is measured beside ``analysis.METRICS``.
        analyses: what is looked at before actions are offered.
    """

    played: Problem
    prefix: tuple[Tactic, ...]
    table: ActionTable
    folded: Folded | None
    counted: tuple[Counted, ...] = ()
    analyses: Analyses = EVERY_ANALYSIS

    def state(self) -> State:
        """A state of its own, at the root."""
        return state_of(self.played, self.prefix, self.counted)

    def game(self) -> PartitionGame:
        """A game of its own, at the root."""
        if self.folded is None:
            return PartitionGame(self.state(), self.table, self.analyses)
        return FoldedGame(self.state(), self.table, self.folded, self.analyses)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles for processes of our own; files never hold this."""
        places = conflicts_of(self.played).places()
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
        pickler.dump((played, self.prefix, self.table, folded, self.counted, self.analyses, places))
        return _rebuilt, (held.getvalue(),)


def _rebuilt(held: bytes) -> GameParts:
    *what, places = pickle.loads(held)
    parts = GameParts(*what)
    parts.played.found[Conflicts] = Conflicts(parts.played, places)
    return parts


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


def state_of(problem: Problem, prefix: Sequence[Tactic], counted: Sequence[Counted] = ()) -> State:
    """The state after some tactics; it measures what is ``counted`` too."""
    state = State(problem, counted)
    apply_schedule(state, prefix)
    return state


def game_name(problem: Problem, played: Sequence[object], is_folded: bool) -> str:
    """A fingerprint of what is searched: program, devices, and how it is played; the same in any process.

    ``played``: what else decides which states there are and what they measure: values whose ``repr`` is what they are.
    """
    held = (problem.graph.fingerprint(), problem.mesh.to_json(), *played)
    return f"{hashlib.sha256(repr(held).encode()).hexdigest()[:32]}/{'folded' if is_folded else 'whole'}"


def actions_name(table: ActionTable) -> str:
    """A fingerprint of what the numbers of actions mean."""
    return hashlib.sha256("\n".join(action.label for action in table.actions).encode()).hexdigest()[:16]
