"""ZeRO: optimizer state, gradients and parameters spread over the devices that hold copies of them.

Rajbhandari et al., "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models", arXiv 1910.02054.
Matrices only: norm scales and biases are a ten-thousandth of the bytes, and each would cost a collective.
"""

from __future__ import annotations

import numpy as np

from autopart.partitioning import MOMENT, PARAMETER, Problem, State, gradient_readers
from autopart.sharding import ATOMIC, Steps
from autopart.tactics.manual import FIRST_DIVISIBLE_DIM, REPLICATED, Dim, axis_index
from autopart.tactics.strategies.strategy import ArgumentStrategy, Tiles


class ZeRO2(ArgumentStrategy):
    """Z2: moments on their first divisible dimension, parameters whole.

    Gradients are scattered as they are summed, and updated parameters gathered.
    """

    title = "ZeRO-2"
    looks_for = "optimizer state that mirrors parameters"

    def tiles(self, problem: Problem) -> Tiles:
        """Parameters whole, moments tiled."""
        moments = {g.pattern: FIRST_DIVISIBLE_DIM for g in self.groups(problem, MOMENT) if g.is_matrix}
        parameters = [g.pattern for g in self.groups(problem, PARAMETER) if g.is_matrix]
        whole: dict[str, int | Dim] = dict.fromkeys(parameters, REPLICATED)
        return {**whole, **moments} if moments else {}


class ZeRO1(ZeRO2):
    """Z1: as ZeRO-2, but gradients are summed whole on every device; each then updates its part.

    It needs the memory of whole gradients and twice the bytes of ZeRO-2 for them; with several
    micro-batches it saves a scatter for each.
    """

    title = "ZeRO-1"

    def steps(self, state: State) -> Steps:
        """The rows of ZeRO-2, and what keeps the first readers of the gradients whole.

        Raises:
            TacticError: as of ZeRO-2.
        """
        rows = super().steps(state)
        index = axis_index(state.problem, self.axis)
        moments = rows[rows[:, 0] != ATOMIC, 1].tolist()
        readers = gradient_readers(state.problem.graph, [state.problem.name_of(op) for op in moments])
        free = [op for op in readers if state.marks.tile[op, index] < 0]
        whole = state.steps([(ATOMIC, op, 0, index) for op in free])
        return np.concatenate([whole, rows]).astype(np.int32)


class ZeRO3(ArgumentStrategy):
    """Z3, also called FSDP: parameters, and by propagation gradients and moments, on the first divisible dimension.

    Each use of a parameter gathers it anew.
    """

    title = "ZeRO-3"
    looks_for = "parameters that are matrices"

    def tiles(self, problem: Problem) -> Tiles:
        """Parameters tiled."""
        return {g.pattern: FIRST_DIVISIBLE_DIM for g in self.groups(problem, PARAMETER) if g.is_matrix}


FSDP = ZeRO3
"""PyTorch's name of it: fully sharded data parallel."""
