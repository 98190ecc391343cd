"""Expert parallelism: every device has some experts, and tokens travel to them.

Lepikhin et al., "GShard", arXiv 2006.16668; Fedus et al., "Switch Transformers", arXiv 2101.03961.
"""

from __future__ import annotations

from collections.abc import Mapping

from autopart.partitioning import PARAMETER, Problem, State
from autopart.sharding import TILE
from autopart.tactics.strategies.strategy import ArgumentStrategy, Tiles, owners


class ExpertParallel(ArgumentStrategy):
    """EP: tiles the dimension of experts, of which each has weights of its own for tokens of its own.

    On the axis of the batch it goes before data parallelism, so that tokens are split by expert inside the
    experts and by example outside, and travel by all_to_all.
    """

    title = "expert parallel"
    looks_for = "products of a weight and activations that both have a dimension of experts"

    def tiles(self, problem: Problem) -> Tiles:
        """Dimensions of weights that a product has in common with the other operand and with its result."""
        index, size = problem.mesh.axis_names.index(self.axis), problem.mesh.axes[self.axis]
        groups = self.groups(problem, PARAMETER)
        of_parameter = owners(problem, {name for group in groups for name in group.names})
        products = _own_products(problem, of_parameter)
        state, tiles = State(problem), dict[str, int]()
        for group in (group for group in groups if group.is_matrix and group.names[0] in products):
            for dim in (dim for dim in group.dims if group.shape[dim] % size == 0):
                state.apply(state.steps([(TILE, int(op), dim, index) for op in problem.matching(group.pattern)]))
                factors = [int(state.marks.tile[op, index]) for op, _ in products[group.names[0]]]
                state.undo()
                if any(f in common for f, (_, common) in zip(factors, products[group.names[0]], strict=True)):
                    tiles[group.pattern] = dim
                    break
        return tiles


def _own_products(problem: Problem, of_parameter: Mapping[int, str]) -> dict[str, list[tuple[int, set[int]]]]:
    """Parameter -> the products of it that have factors in both operands and in the result, and these factors."""
    found: dict[str, list[tuple[int, set[int]]]] = {}
    for op in (op for op in problem.graph.ops if op.primitive == "dot_general"):
        rule = problem.rules[op.index]
        common = set(rule.operands[0]) & set(rule.operands[1]) & set(rule.results[0]) - {-1}
        for operand in op.operands:
            if common and isinstance(operand, int) and operand in of_parameter:
                found.setdefault(of_parameter[operand], []).append((op.index, common))
    return found
