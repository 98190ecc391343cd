"""The partitioning game that ``search`` plays: states are partition states, actions are tactics."""

from __future__ import annotations

from collections.abc import Sequence

from autopart.actions import ActionTable, legal_buffer
from autopart.analysis import METRICS
from autopart.propagate import legal_actions
from autopart.state import State
from autopart.tactics import Tactic


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
        if chosen.recipe is None:
            assert chosen.tactic is not None
            self.state.apply(self.table.fixed_rows(action))
            tactics: tuple[Tactic, ...] = (chosen.tactic,)
        else:
            tactics = tuple(chosen.recipe.tactics(self.state))
            for tactic in tactics:
                self.state.apply(tactic.steps(self.state))
        self._played.append((action, tactics, self.state.depth - before))

    def undo(self) -> None:
        """Takes the latest action back."""
        for _ in range(self._played.pop()[2]):
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
