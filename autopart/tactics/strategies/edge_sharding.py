"""Edge sharding of graph networks: every device has some edges, and sums into all nodes what its edges send."""

from __future__ import annotations

import numpy as np

from autopart.partitioning import INPUT, PARAMETER, Problem, State
from autopart.program import Literal, Op, Value
from autopart.sharding import TILE
from autopart.sharding.rules import Kind
from autopart.tactics.strategies.strategy import ArgumentStrategy, Tiles, owners


class EdgeSharding(ArgumentStrategy):
    """ES: tiles the edges of each graph: the ends of edges, and all inputs that there is one of for each edge.

    Found by trial among the inputs of whole numbers by which values, not parameters, are picked: a dimension is one of
    edges if, tiled, it makes a sum over what is scattered a partial one.
    """

    title = "edge sharding"
    looks_for = "inputs that say where sums over edges go"

    def tiles(self, problem: Problem) -> Tiles:
        """The dimension of edges of all inputs that have it."""
        groups, index = self.groups(problem, INPUT), problem.mesh.axis_names.index(self.axis)
        scatters = [op for op in problem.graph.ops if op.primitive == "scatter-add"]
        state = State(problem)
        for group in groups:
            if not _picks_values(problem, problem.argument_ops[group.names[0]]):
                continue
            for dim in group.dims:
                if group.shape[dim] % problem.mesh.axes[self.axis]:
                    continue
                ops = problem.matching(group.pattern)
                state.apply(state.steps([(TILE, int(op), dim, index) for op in ops]))
                reached = {g.pattern: int(state.marks.tile[problem.matching(g.pattern)[0], index]) for g in groups}
                found = any(_is_partial(state, op, index) for op in scatters)
                state.undo()
                if found:
                    return {pattern: dim for pattern, dim in reached.items() if dim >= 0}
        return {}


def _picks_values(problem: Problem, argument: int) -> bool:
    """Whether entries of what is no parameter are picked by the numbers that an argument holds."""
    graph = problem.graph
    [value] = graph.ops[argument].results
    if not _are_numbers(graph.values[value]):
        return False
    parameters = owners(problem, {name for group in problem.groups if group.role == PARAMETER for name in group.names})
    numbers = {value}
    for op in graph.ops:
        if op.primitive == "gather" and op.operands[1] in numbers:
            if op.operands[0] not in parameters:
                return True
        elif _are_numbers(graph.values[op.results[0]]) and not numbers.isdisjoint(
            o for o in op.operands if not isinstance(o, Literal)
        ):
            numbers.update(op.results)
    return False


def _are_numbers(value: Value) -> bool:
    """Whether an array holds whole numbers; keys of random numbers are none, and their type is not numpy's."""
    return isinstance(value.dtype, np.dtype) and value.dtype.kind in "iu"


def _is_partial(state: State, op: Op, axis: int) -> bool:
    factor = int(state.marks.tile[op.index, axis])
    return factor >= 0 and state.problem.rules[op.index].factors[factor].kind is Kind.SUM
