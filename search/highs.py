"""The optimum of a choice problem, by integer programming with HiGHS."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autopart.search.choices import ChoiceProblem, Edge, Numbers, Row
from autopart.search.elimination import Elimination

_SCALE = 1e6
"""What the dearest choice is scaled to, for the solver's tolerances are absolute."""

_OVER = 10.0
"""What a limit costs that is overrun by as much as it is, in dearest choices."""


@dataclass(frozen=True)
class Solved:
    """The best choice found, its cost, and the bound that no choice within the limits is below.

    `choice` and `cost` are None where none was found in time; `proven`: the choice is the optimum. `core` counts the
    nodes that were left for the solver. Where no choice keeps the limits, it is one that overruns them by little.
    """

    choice: tuple[int, ...] | None
    cost: float | None
    bound: float
    proven: bool
    seconds: float
    core: int


def solve(problem: ChoiceProblem, limits: Mapping[str, float] | None = None, seconds: float | None = None) -> Solved:
    """Solve a problem, each metric in `limits` at most its limit, for at most so many seconds.

    Rows of a limited metric join one after another, the one overrun by most first, until the answer keeps them all.
    """
    begin = time.perf_counter()
    rows: list[Row] = []
    while True:
        left = None if seconds is None else seconds - (time.perf_counter() - begin)
        found = _solve_with(problem, rows, limits or {}, left)
        taken = time.perf_counter() - begin
        if found.choice is None:
            return Solved(None, None, found.bound, False, taken, found.core)
        over = [(row.of(found.choice) / ((limits or {})[row.metric] or 1.0), n) for n, row in enumerate(problem.rows)
                if row.metric in (limits or {}) and row not in rows]  # fmt: skip
        worst, number = max(over, default=(0.0, 0))
        if worst <= 1.0 + 1e-9 or (seconds is not None and taken >= seconds):
            return Solved(found.choice, found.cost, found.bound, found.proven and worst <= 1.0, taken, found.core)
        rows.append(problem.rows[number])


def _solve_with(
    problem: ChoiceProblem, rows: Sequence[Row], limits: Mapping[str, float], seconds: float | None
) -> Solved:
    left = Elimination(problem, {node for row in rows for node in row.use})
    model = _Model(left, rows, limits)
    if not model.nodes:
        choice = left.completed({})
        return Solved(choice, problem.cost(choice), left.constant, True, 0.0, 0)
    options, bound, proven = model.solved(seconds)
    if options is None:
        return Solved(None, None, bound, False, 0.0, len(model.nodes))
    choice = left.completed(options)
    return Solved(choice, problem.cost(choice), bound, proven, 0.0, len(model.nodes))


