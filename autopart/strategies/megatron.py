"""Tensor parallelism: pairs of weights between which an activation stays tiled.

Shoeybi et al., "Megatron-LM: Training Multi-Billion Parameter Language Models Using Model Parallelism",
arXiv 1909.08053.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autopart.analysis import COMMUNICATION_S
from autopart.graph import Op
from autopart.groups import PARAMETER, Group, split_groups
from autopart.problem import Problem
from autopart.propagate import TILE
from autopart.rules.rule import Kind
from autopart.state import State
from autopart.strategies.owners import owners
from autopart.strategies.strategy import ArgumentStrategy, Tiles
from autopart.tactics import divisible

_MOST_IN_A_PAIR = 4
"""Two matrices and a bias each."""


class Megatron(ArgumentStrategy):
    """MP: pairs of weights between which an activation stays tiled, so that one sum closes each pair.

    Found by trial: each dimension of each parameter group is tiled alone. It opens a pair if propagation
    then reaches another matrix by a dimension that is summed over, and few other parameters (a tile of
    the residual stream floods them all). Of the dimensions that do, the one that communicates least is
    taken. Groups of which no pair can be made as a whole (equal layers, every second of which opens a pair)
    are tried member by member.
    """

    title = "Megatron"
    looks_for = "pairs of weights with an activation between them that could stay tiled"

    def tiles(self, problem: Problem) -> Tiles:
        """The weight that opens each pair, and the dimension by which it does."""
        parameters = self.groups(problem, PARAMETER)
        trial = _PairTrial(problem, self.axis, parameters)
        found = trial.pairs(parameters)
        left = [g for g in parameters if len(g.names) > 1 and not trial.covered.issuperset(g.names)]
        everything = list(problem.argument_ops)
        singles = trial.pairs(split_groups(left, everything, lambda name: name))
        dims = {group.names[0]: dim for group, dim in singles.items()}
        for group in split_groups(left, everything, dims.get):
            if group.names[0] in dims:
                found[group] = dims[group.names[0]]
        return {group.pattern: dim for group, dim in found.items()}


class _PairTrial:
    """Finds Megatron pairs by tiling one group at a time on a state of its own."""

    def __init__(self, problem: Problem, axis: str, parameters: Sequence[Group]) -> None:
        self.state = State(problem)
        self.axis = axis
        self.index = problem.mesh.axis_names.index(axis)
        self.covered: set[str] = set()
        self._group_of = {name: group for group in parameters for name in group.names}
        self._op_of = {name: problem.argument_ops[name] for name in self._group_of}
        self._products = [op for op in problem.graph.ops if op.primitive == "dot_general"]
        self._owner = owners(problem, self._group_of)

    def pairs(self, units: Sequence[Group]) -> dict[Group, int]:
        """The groups of ``units`` that open a pair, and the dimension by which each does."""
        found: dict[Group, int] = {}
        for unit in units:
            if not unit.is_matrix or self.covered.intersection(unit.names):
                continue
            options = [(d, *option) for d in unit.dims if (option := self._try(unit, d))]
            if options:
                dim, _, reached = min(options, key=lambda option: option[1])
                found[unit] = dim
                self.covered |= reached
        return found

    def _try(self, unit: Group, dim: int) -> tuple[float, set[str]] | None:
        """Seconds of communication and the parameters reached if tiling ``unit`` opens pairs, else ``None``."""
        ops = self.state.problem.matching(unit.pattern)
        if not divisible(self.state, ops, np.full(len(ops), dim, np.int32), self.index).all():
            return None
        self.state.apply(self.state.steps([(TILE, int(op), dim, self.index) for op in ops]))
        tiled = self.state.marks.tile[list(self._op_of.values()), self.index] >= 0
        reached = {name for name, hit in zip(self._op_of, tiled, strict=True) if hit}
        pair = self._is_pair(unit, reached)
        seconds = float(self.state.metrics()[COMMUNICATION_S]) if pair else 0.0
        self.state.undo()
        return (seconds, reached) if pair else None

    def _is_pair(self, unit: Group, reached: set[str]) -> bool:
        """Whether each member has its pair: few groups, all of them or one each, two of them matrices, one summed."""
        groups = {self._group_of[name] for name in reached}
        if not 2 <= len(reached) / len(unit.names) <= _MOST_IN_A_PAIR or reached & self.covered:
            return False
        if len(unit.names) > 1 and not all(reached.issuperset(group.names) for group in groups):
            return False
        if sum(self._group_of[name].is_matrix for name in reached) < 2 * len(unit.names):
            return False
        return any(self._sums_a_weight(op, reached) for op in self._products)

    def _sums_a_weight(self, op: Op, reached: set[str]) -> bool:
        factor = self.state.marks.tile[op.index, self.index]
        if factor < 0 or self.state.problem.rules[op.index].factors[factor].kind is not Kind.SUM:
            return False
        return any(isinstance(o, int) and self._owner.get(o) in reached for o in op.operands)
