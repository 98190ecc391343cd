"""The partitioning game that ``search`` plays: states are partition states, actions are tactics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autopart.actions import ActionTable, legal_buffer
from autopart.analysis import METRICS
from autopart.propagate import legal_actions
from autopart.recipes import Recipe, compositions
from autopart.state import State
from autopart.tactics import Tactic, apply_schedule


class PartitionGame:
    """A ``search.Game`` over the states reachable from ``state`` by the actions of ``table``."""

    def __init__(self, state: State, table: ActionTable) -> None:
        self.state = state
        self.table = table
        self._legal = legal_buffer(table)
        self._played: list[tuple[int, tuple[Tactic, ...], int]] = []

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The figures of ``metrics``."""
        return METRICS

    def actions(self) -> Sequence[int]:
        """Actions that can be played now; a recipe once only."""
        problem, table = self.state.problem, self.table
        legal_actions(problem.tables, self.state.marks, problem.sizes, table.rows, table.row_ptr, self._legal)
        fixed = [int(i) for i in self._legal.nonzero()[0]]
        played = {action for action, _, _ in self._played}
        return fixed + [i for i in range(table.n_fixed, len(table.actions)) if i not in played]

    def apply(self, action: int) -> None:
        """Plays an action: its tactics, each followed by propagation."""
        before = self.state.depth
        chosen = self.table.actions[action]
        try:
            if chosen.recipe is None:
                assert chosen.tactic is not None
                self.state.apply(self.table.fixed_rows(action))
                tactics: tuple[Tactic, ...] = (chosen.tactic,)
            else:
                tactics = tuple(chosen.recipe.tactics(self.state))
                apply_schedule(self.state, tactics)
        except BaseException:
            self._back_to(before)
            raise
        self._played.append((action, tactics, self.state.depth - before))

    def undo(self) -> None:
        """Takes the latest action back."""
        self._back_to(self.state.depth - self._played.pop()[2])

    def _back_to(self, depth: int) -> None:
        while self.state.depth > depth:
            self.state.undo()

    def key(self) -> int:
        """Hash of the canonical state."""
        return self.state.key()

    def metrics(self) -> tuple[float, ...]:
        """The current state's figures."""
        return tuple(self.state.metrics().tolist())

    def describe(self, action: int) -> str:
        """The action in words."""
        return self.table.actions[action].label

    def tactics(self) -> tuple[Tactic, ...]:
        """The tactics of all actions played, in order."""
        return tuple(tactic for _, tactics, _ in self._played for tactic in tactics)


def seeds_of(game: PartitionGame) -> dict[str, tuple[int, ...]]:
    """The known compositions of recipes as actions from the current state, by name.

    A part that changes nothing is left out of its composition, and of compositions that lead to one state
    the first stands for all: a name says what was done. The first is ``replicated``: no action.
    """
    recipes = {action.recipe: number for number, action in enumerate(game.table.actions) if action.recipe is not None}
    seeds: dict[str, tuple[int, ...]] = {}
    seen: set[int] = set()
    for composition in compositions(list(recipes)):
        played = _play(game, composition, recipes)
        if game.key() not in seen:
            seen.add(game.key())
            seeds["+".join(recipe.name for recipe in played) or "replicated"] = tuple(recipes[r] for r in played)
        for _ in played:
            game.undo()
    return seeds


def _play(game: PartitionGame, composition: Sequence[Recipe], number: Mapping[Recipe, int]) -> list[Recipe]:
    """Plays the recipes that change the state; returns them."""
    played = []
    for recipe in composition:
        before = game.key()
        game.apply(number[recipe])
        if game.key() == before:
            game.undo()
        else:
            played.append(recipe)
    return played
