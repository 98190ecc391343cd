"""Sides of conflicts as actions: numbers that stand for a ``Resolve``, the same in every game of a table."""

from __future__ import annotations

from autopart.game.actions import ActionTable
from autopart.partitioning import Problem, State, conflicts_of
from autopart.tactics import Resolve

_MOST = 4
"""Conflicts of which the sides are offered in one state: those with the most bytes."""

_FACTORS = 64


def sides_of(state: State, table: ActionTable) -> list[int]:
    """The actions that settle conflicts of a state: of ops with one name (those of all layers) one for each side."""
    problem, axes = state.problem, set(table.axes)
    conflicts = conflicts_of(problem)
    found: dict[tuple[str, int], tuple[int, set[int], float]] = {}
    for conflict in conflicts.of(state):
        if conflict.axis in axes:
            key = conflicts.place(conflict.op), conflict.axis
            first, factors, nbytes = found.get(key, (conflict.op, set(), 0.0))
            found[key] = first, factors | set(conflict.factors), nbytes + _nbytes(problem, conflict.op)
    largest = sorted(found.items(), key=lambda item: -item[1][2])[:_MOST]
    begin, n_axes = len(table.actions), len(problem.mesh.axes)
    return [
        begin + (op * n_axes + axis) * _FACTORS + factor
        for (_, axis), (op, factors, _) in largest
        for factor in sorted(factors)
    ]


def side_of(problem: Problem, table: ActionTable, action: int) -> Resolve:
    """What an action of ``sides_of`` stands for."""
    op, axis, factor = _read(problem, table, action)
    return Resolve(
        conflicts_of(problem).place(op), problem.rules[op].factors[factor].label, problem.mesh.axis_names[axis]
    )


def side_bytes(problem: Problem, table: ActionTable, action: int) -> float:
    """Bytes of what one op of an action of ``sides_of`` makes, for all layers that it stands for."""
    return _nbytes(problem, _read(problem, table, action)[0])


def _read(problem: Problem, table: ActionTable, action: int) -> tuple[int, int, int]:
    """Op, axis and factor."""
    place, factor = divmod(action - len(table.actions), _FACTORS)
    return *divmod(place, len(problem.mesh.axes)), factor


def _nbytes(problem: Problem, op: int) -> float:
    costs, value = problem.costs, problem.graph.ops[op].results[0]
    return float(costs.value_bytes[value] * costs.value_weight[value])
