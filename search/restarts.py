"""Where descents begin: at the root, or, while that brings nothing, at the best state so far."""

from dataclasses import dataclass

from autopart.search.walk import Walk


@dataclass(slots=True)
class Restarts:
    """Changes over, from the root to the best state or back, after every `after` simulations without a better one."""

    after: int
    _since: int = 0
    _at_best: bool = False

    def begin(self, walk: Walk) -> None:
        """Bring the walk to where the next descent begins."""
        session = walk.session
        self._since = max(self._since, session.improvements[-1].simulation)
        if session.simulations - self._since >= self.after:
            self._since, self._at_best = session.simulations, not self._at_best
        walk.go(session.improvements[-1].actions if self._at_best else ())
