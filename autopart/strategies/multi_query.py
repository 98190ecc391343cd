"""Attention over a cache of few heads, split by sequences instead.

Pope et al., "Efficiently Scaling Transformer Inference", arXiv 2211.05102.
"""

from __future__ import annotations

from autopart.groups import STATE
from autopart.problem import Problem
from autopart.propagate import TILE
from autopart.state import State
from autopart.strategies.data_parallel import DataParallel
from autopart.strategies.strategy import ArgumentStrategy, Tiles


class MultiQuerySharding(ArgumentStrategy):
    """MQ: tiles the cache of keys and values along sequences, on the axis along which weights are tiled by heads.

    With one head of keys for all queries there is nothing else of the cache to tile. Queries go from heads to sequences
    and results back by all_to_all, of one token of each sequence: little beside the cache.
    """

    title = "multi-query"
    looks_for = "cache that is carried from step to step and holds something of every input"

    def tiles(self, problem: Problem) -> Tiles:
        """The dimension of what is carried that goes with the examples of the inputs."""
        state, index = State(problem), problem.mesh.axis_names.index(self.axis)
        inputs = DataParallel(self.axis).targets(problem)
        rows = [(TILE, int(op), int(dim), index) for op, dim in zip(inputs.ops, inputs.asked, strict=True)]
        if not rows or any(state.problem.shape_of(op)[dim] % problem.mesh.axes[self.axis] for _, op, dim, _ in rows):
            return {}
        state.apply(state.steps(rows))
        found = {g.pattern: int(state.marks.tile[problem.matching(g.pattern)[0], index])
                 for g in self.groups(problem, STATE) if len(g.dims) > 1}  # fmt: skip
        return {pattern: dim for pattern, dim in found.items() if dim >= 0}
