"""The known recipes, found by structure: data parallel, Megatron pairs, ZeRO-2 and ZeRO-3, compositions.

A recipe is a function of a state that gives the tactics to apply next. Search starts from them and its
answer is never worse than the best of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from autopart.analysis import COMMUNICATION_S
from autopart.groups import INPUT, MOMENT, PARAMETER, Group
from autopart.problem import Problem
from autopart.propagate import TILE
from autopart.rules.rule import Kind
from autopart.state import State
from autopart.tactics import Atomic, Manual, Tactic


@dataclass(frozen=True)
class Recipe:
    """A known strategy on one mesh axis.

    Attributes:
        name: e.g. ``BP(data)``.
        tactics: what it does to a state, as concrete tactics.
    """

    name: str
    tactics: Callable[[State], list[Tactic]]


def data_parallel(problem: Problem, axis: str) -> Recipe:
    """BP: the leading dimension of every input."""
    groups = [g for g in problem.groups if g.role == INPUT]

    def tactics(state: State) -> list[Tactic]:
        return _manual(state, {g: 0 for g in groups}, axis, "data parallel")

    return Recipe(f"BP({axis})", tactics)


def megatron(problem: Problem, axis: str) -> Recipe:
    """MP: pairs of weights between which an activation stays tiled, so that one sum closes each pair.

    Found by trial: each dimension of each parameter group is tiled alone. It opens a pair if propagation
    then reaches another matrix by a dimension that is summed over, and few other parameters (a tile of
    the residual stream floods them all). Of the dimensions that reach the same parameters the one
    that communicates least is taken.
    """
    tiles = _megatron_pairs(problem, axis)

    def tactics(state: State) -> list[Tactic]:
        return _manual(state, tiles, axis, "Megatron")

    return Recipe(f"MP({axis})", tactics)


def zero2(problem: Problem, axis: str) -> Recipe:
    """Z2: optimizer moments of matrices on their first divisible dimension, parameters whole."""
    groups = problem.groups
    matrices = [g for g in groups if len(g.shape) >= 2]

    def tactics(state: State) -> list[Tactic]:
        whole = Atomic(tuple(g.pattern for g in matrices if g.role == PARAMETER), axis, "ZeRO-2: parameters whole")
        moments = {g: _first_divisible(state, g, axis) for g in matrices if g.role == MOMENT}
        tiled = _manual(state, moments, axis, "ZeRO-2")
        return [whole, *tiled] if tiled else []

    return Recipe(f"Z2({axis})", tactics)


def zero3(problem: Problem, axis: str) -> Recipe:
    """Z3 (FSDP): parameters, and by propagation gradients and moments, on the first divisible dimension."""
    matrices = [g for g in problem.groups if len(g.shape) >= 2 and g.role == PARAMETER]

    def tactics(state: State) -> list[Tactic]:
        return _manual(state, {g: _first_divisible(state, g, axis) for g in matrices}, axis, "ZeRO-3")

    return Recipe(f"Z3({axis})", tactics)


def atoms(problem: Problem) -> list[Recipe]:
    """Every single recipe on every axis of more than one device."""
    axes = [axis for axis, size in problem.mesh.axes.items() if size > 1]
    return [make(problem, axis) for axis in axes for make in (data_parallel, megatron, zero2, zero3)]


def compositions(recipes: Sequence[Recipe]) -> list[tuple[Recipe, ...]]:
    """The known compositions: replicated, BP, MP, BP+MP, each data-parallel one also with Z2 and Z3."""
    by_kind: dict[str, list[Recipe]] = {}
    for recipe in recipes:
        by_kind.setdefault(recipe.name[:2], []).append(recipe)
    out: list[tuple[Recipe, ...]] = [()]
    data, model = by_kind.get("BP", []), by_kind.get("MP", [])
    out.extend((mp,) for mp in model)
    bases: list[tuple[Recipe, ...]] = [tuple(some) for k in range(1, len(data) + 1) for some in _subsets(data, k)]
    bases += [(bp, mp) for bp, mp in itertools.product(data, model) if _axis(bp) != _axis(mp)]
    for base in bases:
        out.append(base)
        axes = [_axis(recipe) for recipe in base if recipe.name.startswith("BP")]
        for kind in ("Z2", "Z3"):
            out.append((*base, *(r for r in by_kind.get(kind, []) if _axis(r) in axes)))
    return out


def _subsets(recipes: Sequence[Recipe], count: int) -> list[tuple[Recipe, ...]]:
    return list(itertools.combinations(recipes, count))


def _axis(recipe: Recipe) -> str:
    return recipe.name[3:-1]


def _manual(state: State, tiles: dict[Group, int | None], axis: str, name: str) -> list[Tactic]:
    """One Manual of the groups that can be tiled as said; empty if there is none."""
    fitting = {g.pattern: d for g, d in tiles.items() if d is not None and can_tile(state, g, d, axis)}
    return [Manual(fitting, axis, name)] if fitting else []


def can_tile(state: State, group: Group, dim: int, axis: str) -> bool:
    """Whether every member of the group can be tiled along ``dim`` on ``axis`` now."""
    problem, index = state.problem, state.problem.mesh.axis_names.index(axis)
    for name in group.names:
        op = problem.argument_ops[name]
        if state.marks.tile[op, index] >= 0 or (state.marks.atomic[op] >> index) & 1:
            return False
        parts = problem.mesh.axes[axis]
        for other, tiled in state.tiles_of_argument(name).items():
            parts *= problem.mesh.axes[other] if tiled == dim else 1
        if group.shape[dim] == 0 or group.shape[dim] % parts:
            return False
    return True


def _first_divisible(state: State, group: Group, axis: str) -> int | None:
    fitting = (d for d in range(len(group.shape)) if can_tile(state, group, d, axis))
    return next(fitting, None)


def _megatron_pairs(problem: Problem, axis: str) -> dict[Group, int | None]:
    parameters = [g for g in problem.groups if g.role == PARAMETER]
    group_of = {problem.argument_ops[name]: g for g in parameters for name in g.names}
    index = problem.mesh.axis_names.index(axis)
    state = State(problem)
    best: dict[frozenset[str], tuple[float, Group, int]] = {}
    for group in parameters:
        for dim in range(len(group.shape) if len(group.shape) >= 2 else 0):
            if not can_tile(state, group, dim, axis):
                continue
            state.apply(state.steps([(TILE, problem.argument_ops[n], dim, index) for n in group.names]))
            tiled = np.flatnonzero(state.marks.tile[: len(problem.graph.arguments), index] >= 0)
            reached = {group_of[int(op)] for op in tiled if int(op) in group_of}
            if _is_pair(state, reached, group_of, index):
                key = frozenset(g.pattern for g in reached)
                cost = (float(state.metrics()[COMMUNICATION_S]), group, dim)
                if key not in best or cost[0] < best[key][0]:
                    best[key] = cost
            state.undo()
    return {group: dim for _, group, dim in best.values()}


def _is_pair(state: State, reached: set[Group], group_of: dict[int, Group], axis: int) -> bool:
    """Two to four parameter groups, two of them matrices, of which one is read by a summed dimension."""
    if not 2 <= len(reached) <= 4 or sum(len(g.shape) >= 2 for g in reached) < 2:
        return False
    graph, tables, weights = state.problem.graph, state.problem.tables, set(group_of)
    owner = {graph.ops[op].results[0]: op for op in weights}
    for op in graph.ops:  # Casts of weights are weights.
        if op.operands and tables.weight_like[op.results[0]] and isinstance(op.operands[0], int):
            if op.operands[0] in owner:
                owner[op.results[0]] = owner[op.operands[0]]
        elif op.primitive == "dot_general":
            factor = state.marks.tile[op.index, axis]
            summed = factor >= 0 and state.problem.rules[op.index].factors[factor].kind is Kind.SUM
            if summed and any(group_of[owner[o]] in reached for o in op.operands if isinstance(o, int) and o in owner):
                return True
    return False
