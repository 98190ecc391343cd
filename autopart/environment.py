"""The partitioning game that ``search`` plays: states are partition states, actions are tactics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autopart.actions import ActionTable, legal_buffer
from autopart.bounds import Bounds
from autopart.problem import Problem
from autopart.propagate import legal_actions
from autopart.recipes import Recipe, compositions
from autopart.state import State
from autopart.strategies import ArgumentStrategy
from autopart.tactics import Tactic, apply_schedule


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
        self._bounds: Bounds | None = None

    @property
    def state(self) -> State:
        """The partition state that the game is in; do not change it."""
        self._catch_up()
        return self._state

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The figures of ``metrics``."""
        return self._state.metric_names

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

    def lower_bounds(self) -> tuple[float, ...]:
        """For each metric a figure that no state reachable from the current one, itself included, is below."""
        state, table = self.state, self.table
        if self._bounds is None:
            self._bounds = bounds_of(state.problem, table)
        legal_actions(state.problem.tables, state.marks, state.problem.sizes, table.rows, table.row_ptr, self._legal)
        found = self._bounds.of(state, self._legal)
        return tuple(found.get(metric, 0.0) for metric in self.metric_names)

    def describe(self, action: int) -> str:
        """The action in words."""
        return self.table.actions[action].label

    def tactics(self) -> tuple[Tactic, ...]:
        """The tactics of all actions played, in order."""
        return tuple(tactic for entry in self._stack[: self._depth] for tactic in entry.tactics)


def bounds_of(problem: Problem, table: ActionTable) -> Bounds:
    """The lower bounds of the states that the actions of a table lead to.

    A recipe of arguments tiles those that it looks for; any other may tile every op.
    """
    asked, opened = set[tuple[int, int]](), 0
    for recipe in (action.recipe for action in table.actions if action.recipe is not None):
        axis = problem.mesh.axis_names.index(recipe.axis)
        if isinstance(recipe.strategy, ArgumentStrategy):
            asked |= {(op, axis) for op in recipe.strategy.looked_for(problem).tolist()}
        else:
            opened |= 1 << axis
    return Bounds(problem, table.rows, table.row_ptr, sorted(asked), opened, 0)


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
