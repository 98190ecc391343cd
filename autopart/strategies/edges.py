"""Edge sharding of graph networks: every device has some edges, and sums into all nodes what its edges send."""

from __future__ import annotations

from autopart.graph import Op
from autopart.groups import INPUT
from autopart.problem import Problem
from autopart.propagate import TILE
from autopart.rules.rule import Kind
from autopart.state import State
from autopart.strategies.strategy import ArgumentStrategy, Tiles


class EdgeSharding(ArgumentStrategy):
    """ES: tiles the edges of each graph: the ends of edges, and all inputs that there is one of for each edge.

    Found by trial: a dimension of an input of whole numbers is one of edges if, tiled, it makes a sum over
    what is scattered a partial one.
    """

    title = "edge sharding"
    looks_for = "inputs that say where sums over edges go"

    def tiles(self, problem: Problem) -> Tiles:
        """The dimension of edges of all inputs that have it."""
        groups, index = self.groups(problem, INPUT), problem.mesh.axis_names.index(self.axis)
        scatters = [op for op in problem.graph.ops if op.primitive == "scatter-add"]
        state = State(problem)
        for group in groups:
            value = problem.graph.ops[problem.argument_ops[group.names[0]]].results[0]
            if problem.graph.values[value].dtype.kind not in "iu":
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


def _is_partial(state: State, op: Op, axis: int) -> bool:
    factor = int(state.marks.tile[op.index, axis])
    return factor >= 0 and state.problem.rules[op.index].factors[factor].kind is Kind.SUM
