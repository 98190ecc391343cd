"""Games that know how good what lies ahead can be at best."""

from typing import Protocol, runtime_checkable

from autopart.search.game import Game


@runtime_checkable
class BoundedGame(Game, Protocol):
    """A game that bounds its metrics from below."""

    def lower_bounds(self) -> tuple[float, ...]:
        """Return for each metric a figure that no state reachable from the current one, itself included, is below."""
        ...
