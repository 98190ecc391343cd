"""Goals by the names that people use; each stands for a ``search`` goal on one of the game's figures, or for a rule.

Limits come first in a list of goals, then what to minimise; ``AtMost``, ``Minimise`` and ``Weighted`` take any metric
of ``analysis.METRICS`` or measure of ``measures``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from autopart.costmodel.mesh import Mesh
from autopart.errors import GoalError
from autopart.goals.measures import ALL_GATHERS_OF, COMMUNICATION_ON, named
from autopart.partitioning import AnyMesh
from autopart.search import AtMost, Goal, Minimise


@runtime_checkable
class NamedGoal(Protocol):
    """A goal that is one of ``search`` once the mesh is known."""

    def on(self, mesh: Mesh | AnyMesh) -> Goal:
        """The goal on a mesh."""
        ...


@dataclass(frozen=True, slots=True)
class FitMemory:
    """The peak of a device's memory is at most ``nbytes``, or what the device has for programs."""

    nbytes: float | None = None

    def on(self, mesh: Mesh | AnyMesh) -> Goal:
        """A limit on ``peak_memory_bytes``."""
        limit = float(mesh.device_profile.hbm_usable_bytes) if self.nbytes is None else self.nbytes
        return AtMost("peak_memory_bytes", limit)


@dataclass(frozen=True, slots=True)
class StepTimeLimit:
    """A step takes at most so many seconds: the latency of a decode step, say."""

    seconds: float

    def on(self, mesh: Mesh | AnyMesh) -> Goal:
        """A limit on ``step_s``."""
        return AtMost("step_s", self.seconds)


@dataclass(frozen=True, slots=True)
class CommunicationLimit:
    """The collectives of a step that a mesh axis takes part in move at most ``nbytes``.

    Bytes of a collective are those of its value in full along its axes.
    """

    axis: str
    nbytes: float

    def on(self, mesh: Mesh | AnyMesh) -> Goal:
        """A limit on ``communication_bytes_on:AXIS``."""
        return AtMost(named(COMMUNICATION_ON, self.axis), self.nbytes)


@dataclass(frozen=True, slots=True)
class NoAllGather:
    """No all_gather of what a pattern selects, of its casts, rearrangements or slices: of one device's part of it.

    The pattern selects arguments, or else values that the program names, as in tactics.
    """

    pattern: str

    def on(self, mesh: Mesh | AnyMesh) -> Goal:
        """A limit of 0 on ``all_gathers_of:PATTERN``."""
        return AtMost(named(ALL_GATHERS_OF, self.pattern), 0.0)


@dataclass(frozen=True, slots=True)
class ReserveAxis:
    """Only what the patterns select may be tiled on a mesh axis: all other actions and strategies are no moves.

    It binds what a search chooses. What propagation makes of a choice may be tiled there too, and what tactics by hand
    ask for is done.
    """

    axis: str
    patterns: Sequence[str]

    def __post_init__(self) -> None:
        if isinstance(self.patterns, str) or not all(isinstance(pattern, str) for pattern in self.patterns):
            raise GoalError(f"ReserveAxis({self.axis!r}, {self.patterns!r}): patterns must be a tuple of texts")
        object.__setattr__(self, "patterns", tuple(self.patterns))


AnyGoal: TypeAlias = "Goal | NamedGoal | ReserveAxis"


def default_goals(mesh: Mesh | AnyMesh) -> list[Goal]:
    """Fit in the device's memory, then be fast, then be small."""
    return [FitMemory().on(mesh), Minimise("step_s"), Minimise("peak_memory_bytes")]


def on_mesh(goals: Sequence[AnyGoal], mesh: Mesh | AnyMesh) -> tuple[list[Goal], tuple[ReserveAxis, ...]]:
    """What a search is to reach, and the rules that it is to keep.

    Raises:
        GoalError: one is no goal, or names no axis of the mesh.
        SearchError: a limit makes no sense.
    """
    found, rules = list[Goal](), list[ReserveAxis]()
    for goal in goals:
        if isinstance(goal, ReserveAxis):
            if goal.axis not in mesh.axes:
                raise GoalError(f"{goal!r}: there is no mesh axis {goal.axis!r}; there is {', '.join(mesh.axes)}")
            rules.append(goal)
        elif isinstance(goal, NamedGoal):
            found.append(goal.on(mesh))
        elif hasattr(goal, "metrics") and hasattr(goal, "cost"):
            found.append(goal)
        else:
            raise GoalError(
                f"{goal!r} is no goal; there is FitMemory, StepTimeLimit, CommunicationLimit, NoAllGather, "
                "ReserveAxis, AtMost, Minimise and Weighted"
            )
    return found, tuple(rules)