class _Model:
    """What is left of a problem as linear rows: a 0/1 variable an option, and for each edge one >= 0 a pair of classes.

    A node's variables are together 1; an edge's sum, along either side, to those of the options of that class: the
    edge's term without a product (Koster et al. 1998; the form that Alpa, 2022, solves). Options that no edge and
    no row tells apart share a variable.
    """

    def __init__(self, left: Elimination, rows: Sequence[Row], limits: Mapping[str, float]) -> None:
        self._left = left
        self.nodes = sorted(left.costs)
        self._rows: list[int] = []
        self._columns: list[int] = []
        self._factors: list[float] = []
        self._low: list[float] = []
        self._high: list[float] = []
        self._objective: list[float] = []
        self._whole: list[bool] = []
        edges = left.edges
        self._begin: dict[int, int] = {}
        self._classes: dict[int, Numbers] = {}
        self._options: dict[int, Numbers] = {}
        for node in self.nodes:
            self._add_node(
                node, [e if e.first == node else e.turned() for e in edges if node in (e.first, e.second)], rows
            )
        places = dict.fromkeys(self.nodes, 0)
        for edge in edges:
            self._add_edge(edge, places[edge.first], places[edge.second])
            places[edge.first] += 1
            places[edge.second] += 1
        dearest = sum(abs(cost) for cost in self._objective)
        for row in rows:
            self._add_row(row, limits[row.metric], _OVER * dearest)
        self._scale = _SCALE / (dearest or 1.0)

    def _variable(self, cost: float, whole: bool) -> int:
        self._objective.append(cost)
        self._whole.append(whole)
        return len(self._objective) - 1

    def _constrain(self, columns: Sequence[int], factors: Sequence[float], low: float, high: float) -> None:
        self._rows += [len(self._low)] * len(columns)
        self._columns += columns
        self._factors += factors
        self._low.append(low)
        self._high.append(high)

    def _add_node(self, node: int, edges: Sequence[Edge], rows: Sequence[Row]) -> None:
        costs = self._left.costs[node]
        told = [np.unique(row.use[node], return_inverse=True)[1].ravel() for row in rows if node in row.use]
        keys = np.stack([*(edge.row_of for edge in edges), *told, np.zeros(len(costs), np.int64)])
        order = np.lexsort((costs, *keys))
        new = np.ones(len(order), np.bool_)
        new[1:] = (keys[:, order[1:]] != keys[:, order[:-1]]).any(0)
        options = order[new & np.isfinite(costs[order])]
        self._options[node], self._classes[node] = options, keys[:, options]
        self._begin[node] = len(self._objective)
        variables = [self._variable(float(costs[option]), True) for option in options]
        self._constrain(variables, [1.0] * len(variables), 1.0, 1.0)

    def _add_edge(self, edge: Edge, place: int, other_place: int) -> None:
        ends = (
            (edge.first, self._classes[edge.first][place]),
            (edge.second, self._classes[edge.second][other_place]),
        )
        pairs = np.full(edge.costs.shape, -1)
        for i in np.unique(ends[0][1]):
            for j in np.unique(ends[1][1]):
                if np.isfinite(edge.costs[i, j]):
                    pairs[i, j] = self._variable(float(edge.costs[i, j]), False)
        for (node, classes), lines in zip(ends, (pairs, pairs.T), strict=True):
            for kind in np.unique(classes):
                line = [int(variable) for variable in lines[kind] if variable >= 0]
                options = [self._begin[node] + int(option) for option in np.flatnonzero(classes == kind)]
                self._constrain([*line, *options], [1.0] * len(line) + [-1.0] * len(options), 0.0, 0.0)

    def _add_row(self, row: Row, limit: float, penalty: float) -> None:
        over = self._variable(penalty, False)
        columns, factors = [over], [-1.0]
        for node, use in row.use.items():
            begin = self._begin[node]
            columns += range(begin, begin + len(self._options[node]))
            factors += (use[self._options[node]] / limit).tolist()
        self._constrain(columns, factors, -math.inf, 1.0 - row.constant / limit)

    def solved(self, seconds: float | None) -> tuple[dict[int, int] | None, float, bool]:
        """Return an option for each node, or None; the bound; whether it is the optimum."""
        # They take a fifth of a second, for which who imports a search and solves nothing need not wait.
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import csr_array

        count = len(self._objective)
        matrix = csr_array((self._factors, (self._rows, self._columns)), shape=(len(self._low), count))
        found = milp(
            np.array(self._objective) * self._scale,
            integrality=np.array(self._whole, np.int64),
            bounds=Bounds(np.zeros(count), np.full(count, np.inf)),
            constraints=LinearConstraint(matrix, np.array(self._low), np.array(self._high)),
            options={"mip_rel_gap": 0.0} | ({} if seconds is None else {"time_limit": max(seconds, 0.01)}),
        )
        bound = -math.inf if found.mip_dual_bound is None else self._left.constant + found.mip_dual_bound / self._scale
        if found.x is None:
            return None, bound, False
        options = {
            node: int(self._options[node][found.x[self._begin[node] :][: len(self._options[node])].argmax()])
            for node in self.nodes
        }
        return options, float(bound), found.status == 0
