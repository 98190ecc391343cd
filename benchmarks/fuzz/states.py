"""Random legal states of a problem."""

from __future__ import annotations

import warnings

import numpy as np

from autopart.costmodel.mesh import Mesh
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.graph import ARGUMENT, Graph
from autopart.sharding.propagate import ATOMIC, TILE

Row = tuple[int, int, int, int]
"""One step of an action: kind, op, factor, mesh axis."""

_ARGUMENT_SHARE = 0.4
_ATOMIC_SHARE = 0.1
_TRIES = 20


def problem_on(graph: Graph, axes: dict[str, int]) -> Problem:
    """The problem on a mesh of host devices; what has no rule is warned of elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Problem.of(graph, Mesh(axes, device="cpu"))


def is_legal(state: State, kind: int, op: int, factor: int, axis: int) -> bool:
    """Whether one step may be taken: the axis is free there, and the tile divides what is left."""
    marks, rule = state.marks, state.problem.rules[op]
    if marks.tile[op, axis] >= 0 or (int(marks.atomic[op]) >> axis) & 1:
        return False
    if kind == ATOMIC:
        return True
    sizes = state.problem.mesh.axis_sizes
    parts = sizes[axis] * int(np.prod([sizes[a] for a in range(len(sizes)) if marks.tile[op, a] == factor]))
    size = rule.factors[factor].size
    return size > 0 and size % parts == 0


def random_rows(state: State, rng: np.random.Generator, actions: int, rare: float = 0.0) -> list[Row]:
    """Takes random legal steps in ``state``, an action each, and returns them in order.

    Mostly tiles, of arguments and of any op, sometimes an atomic mark. A share ``rare`` of the ops is drawn by
    primitive, so that those that occur once are tiled as often as those that occur everywhere.
    """
    problem = state.problem
    kinds: dict[str, list[int]] = {}
    for one in problem.graph.ops:
        if problem.rules[one.index].factors and one.primitive != ARGUMENT:
            kinds.setdefault(one.primitive, []).append(one.index)
    ops = [op.index for op in problem.graph.ops if problem.rules[op.index].factors]
    arguments = [op for op in problem.argument_ops.values() if problem.rules[op].factors]
    rows: list[Row] = []
    for _ in range(actions if ops else 0):
        for _ in range(_TRIES):
            if kinds and rare and rng.random() < rare:
                chosen = kinds[list(kinds)[int(rng.integers(len(kinds)))]]
            else:
                chosen = arguments if arguments and rng.random() < _ARGUMENT_SHARE else ops
            op = int(rng.choice(chosen))
            kind = ATOMIC if rng.random() < _ATOMIC_SHARE else TILE
            row = (kind, op, int(rng.integers(len(problem.rules[op].factors))), int(rng.integers(len(problem.sizes))))
            if is_legal(state, *row):
                state.apply(state.steps([row]))
                rows.append(row)
                break
    return rows


def random_state(problem: Problem, rng: np.random.Generator, actions: int) -> State:
    """A state after random legal steps."""
    state = State(problem)
    random_rows(state, rng, actions)
    return state


def state_of(problem: Problem, rows: list[Row]) -> State:
    """The state after the steps, an action each."""
    state = State(problem)
    for row in rows:
        assert is_legal(state, *row), row
        state.apply(state.steps([row]))
    return state
