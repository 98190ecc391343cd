"""Context parallelism: splitting sequences that are too long for one device."""

from __future__ import annotations

import numpy as np

from autopart.partitioning import Problem, State
from autopart.sharding import TILE, Int32Array, Steps
from autopart.sharding.rules import PRODUCTS
from autopart.tactics.manual import Tactic, axis_index, divisible, undecided
from autopart.tactics.strategies.data_parallel import inputs_along
from autopart.tactics.strategies.strategy import ArgumentStrategy, Tiles


class ContextParallel(ArgumentStrategy):
    """CP: tiles the second dimension of the inputs, e.g. that of tokens, for sequences too long for one device.

    Where every place of a sequence asks something of all others, both operands of a product are along it, in
    dimensions of their own: that of the larger operand is tiled (of equals the first: queries), and the other operand
    is gathered (keys). These products come first, so that what follows them (values) is gathered too, rather than
    split with a sum to follow. On images the dimension is their height, and convolutions exchange halos.
    """

    title = "context parallel"
    looks_for = "inputs with a second dimension that splits the work"

    def tiles(self, problem: Problem) -> Tiles:
        """The inputs' second dimension."""
        return inputs_along(problem, self, 1)

    def steps(self, state: State) -> Steps:
        """The rows that it adds to a state.

        Raises:
            TacticError: there are no sequences, or the axis does not divide them.
        """
        products, depth = self._left(state), state.depth
        state.apply(products)
        try:
            return np.concatenate([products, super().steps(state)])
        finally:
            state.undo_to(depth)

    def tactics(self, state: State) -> list[Tactic]:
        """What it does to a state: itself, for products have no pattern; without any, the tiles of the inputs."""
        found = super().tactics(state)
        return [self] if found and len(self._left(state)) else found

    def looked_for(self, problem: Problem) -> Int32Array:
        """The inputs and the products."""
        return np.concatenate([super().looked_for(problem), self._products(problem)[:, 1]])

    def _products(self, problem: Problem) -> Steps:
        """Rows for the products that it decides if nothing is decided yet; looked for once."""
        key = ("products", self)
        if key not in problem.found:
            problem.found[key] = _both_along(problem, self, axis_index(problem, self.axis))
        rows: Steps = problem.found[key]
        return rows

    def _left(self, state: State) -> Steps:
        """The rows of those that are undecided still."""
        rows, axis = self._products(state.problem), axis_index(state.problem, self.axis)
        return rows[undecided(state, rows[:, 1], axis) & divisible(state, rows[:, 1], rows[:, 2], axis)]


def _both_along(problem: Problem, strategy: ContextParallel, axis: int) -> Steps:
    """Rows for the products both operands of which come to be along the sequences, kind after kind."""
    found = np.zeros((0, 4), np.int32)
    if not len(strategy.targets(problem).ops):
        return found
    state, products = State(problem), [op.index for op in problem.graph.ops if op.primitive in PRODUCTS]
    while True:
        state.apply(found)
        state.apply(strategy.manual(state).steps(state))  # No rows where the axis divides nothing.
        asked = {op: state.operand_evidence(op, axis) for op in products if op not in found[:, 1]}
        state.undo_to(0)
        torn = [op for op, factors in asked.items() if len(factors) > 1]
        if not torn:
            return found
        alike = [op for op in torn if problem.rules[op] == problem.rules[torn[0]]]
        rows = state.steps([(TILE, op, max(asked[op], key=lambda f: asked[op][f]), axis) for op in alike])
        fits = divisible(state, rows[:, 1], rows[:, 2], axis)
        if not fits.any():
            return found
        found = np.concatenate([found, rows[fits]])
