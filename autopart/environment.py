"""The partitioning game that ``search`` plays: states are partition states, actions are tactics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autopart.actions import ActionTable, legal_buffer
from autopart.analysis import METRICS
from autopart.choices import Tabled, tables_of
from autopart.propagate import legal_actions
from autopart.recipes import Recipe, compositions
from autopart.state import State
from autopart.tactics import Tactic, apply_schedule
from search.choices import ChoiceProblem


@dataclass(frozen=True)
class _Played:
    """An action on the stack: what it did, how many tactics the state holds for it, the key it led to."""

    action: int
    tactics: tuple[Tactic, ...]
    depth: int
    key: int


class PartitionGame:
    """A ``search.Game`` over the states reachable from ``state`` by the actions of ``table``.

    A search walks from the root again and again, mostly along ways it has gone before. So what is taken
    back is kept until another action is played there: playing the same action again costs nothing.
    """

    def __init__(self, state: State, table: ActionTable) -> None:
        self.table = table
        self._state = state
        self._root_key = state.key()
        self._legal = legal_buffer(table)
        self._recipes = range(table.n_fixed, len(table.actions))
        self._stack: list[_Played] = []
        self._depth = 0
        self._tabled: Tabled | None = None

    @property
    def state(self) -> State:
        """The partition state that the game is in; do not change it."""
        self._catch_up()
        return self._state

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The figures of ``metrics``."""
        return METRICS

    def actions(self) -> Sequence[int]:
        """Actions that can be played now; a recipe once only."""
        state, table = self.state, self.table
        legal_actions(state.problem.tables, state.marks, state.problem.sizes, table.rows, table.row_ptr, self._legal)
        played = {entry.action for entry in self._stack}
        return [*self._legal.nonzero()[0].tolist(), *(i for i in self._recipes if i not in played)]

    def apply(self, action: int) -> None:
        """Plays an action: its tactics, each followed by propagation."""
        if self._depth < len(self._stack) and self._stack[self._depth].action == action:
            self._depth += 1
            return
        state, chosen = self.state, self.table.actions[action]
        before = state.depth
        try:
            if chosen.recipe is None:
                assert chosen.tactic is not None
                state.apply(self.table.fixed_rows(action))
                tactics: tuple[Tactic, ...] = (chosen.tactic,)
            else:
                tactics = tuple(chosen.recipe.tactics(state))
                apply_schedule(state, tactics)
        except BaseException:
            state.undo_to(before)
            raise
        self._stack.append(_Played(action, tactics, state.depth - before, state.key()))
        self._depth += 1

    def undo(self) -> None:
        """Takes the latest action back."""
        assert self._depth > 0, "nothing to take back"
        self._depth -= 1

    def _catch_up(self) -> None:
        """Takes back in the state what was taken back in the game."""
        while len(self._stack) > self._depth:
            self._state.undo_to(self._state.depth - self._stack[-1].depth)
            self._stack.pop()

    def key(self) -> int:
        """Hash of the canonical state."""
        return self._stack[self._depth - 1].key if self._depth else self._root_key

    def metrics(self) -> tuple[float, ...]:
        """The current state's figures."""
        return tuple(self.state.metrics().tolist())

    def describe(self, action: int) -> str:
        """The action in words."""
        return self.table.actions[action].label

    def choices(self) -> ChoiceProblem:
        """The tables of the program, within what the root has decided (see ``autopart.choices``)."""
        return self._tables().problem

    def toward(self, choice: Sequence[int]) -> int | None:
        """The action that tiles the most work as a choice has it; ``None`` where each tiles more work otherwise."""
        tables, before = self._tables(), self.state.marks.tile.copy()
        best, nearest = None, 0.0
        for action in self.actions():
            self.apply(action)
            gained = tables.nearer(choice, before, self.state.marks.tile)
            self.undo()
            if gained > nearest:
                best, nearest = action, gained
        return best

    def _tables(self) -> Tabled:
        if self._tabled is None:
            state, table = self.state, self.table
            names = state.problem.mesh.axis_names
            of_recipes = {names.index(action.recipe.axis) for action in table.actions if action.recipe is not None}
            self._tabled = tables_of(state.problem).within(state, {*table.rows[:, 3].tolist(), *of_recipes})
        return self._tabled

    def tactics(self) -> tuple[Tactic, ...]:
        """The tactics of all actions played, in order."""
        return tuple(tactic for entry in self._stack[: self._depth] for tactic in entry.tactics)


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
