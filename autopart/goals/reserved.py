"""Mesh axes that are kept for some arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autopart.goals.measures import ops_of
from autopart.goals.named_goals import ReserveAxis
from autopart.partitioning import Problem
from autopart.sharding import TILE, Steps


@dataclass(frozen=True, eq=False)
class Reserved:
    """What may be tiled on an axis.

    Attributes:
        axis: its index.
        ops: (ops,) whether the results of an op may.
    """

    axis: int
    ops: npt.NDArray[np.bool_]

    def allows(self, rows: Steps) -> bool:
        """Whether steps tile nothing else there."""
        tiles = rows[(rows[:, 0] == TILE) & (rows[:, 3] == self.axis), 1]
        return bool(self.ops[tiles].all())


def reserved_of(problem: Problem, rules: Sequence[ReserveAxis]) -> tuple[Reserved, ...]:
    """The rules on a program; of several on one axis all must be kept.

    Raises:
        GoalError: a pattern selects nothing.
    """
    found = []
    for rule in rules:
        ops = np.zeros(len(problem.graph.ops), np.bool_)
        for pattern in rule.patterns:
            ops |= ops_of(problem, pattern)
        found.append(Reserved(problem.mesh.axis_names.index(rule.axis), ops))
    return tuple(found)
