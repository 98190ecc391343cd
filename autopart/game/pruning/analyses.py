"""Which analyses make the tree of a search smaller, or its moves more telling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from autopart.costmodel.nearness import nearest_first
from autopart.errors import SettingError


@dataclass(frozen=True)
class Analyses:
    """What the game looks at before it offers actions.

    Attributes:
        layers: the same parameter of all layers is one decision.
        equal: of actions that are known to lead to one state one is offered (``equal``).
        idle: recipes that have nothing to add are not offered (``idle``).
        bounds: what lies ahead is bounded from below (``bounds``), for searches that ask.
        conflicts: ops that propagation left in conflict may be tiled along either side (``resolve``).
    """

    layers: bool = True
    equal: bool = True
    idle: bool = True
    bounds: bool = True
    conflicts: bool = True

    @classmethod
    def of(cls, flags: Mapping[str, object]) -> Analyses:
        """Those of a configuration; what it does not name is on.

        Raises:
            SettingError: there is no such analysis, or a flag is neither true nor false.
        """
        known = [field.name for field in fields(cls)]
        for name, value in flags.items():
            if name not in known:
                raise SettingError(f"no analysis '{name}'; there is {', '.join(nearest_first(name, known))}")
            if not isinstance(value, bool):
                raise SettingError(f"search.analyses.{name}={value!r}: must be true or false")
        return cls(**{name: value for name, value in flags.items() if isinstance(value, bool)})


NO_ANALYSIS = Analyses(False, False, False, False, False)
"""The game as it is."""

EVERY_ANALYSIS = Analyses()
"""Everything that is looked at."""
