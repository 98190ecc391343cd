"""How long a search may go on, and why it stopped."""

import math
from dataclasses import dataclass
from enum import StrEnum

from autopart.search.errors import SearchError


class StopReason(StrEnum):
    """Why a search ended."""

    SIMULATIONS = "simulations"
    SECONDS = "seconds"
    STALLED = "stalled"
    EXHAUSTED = "exhausted"
    SOLVED = "solved"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Budget:
    """A bound on evaluated states, on seconds of wall time, or on both; the first reached ends the search.

    So does `stall`: so many evaluated states in a row without a better answer. Raises SearchError when neither
    simulations nor seconds are given, or a bound is not positive and finite.
    """

    simulations: int | None = None
    seconds: float | None = None
    stall: int | None = None

    def __post_init__(self) -> None:
        if self.simulations is None and self.seconds is None:
            raise SearchError("a budget without end: give simulations, seconds, or both")
        for name, bound in (
            ("simulations", self.simulations),
            ("seconds", self.seconds),
            ("stalled states", self.stall),
        ):
            if bound is not None and not (bound > 0 and math.isfinite(bound)):
                raise SearchError(f"a budget of {bound} {name}: must be a positive finite number")

    def spent(self, simulations: int, seconds: float) -> StopReason | None:
        """Return which bound is reached, or None while there is budget left."""
        if self.simulations is not None and simulations >= self.simulations:
            return StopReason.SIMULATIONS
        if self.seconds is not None and seconds >= self.seconds:
            return StopReason.SECONDS
        return None
