"""The tactic that takes a side where propagation could not: an op asked for two factors is tiled along one."""

from __future__ import annotations

from dataclasses import dataclass, field

from autopart.errors import TacticError
from autopart.partitioning import Conflict, Problem, State, conflicts_of
from autopart.sharding import TILE, Steps
from autopart.tactics.manual import axis_index


@dataclass(frozen=True)
class Resolve:
    """Tiles ops that are in conflict on an axis along one of the factors that they are asked for, then propagates.

    Attributes:
        op: the function in which the ops are written, their primitive and their rule, as ``Conflicts.place`` writes
            it and reports show it: ``"attend: dot_general: i j k l, i m k l -> i k j m; sum={l}"``. All ops of that
            name that are in conflict are meant, so those of every layer.
        factor: a letter of the rule.
        axis: mesh axis.
        name: what a report calls it.
    """

    op: str
    factor: str
    axis: str
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not all(isinstance(text, str) for text in (self.op, self.factor, self.axis, self.name)):
            raise TacticError(f"Resolve takes an op, a letter of its rule and a mesh axis, all texts, not {self!r}")

    def steps(self, state: State) -> Steps:
        """The rows that it adds to a state; none where all of the ops are tiled along the factor already.

        Raises:
            TacticError: there is no such axis or op, it has no such factor, or is not asked for it beside another.
        """
        problem, axis = state.problem, axis_index(state.problem, self.axis)
        rows, sides = [], set[str]()
        conflicts = [one for one in conflicts_of(problem).of(state) if one.axis == axis]
        for one in conflicts:
            if conflicts_of(problem).place(one.op) == self.op:
                labels = _labels(problem, one)
                sides |= labels.keys()
                if self.factor in labels:
                    rows.append((TILE, one.op, labels[self.factor], axis))
        if not rows and not self._is_done(state, axis):
            raise TacticError(self._refusal(problem, conflicts, sides))
        return state.steps(rows)

    def _is_done(self, state: State, axis: int) -> bool:
        """Whether some such op is tiled along the factor."""
        problem = state.problem
        for op, rule in zip(problem.graph.ops, problem.rules, strict=True):
            tiled = int(state.marks.tile[op.index, axis])
            alike = tiled >= 0 and rule.factors[tiled].label == self.factor and self.op.endswith(rule.text())
            if alike and conflicts_of(problem).place(op.index) == self.op:
                return True
        return False

    def _refusal(self, problem: Problem, conflicts: list[Conflict], sides: set[str]) -> str:
        """Why there is nothing to do, and what there would be."""
        if sides:
            return f"{self!r}: the op is asked for {' or '.join(sorted(sides))} there, not for '{self.factor}'"
        if any(conflicts_of(problem).place(op.index) == self.op for op in problem.graph.ops):
            why = f"no such op is asked for several factors on '{self.axis}' after the tactics before"
        else:
            why = "the program has no such op"
        names = dict.fromkeys(conflicts_of(problem).place(one.op) for one in conflicts)
        open_ones = "; ".join(f'"{name}"' for name in list(names)[:4])
        return f"{self!r}: {why}. " + (f"In conflict on '{self.axis}': {open_ones}." if names else "Fix: leave it out.")


def _labels(problem: Problem, conflict: Conflict) -> dict[str, int]:
    """Letter -> factor, of those that an op is asked for."""
    factors = problem.rules[conflict.op].factors
    return {factors[factor].label: factor for factor in conflict.factors}
