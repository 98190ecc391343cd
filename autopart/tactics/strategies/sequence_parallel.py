"""Sequence parallelism: what tensor parallelism leaves whole is split along sequences.

Korthikanti et al., "Reducing Activation Recomputation in Large Transformer Models", arXiv 2205.05198.
"""

from __future__ import annotations

import numpy as np

from autopart.errors import TacticError
from autopart.partitioning import Problem, State
from autopart.program import Graph, Op
from autopart.sharding import TILE, Int32Array, Steps
from autopart.sharding.rules import PRODUCTS
from autopart.tactics.manual import axis_index, divisible, undecided
from autopart.tactics.strategies.context_parallel import ContextParallel
from autopart.tactics.strategies.strategy import Strategy


class SequenceParallel(Strategy):
    """SP: after Megatron on its axis, tiles along sequences what that left whole: norms and the residual stream.

    The sum that closes a pair becomes a scatter, and a gather opens the next pair: the same bytes, but activations
    between pairs take a part of the memory, and no work is done twice. The values are those that `ContextParallel`
    would tile, products left out. ``among`` names the inputs that have sequences.
    """

    title = "sequence parallel"
    looks_for = ContextParallel.looks_for

    def steps(self, state: State) -> Steps:
        """The rows that it adds to a state.

        Raises:
            TacticError: there are no sequences, or the axis does not divide them.
        """
        problem, index = state.problem, axis_index(state.problem, self.axis)
        if self not in problem.found:
            problem.found[self] = self._along(problem)
        ops, factors = problem.found[self]
        ops = ops[undecided(state, ops, index)]
        ops = ops[divisible(state, ops, factors[ops], index)]
        if not len(ops):
            raise TacticError(f"{self!r}: nothing is left along sequences that '{self.axis}' does not tile already")
        kind, axis = np.full_like(ops, TILE), np.full_like(ops, index)
        rows: Steps = np.stack([kind, ops, factors[ops], axis], axis=1)
        return rows

    def _along(self, problem: Problem) -> tuple[Int32Array, Int32Array]:
        """The ops that context parallelism alone would tile, but for arguments, products and constants; their factors.

        Constants (masks, angles of positions) are made whole wherever they are read, at no cost to speak of.
        """
        along, inputs = State(problem), ContextParallel(self.axis, self.among)
        if not inputs.targets(problem).tiles:
            raise self.missing()
        along.apply(inputs.manual(along).steps(along))
        factors: Int32Array = along.marks.tile[:, axis_index(problem, self.axis)].astype(np.int32)
        inside = [op.index for op in _dependent(problem.graph) if op.primitive not in PRODUCTS]
        ops = np.array(inside, np.int32)
        return ops[factors[ops] >= 0], factors


def _dependent(graph: Graph) -> list[Op]:
    """The ops that some argument has a part in, arguments left out."""
    known, found = {argument.value for argument in graph.arguments}, list[Op]()
    for op in graph.ops[len(graph.arguments) :]:
        if not known.isdisjoint(value for value in op.operands if isinstance(value, int)):
            known.update(op.results)
            found.append(op)
    return found
