"""The partitioning game that ``search`` plays: states are partition states, actions are tactics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autopart.game.actions import ActionTable, legal_buffer
from autopart.game.conflict_actions import side_bytes, side_of, sides_of
from autopart.game.ilp.choice_tables import Tabled, tables_of
from autopart.game.pruning.analyses import EVERY_ANALYSIS, Analyses
from autopart.game.pruning.equal_actions import Equal
from autopart.game.pruning.idle_recipes import NothingToDo
from autopart.game.pruning.lower_bounds import Bounds
from autopart.partitioning import Problem, State
from autopart.search.choices import ChoiceProblem
from autopart.sharding import Steps, legal_actions
from autopart.tactics import Recipe, Tactic, apply_schedule
from autopart.tactics.compositions import compositions
from autopart.tactics.strategies import ArgumentStrategy


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

    def __init__(self, state: State, table: ActionTable, analyses: Analyses = EVERY_ANALYSIS) -> None:
        self.table, self.analyses = table, analyses
        self._state = state
        self._root_key = state.key()
        self._legal = legal_buffer(table)
        recipes = [action.recipe for action in table.actions if action.recipe is not None]
        self._offered = np.zeros(len(table.actions), np.int8)
        self._idle = NothingToDo(state.problem, recipes, table.n_fixed) if analyses.idle else None
        self._equal = Equal(state, _root_steps(state, table), table.n_fixed) if analyses.equal else None
        self._stack: list[_Played] = []
        self._depth = 0
        self._bounds: Bounds | None = None
        self._tabled: Tabled | None = None

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
        """Actions that can be played now; a recipe once only. Sides of conflicts come last."""
        state, table, offered = self.state, self.table, self._offered
        legal_actions(state.problem.tables, state.marks, state.problem.sizes, table.rows, table.row_ptr, self._legal)
        offered[: table.n_fixed] = self._legal
        offered[table.n_fixed :] = 1
        offered[[entry.action for entry in self._stack if table.n_fixed <= entry.action < len(offered)]] = 0
        if self._idle is not None:
            self._idle.drop(state, offered)
        if self._equal is not None:
            self._equal.drop(state, offered)
        return [*offered.nonzero()[0].tolist(), *(sides_of(state, table) if self.analyses.conflicts else ())]

    def apply(self, action: int) -> None:
        """Plays an action: its tactics, each followed by propagation."""
        if self._depth < len(self._stack) and self._stack[self._depth].action == action:
            self._depth += 1
            return
        state = self.state
        before = state.depth
        try:
            tactics = self._play(action)
        except BaseException:
            state.undo_to(before)
            raise
        self._stack.append(_Played(action, tactics, state.depth - before, state.key()))
        self._depth += 1

    def _play(self, action: int) -> tuple[Tactic, ...]:
        """Applies what an action stands for, and returns it."""
        state, table = self._state, self.table
        if action >= len(table.actions):
            side = side_of(state.problem, table, action)
            state.apply(side.steps(state))
            return (side,)
        chosen = table.actions[action]
        if chosen.recipe is not None:
            tactics = tuple(chosen.recipe.tactics(state))
            apply_schedule(state, tactics)
            return tactics
        assert chosen.tactic is not None
        state.apply(table.fixed_rows(action))
        return (chosen.tactic,)

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
        if not self.analyses.bounds:
            return (0.0,) * len(self.metric_names)
        if self._bounds is None:
            self._bounds = bounds_of(state.problem, table, self.analyses)
        legal_actions(state.problem.tables, state.marks, state.problem.sizes, table.rows, table.row_ptr, self._legal)
        found = self._bounds.of(state, self._legal)
        return tuple(found.get(metric, 0.0) for metric in self.metric_names)

    def describe(self, action: int) -> str:
        """The action in words."""
        if action >= len(self.table.actions):
            side = side_of(self._state.problem, self.table, action)
            return f"{side.op}: {side.factor} on {side.axis}"
        return self.table.actions[action].label

    def tactic(self, action: int) -> Tactic:
        """The tactic that an action stands for, as one would write it."""
        if action >= len(self.table.actions):
            return side_of(self._state.problem, self.table, action)
        chosen = self.table.actions[action]
        tactic = chosen.tactic if chosen.recipe is None else chosen.recipe.strategy
        assert tactic is not None
        return tactic

    def weight(self, action: int) -> float:
        """Bytes of what an action decides, for the static prior."""
        actions = self.table.actions
        return actions[action].weight if action < len(actions) else side_bytes(self._state.problem, self.table, action)

    def choices(self) -> ChoiceProblem:
        """The tables of the program, within what the root has decided (see ``autopart.game.ilp.choice_tables``)."""
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


def _root_steps(state: State, table: ActionTable) -> list[Steps]:
    """Of each action its rows in a state, if it is known what it does elsewhere: not of recipes with own steps."""
    legal, problem = legal_buffer(table), state.problem
    legal_actions(problem.tables, state.marks, problem.sizes, table.rows, table.row_ptr, legal)
    steps = [table.fixed_rows(action)[: None if legal[action] else 0] for action in range(table.n_fixed)]
    for recipe in (action.recipe for action in table.actions[table.n_fixed :]):
        assert recipe is not None
        plain = type(recipe.strategy).steps is ArgumentStrategy.steps
        tactics = recipe.tactics(state) if plain else []
        steps.append(tactics[0].steps(state) if len(tactics) == 1 else state.steps([]))
    return steps


def bounds_of(problem: Problem, table: ActionTable, analyses: Analyses) -> Bounds:
    """The lower bounds of the states that the actions of a table lead to.

    A recipe of arguments tiles those that it looks for; any other may tile every op.
    """
    asked, opened = set[tuple[int, int]](), 0
    resolved = (1 << len(problem.mesh.axes)) - 1 if analyses.conflicts else 0
    for recipe in (action.recipe for action in table.actions if action.recipe is not None):
        axis = problem.mesh.axis_names.index(recipe.axis)
        if isinstance(recipe.strategy, ArgumentStrategy):
            asked |= {(op, axis) for op in recipe.strategy.looked_for(problem).tolist()}
        else:
            opened |= 1 << axis
    return Bounds(problem, table.rows, table.row_ptr, sorted(asked), opened, resolved)


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
