"""Context parallelism: splitting sequences that are too long for one device."""

from __future__ import annotations

import numpy as np

from autopart.problem import Problem
from autopart.propagate import TILE, Steps
from autopart.state import State
from autopart.strategies.data_parallel import inputs_along
from autopart.strategies.strategy import ArgumentStrategy, Tiles
from autopart.tactics import axis_index, divisible
from autopart.work import PRODUCTS


class ContextParallel(ArgumentStrategy):
    """CP: tiles the second dimension of the inputs, e.g. that of tokens, for sequences too long for one device.

    Where every place of a sequence asks something of all others, two dimensions of a product are along it: one is
    tiled, that of the larger operand (of equals the first: queries), and the other operand is gathered (keys and
    values). On images the dimension is their height, and convolutions exchange halos.
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
        rows = super().steps(state)
        return (
            rows
            if not len(rows)
            else np.concatenate([rows, _products(state, rows, axis_index(state.problem, self.axis))])
        )


def _products(state: State, rows: Steps, axis: int) -> Steps:
    """Rows for the products that are asked for two dimensions once ``rows`` are taken; the state is left as it was."""
    products = [op.index for op in state.problem.graph.ops if op.primitive in PRODUCTS]
    depth, found, settled = state.depth, list[tuple[int, int, int, int]](), False
    state.apply(rows)
    while not settled:
        settled = True
        for op in products:
            asked = state.evidence(op, axis) if state.marks.tile[op, axis] < 0 else {}
            if len(asked) < 2:
                continue
            factor = max(asked, key=lambda f: asked[f])
            if divisible(state, np.array([op], np.int32), np.array([factor], np.int32), axis)[0]:
                found.append((TILE, op, factor, axis))
                state.apply(state.steps(found[-1:]))
                settled = False
    state.undo_to(depth)
    return state.steps(found)
