"""Tensor parallelism: pairs of weights between which an activation stays tiled.

Shoeybi et al., "Megatron-LM: Training Multi-Billion Parameter Language Models Using Model Parallelism",
arXiv 1909.08053.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autopart.cost import COMMUNICATION_S
from autopart.partitioning import PARAMETER, Group, Problem, State, split_groups
from autopart.program import Op
from autopart.sharding import TILE
from autopart.sharding.rules import PRODUCTS, Kind
from autopart.tactics.manual import divisible
from autopart.tactics.strategies.strategy import ArgumentStrategy, Tiles, owners

_MOST_MATRICES, _MOST_IN_A_PAIR = 4, 12
"""Queries, keys, values and what mixes heads; with biases, and scales of norms between."""

_FAR = 2.0
"""Times less communication that make a pair better than another, wherever in the program it is."""


class Megatron(ArgumentStrategy):
    """MP: pairs of weights between which an activation stays tiled, so that one sum closes each pair.

    Found by trial: each dimension of each parameter group is tiled alone. It opens a pair if propagation
    then reaches another matrix by a dimension that is summed over, and few other parameters (a tile of
    the residual stream floods them all). Of the dimensions that do, the one that communicates least is
    taken, unless another pair of the same parameters communicates far less (heads, rather than their features).
    Groups of which no pair can be made as a whole (equal layers, every second of which opens a pair) are tried
    member by member.
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


@dataclass(frozen=True)
class _Option:
    """What tiling one group alone does.

    Attributes:
        unit, dim: what is tiled.
        communication_s: seconds of a step that collectives take.
        reached: the parameters that come to be tiled.
    """

    unit: Group
    dim: int
    communication_s: float
    reached: frozenset[str]

    def is_better_than(self, other: _Option) -> bool:
        """Whether it makes a pair of what the other would, and communicates far less."""
        return not self.reached.isdisjoint(other.reached) and _FAR * self.communication_s < other.communication_s


class _PairTrial:
    """Finds Megatron pairs by tiling one group at a time on a state of its own."""

    def __init__(self, problem: Problem, axis: str, parameters: Sequence[Group]) -> None:
        self.state = State(problem)
        self.axis = axis
        self.index = problem.mesh.axis_names.index(axis)
        self.covered: set[str] = set()
        self._group_of = {name: group for group in parameters for name in group.names}
        self._op_of = {name: problem.argument_ops[name] for name in self._group_of}
        self._products = [op for op in problem.graph.ops if op.primitive in PRODUCTS]
        self._owner = owners(problem, self._group_of)

    def pairs(self, units: Sequence[Group]) -> dict[Group, int]:
        """The groups of ``units`` that open a pair, and the dimension by which each does."""
        free = [unit for unit in units if unit.is_matrix and not self.covered.intersection(unit.names)]
        options = [option for unit in free for dim in unit.dims if (option := self._try(unit, dim)) is not None]
        found: dict[Group, int] = {}
        for unit in free:
            own = [o for o in options if o.unit == unit and self.covered.isdisjoint(o.reached)]
            best = min(own, key=lambda option: option.communication_s, default=None)
            if best is not None and not any(o.is_better_than(best) for o in options):
                found[unit] = best.dim
                self.covered |= best.reached
        return found

    def _try(self, unit: Group, dim: int) -> _Option | None:
        """What comes of tiling ``unit``, if it opens pairs."""
        ops = self.state.problem.matching(unit.pattern)
        if not divisible(self.state, ops, np.full(len(ops), dim, np.int32), self.index).all():
            return None
        self.state.apply(self.state.steps([(TILE, int(op), dim, self.index) for op in ops]))
        tiled = self.state.marks.tile[list(self._op_of.values()), self.index] >= 0
        reached = frozenset(name for name, hit in zip(self._op_of, tiled, strict=True) if hit)
        pair = self._is_pair(unit, reached)
        seconds = float(self.state.metrics()[COMMUNICATION_S]) if pair else 0.0
        self.state.undo()
        return _Option(unit, dim, seconds, reached) if pair else None

    def _is_pair(self, unit: Group, reached: frozenset[str]) -> bool:
        """Whether each member has its pair: few groups, all of them or one each, two of them matrices, one summed."""
        groups = {self._group_of[name] for name in reached}
        if not 2 <= len(reached) / len(unit.names) <= _MOST_IN_A_PAIR:
            return False
        if len(unit.names) > 1 and not all(reached.issuperset(group.names) for group in groups):
            return False
        matrices = sum(self._group_of[name].is_matrix for name in reached)
        if not 2 * len(unit.names) <= matrices <= _MOST_MATRICES * len(unit.names):
            return False
        return any(self._sums_a_weight(op, reached) for op in self._products)

    def _sums_a_weight(self, op: Op, reached: frozenset[str]) -> bool:
        factor = self.state.marks.tile[op.index, self.index]
        if factor < 0 or self.state.problem.rules[op.index].factors[factor].kind is not Kind.SUM:
            return False
        return any(isinstance(o, int) and self._owner.get(o) in reached for o in op.operands)
