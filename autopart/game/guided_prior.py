"""A prior that looks at what holds the current state back, and raises the actions that address it.

Over memory: what tiles the values that are alive at the peak. Over a limit on collectives: what reaches the values
that they move. Where communication dominates the step: what reaches the dearest collectives; else what
tiles the dearest work that an axis has no part in. What an action reaches is what it tiles when it is played at the
root: states that are further on differ, so this is a guess, and half of the prior stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autopart.cost import COMPUTE_S, EXPOSED_S, METRICS
from autopart.game.actions import Action, ActionTable
from autopart.game.partition_game import PartitionGame
from autopart.partitioning import State
from autopart.search import Game, Goals
from autopart.sharding import Float64Array
from autopart.tactics import apply_schedule

_GUIDANCE = 0.5
"""The part of the prior that what binds decides."""


@dataclass(frozen=True, eq=False)
class ActionReach:
    """What each action of a table tiles when it is played first.

    Attributes:
        axis: (actions,) the mesh axis that it is about.
        kind: (values,) values that the same actions reach are of one kind.
        reaches: (actions, kinds) 1 where it does.
    """

    axis: npt.NDArray[np.int64]
    kind: npt.NDArray[np.int64]
    reaches: Float64Array

    @classmethod
    def of(cls, table: ActionTable, root: State) -> ActionReach:
        """Plays every action at the root, and takes it back."""
        problem = root.problem
        producers = np.array([value.producer for value in problem.graph.values])
        axes = [problem.mesh.axis_names.index(_axis_of(action)) for action in table.actions]
        flags = np.zeros((len(table.actions), len(producers)), np.bool_)
        before, depth = root.marks.tile >= 0, root.depth
        for number, action in enumerate(table.actions):
            axis = axes[number]
            if action.recipe is None:
                rows = table.fixed_rows(number)
                root.apply(rows)
                flags[number, rows[:, 1][rows[:, 1] < len(problem.graph.arguments)]] = True
            else:
                apply_schedule(root, action.recipe.tactics(root))
            flags[number] |= (root.marks.tile[:, axis] >= 0)[producers] & ~before[producers, axis]
            root.undo_to(depth)
        packed = np.ascontiguousarray(np.packbits(flags, axis=0).T)
        _, first, kind = np.unique(packed, axis=0, return_index=True, return_inverse=True)
        return cls(np.array(axes), kind.reshape(-1), flags[:, first].astype(np.float64))


def _axis_of(action: Action) -> str:
    chosen = action.tactic if action.recipe is None else action.recipe
    assert chosen is not None
    return chosen.axis


class GuidedPrior:
    """Mixes what is known of the actions beforehand with what the current state needs.

    ``root``: the state in which ``game`` starts, to try its actions on. Sides of conflicts, which are no actions of
    the root, keep what is known beforehand.
    """

    def __init__(self, game: PartitionGame, goals: Goals, root: State) -> None:
        self._game, self._goals = game, goals
        self._reach = ActionReach.of(game.table, root)
        self._producers = np.array([value.producer for value in root.problem.graph.values])

    def __call__(self, game: Game, actions: Sequence[int]) -> Float64Array:
        """The weights of the game's current actions; together 1."""
        weights = np.array([self._game.weight(action) + 1.0 for action in actions])
        static: Float64Array = weights / weights.sum()
        chosen, found = np.asarray(actions, np.int64), self._addressing()
        guided = np.where(chosen < len(found), found[np.minimum(chosen, len(found) - 1)], 0.0)
        total = guided.sum()
        if total <= 0:
            return static
        mixed: Float64Array = (1 - _GUIDANCE) * static + _GUIDANCE / total * guided
        return mixed

    def _addressing(self) -> Float64Array:
        """(actions,) how much of what binds each reaches."""
        state = self._game.state
        metrics, peak = state.latest()
        binding = self._goals.binding(metrics.tolist())
        problem, ledger = state.problem, state.ledger
        if binding not in METRICS:
            if state.tally is None or binding not in state.metric_names:
                return np.zeros(len(self._reach.axis))
            row = state.metric_names.index(binding) - len(METRICS)
            return self._reached(state.tally.held[row].astype(np.float64))
        if binding == "peak_memory_bytes":
            place = int(problem.costs.place[peak]) if peak >= 0 else 0
            alive = (ledger.since <= place) & (place < ledger.until)
            return self._untiled(np.where(alive, ledger.held_bytes, 0).astype(np.float64))
        if binding.startswith("communication") or metrics[EXPOSED_S] > metrics[COMPUTE_S]:
            return self._reached(ledger.move_s)
        return self._untiled(ledger.group_s[problem.costs.place[self._producers]])

    def _reached(self, load: Float64Array) -> Float64Array:
        """(actions,) the sum of a load of each value over what the action reaches."""
        kinds = np.bincount(self._reach.kind, load, self._reach.reaches.shape[1])
        found: Float64Array = self._reach.reaches @ kinds
        return found

    def _untiled(self, load: Float64Array) -> Float64Array:
        """As ``_reached``, over values that the action's axis does not tile yet."""
        tile = self._game.state.marks.tile[self._producers] < 0
        by_axis = np.stack([self._reached(load * tile[:, axis]) for axis in range(tile.shape[1])])
        found: Float64Array = by_axis[self._reach.axis, np.arange(len(self._reach.axis))]
        return found
