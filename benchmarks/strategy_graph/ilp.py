"""The optimum of a strategy graph, by integer programming."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from benchmarks.strategy_graph.document import StrategyGraph


@dataclass(frozen=True)
class Solved:
    """The best choice that HiGHS found, its cost, the bound that it proved, and the seconds it took.

    ``choice`` and ``cost`` are None where it found none in time.
    """

    choice: tuple[int, ...] | None
    cost: float | None
    bound: float
    proven: bool
    seconds: float


def solve(graph: StrategyGraph, seconds: float | None = None) -> Solved:
    """Solves a graph with HiGHS, for at most so many seconds.

    A node has a 0/1 variable for each option, together 1. An edge has a variable >= 0 for each pair of options, whose
    sums along either side are the variables of its ends: the edge's term without a product (Koster et al. 1998; the
    form that Alpa, 2022, solves).
    """
    starts = np.cumsum([0, *(len(costs) for costs in graph.nodes)])
    places = np.cumsum([starts[-1], *(edge.costs.size for edge in graph.edges)])
    objective = np.concatenate([*graph.nodes, *(edge.costs.ravel() for edge in graph.edges)])
    rows, columns, factors = [], [], []
    row = 0

    def add(variables: npt.NDArray[np.int64], factor: float) -> None:
        rows.append(np.full(len(variables), row))
        columns.append(variables)
        factors.append(np.full(len(variables), factor))

    for node in range(len(graph.nodes)):
        add(np.arange(starts[node], starts[node + 1]), 1.0)
        row += 1
    for edge, place in zip(graph.edges, places, strict=False):
        pairs = place + np.arange(edge.costs.size).reshape(edge.costs.shape)
        for end, lines in ((edge.first, pairs), (edge.second, pairs.T)):
            for option, line in enumerate(lines):
                add(line, 1.0)
                add(np.array([starts[end] + option]), -1.0)
                row += 1
    entries = (np.concatenate(factors), (np.concatenate(rows), np.concatenate(columns)))
    wanted = (np.arange(row) < len(graph.nodes)).astype(np.float64)
    begin = time.perf_counter()
    found = milp(
        objective,
        integrality=(np.arange(len(objective)) < starts[-1]).astype(np.int64),
        bounds=Bounds(0.0, 1.0),
        constraints=LinearConstraint(csr_array(entries, shape=(row, len(objective))), wanted, wanted),
        options={"mip_rel_gap": 0.0} | ({} if seconds is None else {"time_limit": seconds}),
    )
    taken = time.perf_counter() - begin
    bound = found.mip_dual_bound if found.mip_dual_bound is not None else -math.inf
    if found.x is None:
        return Solved(None, None, float(bound), False, taken)
    choice = tuple(int(found.x[a:b].argmax()) for a, b in pairwise(starts))
    return Solved(choice, graph.cost(choice), float(bound), found.status == 0, taken)
