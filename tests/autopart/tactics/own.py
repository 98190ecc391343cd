"""Tactics as a user writes them, for the tests of files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autopart import Manual, State, TacticError
from autopart.sharding.propagate import TILE, Steps


@dataclass(frozen=True)
class Widest:
    """Tiles the widest dimension of every argument whose path ends in one of some names."""

    axis: str
    endings: tuple[str, ...]
    least: int = 1
    name: str = "widest"

    def steps(self, state: State) -> Steps:
        """Its rows."""
        problem, parts = state.problem, state.problem.mesh.axes[self.axis]
        tiles: dict[str, Any] = {}
        for path, op in problem.argument_ops.items():
            shape = problem.shape_of(op)
            if path.split("/")[-1] in self.endings and shape and max(shape) >= max(self.least, parts):
                tiles[path] = shape.index(max(shape))
        if not tiles:
            raise TacticError(f"no argument ends in {', '.join(self.endings)}")
        return Manual(tiles, self.axis).steps(state)


class Spoken:
    """The same idea without a dataclass: it says itself what is written."""

    axis, name = "model", ""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    def to_json(self) -> dict[str, Any]:
        """Its fields."""
        return {"pattern": self._pattern}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Spoken:
        """The tactic again."""
        return cls(fields["pattern"])

    def steps(self, state: State) -> Steps:
        """Its rows."""
        return Manual({self._pattern: -1}, self.axis).steps(state)


@dataclass(frozen=True)
class Inside:
    """Tiles an op that has no name."""

    axis: str
    name: str = ""

    def steps(self, state: State) -> Steps:
        """Its rows."""
        problem = state.problem
        named = {op for ops in problem.graph.tags.values() for op in ops}
        op = next(
            op.index for op in problem.graph.ops[len(problem.graph.arguments) :]
            if op.index not in named and op.primitive == "dot_general"
        )  # fmt: skip
        return state.steps([(TILE, op, 0, problem.mesh.axis_names.index(self.axis))])
