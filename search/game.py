"""What a search plays: a deterministic one-player game whose every state is a complete answer."""

from collections.abc import Sequence
from typing import Protocol


class Game(Protocol):
    """An environment with a current state, moved forward by `apply` and back by `undo` on a trail.

    The state at the start of a search is its root. A method that raises must leave the state, and the
    trail, as they were before the call.
    """

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The names of the figures that `metrics` returns, in its order."""
        ...

    def actions(self) -> Sequence[int]:
        """Return the distinct ids of the actions legal now, in a deterministic order; none: terminal."""
        ...

    def apply(self, action: int) -> None:
        """Do a legal action."""
        ...

    def undo(self) -> None:
        """Take back the latest `apply`."""
        ...

    def key(self) -> int:
        """Return a 64-bit hash of the canonical state: the same whatever order of actions led to it."""
        ...

    def metrics(self) -> tuple[float, ...]:
        """Measure the current state; the expensive call, made once for each state."""
        ...

    def describe(self, action: int) -> str:
        """Return the words for an action that a report shows."""
        ...
