"""Dimensions that a mesh axis does not divide, and what padding would do."""

from __future__ import annotations

from dataclasses import dataclass

from autopart.partitioning.argument_groups import MOMENT
from autopart.partitioning.problem import Problem


@dataclass(frozen=True)
class Refusal:
    """A dimension that is no action because an axis does not divide it.

    Attributes:
        pattern: the arguments.
        dim, size: the dimension.
        axis, parts: the mesh axis and its size.
    """

    pattern: str
    dim: int
    size: int
    axis: str
    parts: int

    def text(self) -> str:
        """What, why, and the next size that would do."""
        fitting = -(-self.size // self.parts) * self.parts
        return (
            f"{self.pattern}: dimension {self.dim} of size {self.size} cannot be tiled on '{self.axis}' "
            f"({self.parts} devices); padded to {fitting} it could"
        )


def refusals(problem: Problem) -> list[Refusal]:
    """The dimensions, at least as long as an axis, that it does not divide.

    Those that a little padding would help come first, and of these the largest arguments. Moments are left out:
    what holds of a parameter holds of them.
    """
    found = []
    for group in (group for group in problem.groups if group.role != MOMENT):
        nbytes = sum(float(problem.costs.value_bytes[problem.argument_ops[name]]) for name in group.names)
        for axis, parts in problem.mesh.axes.items():
            for dim in group.dims:
                if group.shape[dim] >= parts and group.shape[dim] % parts:
                    found.append((nbytes, Refusal(group.pattern, dim, group.shape[dim], axis, parts)))
    return [refusal for _, refusal in sorted(found, key=lambda row: (row[1].parts > row[1].size / 4, -row[0]))]
