"""Strategy graphs drawn at random, like those of sharded programs."""

from __future__ import annotations

import numpy as np

from autopart.benchmarks.strategy_graph.document import DocumentError, Edge, Floats, StrategyGraph


def generate(nodes: int, options: int, density: float, seed: int) -> StrategyGraph:
    """Draws a graph in which an edge costs something where its ends do not fit each other.

    A node is a value of some size (log-uniform over a factor of 16): an option costs up to twice its size. Beside the
    edge to the node before, so that nothing falls apart, each pair of nodes is joined with probability
    ``density``. Each option of a node has its best partner at the other end, which costs nothing; any other pair costs
    0.5 to 1.5 times the smaller of the sizes. Costs are whole numbers.

    Raises:
        DocumentError: a figure is out of range.
    """
    if nodes < 1 or options < 1 or not 0 <= density <= 1 or seed < 0:
        raise DocumentError(
            f"nodes={nodes}, options={options}, density={density}, seed={seed}: needs at least one node and option, a "
            "density from 0 to 1, and a seed of 0 or more"
        )
    rng = np.random.default_rng(seed)
    sizes = 64 * 2 ** rng.uniform(0, 4, nodes)
    own = tuple(np.round(size * rng.uniform(0, 2, options)) for size in sizes)
    joined = np.triu(rng.random((nodes, nodes)) < density, 2)
    joined |= np.eye(nodes, k=1, dtype=np.bool_)
    pairs = [(int(first), int(second)) for first, second in np.argwhere(joined)]
    edges = [Edge(i, j, _mismatch(float(min(sizes[i], sizes[j])), options, rng)) for i, j in pairs]
    return StrategyGraph(own, tuple(edges))


def _mismatch(size: float, options: int, rng: np.random.Generator) -> Floats:
    costs = np.round(size * rng.uniform(0.5, 1.5, (options, options)))
    costs[np.arange(options), rng.permutation(options)] = 0.0
    return costs
