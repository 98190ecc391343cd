"""The known recipes, found by structure: data parallel, Megatron pairs, ZeRO-2 and ZeRO-3, compositions.

A recipe is a function of a state that gives the tactics to apply next. Search starts from them and its
answer is never worse than the best of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autopart.analysis import COMMUNICATION_S, COMPUTE_S
from autopart.graph import Op
from autopart.groups import INPUT, MOMENT, PARAMETER, Group, split_groups
from autopart.problem import Problem
from autopart.propagate import TILE
from autopart.rules.rule import Kind
from autopart.state import State
from autopart.tactics import Atomic, Manual, Tactic, apply_schedule, divisible, undecided

DATA_PARALLEL, MEGATRON, ZERO2, ZERO3 = "BP", "MP", "Z2", "Z3"

_MOST_IN_A_PAIR = 4
"""Two matrices and a bias each."""

_ABOUT_AS_FAST = 1.1


@dataclass(frozen=True)
class Recipe:
    """A known strategy on one mesh axis.

    Attributes:
        kind: ``BP``, ``MP``, ``Z2`` or ``Z3``.
        axis: mesh axis.
        tactics: what it does to a state, as concrete tactics; none where it has nothing to add.
    """

    kind: str
    axis: str
    tactics: Callable[[State], list[Tactic]]

    @property
    def name(self) -> str:
        """E.g. ``BP(data)``."""
        return f"{self.kind}({self.axis})"


def data_parallel(problem: Problem, axis: str, groups: Sequence[Group]) -> Recipe:
    """BP: the leading dimension of the inputs.

    Of inputs with several leading sizes (a random key, a table of positions) those of one size are taken: of
    those that split about the most compute when they are tiled alone, the largest.
    """
    by_size: dict[int, list[Group]] = {}
    for group in groups:
        if group.role == INPUT and group.dims:
            by_size.setdefault(group.shape[group.dims[0]], []).append(group)
    state = State(problem)

    def compute_s(size: int) -> float:
        part = _Members(problem, by_size[size])
        tactics = _manual(state, part, [group.dims[0] for group in part.groups], axis, "")
        apply_schedule(state, tactics)
        seconds = float(state.metrics()[COMPUTE_S])
        for _ in tactics:
            state.undo()
        return seconds

    seconds = {size: compute_s(size) for size in by_size} if len(by_size) > 1 else dict.fromkeys(by_size, 0.0)
    good = [size for size in by_size if seconds[size] <= _ABOUT_AS_FAST * min(seconds.values())]
    chosen = max((by_size[size] for size in good), key=lambda part: _nbytes(problem, part), default=[])
    members = _Members(problem, chosen)

    def tactics(state: State) -> list[Tactic]:
        return _manual(state, members, [group.dims[0] for group in chosen], axis, "data parallel")

    return Recipe(DATA_PARALLEL, axis, tactics)


def megatron(problem: Problem, axis: str, groups: Sequence[Group]) -> Recipe:
    """MP: pairs of weights between which an activation stays tiled, so that one sum closes each pair.

    Found by trial: each dimension of each parameter group is tiled alone. It opens a pair if propagation
    then reaches another matrix by a dimension that is summed over, and few other parameters (a tile of
    the residual stream floods them all). Of the dimensions that do, the one that communicates least is
    taken. Groups of which no pair can be made as a whole (equal layers, every second of which opens a pair)
    are tried member by member.
    """
    tiles = _megatron_pairs(problem, axis, groups)
    members, dims = _Members(problem, tuple(tiles)), list(tiles.values())

    def tactics(state: State) -> list[Tactic]:
        return _manual(state, members, dims, axis, "Megatron")

    return Recipe(MEGATRON, axis, tactics)


def zero2(problem: Problem, axis: str, groups: Sequence[Group]) -> Recipe:
    """Z2: optimizer moments of matrices on their first divisible dimension, parameters whole."""
    parameters = tuple(g.pattern for g in groups if g.is_matrix and g.role == PARAMETER)
    moments = _Members(problem, [g for g in groups if g.is_matrix and g.role == MOMENT])

    def tactics(state: State) -> list[Tactic]:
        tiled = _manual(state, moments, None, axis, "ZeRO-2")
        return [Atomic(parameters, axis, tiled[0].name), *tiled] if tiled else []

    return Recipe(ZERO2, axis, tactics)


def zero3(problem: Problem, axis: str, groups: Sequence[Group]) -> Recipe:
    """Z3 (FSDP): parameters, and by propagation gradients and moments, on the first divisible dimension."""
    matrices = _Members(problem, [g for g in groups if g.is_matrix and g.role == PARAMETER])

    def tactics(state: State) -> list[Tactic]:
        return _manual(state, matrices, None, axis, "ZeRO-3")

    return Recipe(ZERO3, axis, tactics)


def atoms(problem: Problem, axes: Sequence[str], groups: Sequence[Group]) -> list[Recipe]:
    """Every single recipe on every one of the axes that has more than one device."""
    wide = [axis for axis in axes if problem.mesh.axes[axis] > 1]
    return [make(problem, axis, groups) for axis in wide for make in (data_parallel, megatron, zero2, zero3)]


def compositions(recipes: Sequence[Recipe]) -> list[tuple[Recipe, ...]]:
    """The known compositions: replicated, BP, MP, BP+MP, each data-parallel one also with Z2 and Z3."""
    by_kind = {kind: [r for r in recipes if r.kind == kind] for kind in (DATA_PARALLEL, MEGATRON, ZERO2, ZERO3)}
    data, model = by_kind[DATA_PARALLEL], by_kind[MEGATRON]
    out: list[tuple[Recipe, ...]] = [(), *((mp,) for mp in model)]
    bases: list[tuple[Recipe, ...]] = [
        some for count in range(1, len(data) + 1) for some in itertools.combinations(data, count)
    ]
    bases += [(*some, mp) for some in bases for mp in model if all(bp.axis != mp.axis for bp in some)]
    for base in bases:
        axes = {recipe.axis for recipe in base if recipe.kind == DATA_PARALLEL}
        out.append(base)
        out += [(*base, *(r for r in by_kind[kind] if r.axis in axes)) for kind in (ZERO2, ZERO3)]
    return out


class _Members:
    """The arguments of some groups side by side, to ask of all at once what can be tiled."""

    def __init__(self, problem: Problem, groups: Sequence[Group]) -> None:
        self.groups = tuple(groups)
        self.rank = max((len(g.shape) for g in groups), default=0)
        members = [problem.matching(g.pattern) for g in groups]
        self._ops = np.concatenate([np.zeros(0, np.int32), *members])
        self._starts = np.cumsum([0, *(len(ops) for ops in members[:-1])]) if members else np.zeros(0, np.int64)

    def can_tile(self, state: State, axis: str) -> npt.NDArray[np.bool_]:
        """(groups, dimensions): whether every member can be tiled along the dimension on ``axis`` now."""
        index = state.problem.mesh.axis_names.index(axis)
        free = undecided(state, self._ops, index)
        columns = [np.zeros_like(free) for _ in range(self.rank)]
        if free.any():
            for dim in range(self.rank):
                columns[dim] = free & divisible(state, self._ops, np.full_like(self._ops, dim), index)
        good = np.logical_and.reduceat(np.stack(columns, axis=1), self._starts)
        good[:, 0] &= ~np.array([group.stacked for group in self.groups])
        return good


def _manual(state: State, members: _Members, dims: Sequence[int] | None, axis: str, name: str) -> list[Tactic]:
    """One Manual of the groups that can be tiled along ``dims`` (``None``: the first that can); empty if none can.

    It has the recipe's name only if all can be: what is left of a recipe is another thing.
    """
    if not members.groups:
        return []
    good = members.can_tile(state, axis)
    chosen = good.argmax(axis=1).tolist() if dims is None else dims
    fitting = {g.pattern: d for g, d, row in zip(members.groups, chosen, good, strict=True) if row[d]}
    return [Manual(fitting, axis, name if len(fitting) == len(members.groups) else "")] if fitting else []


def can_tile(state: State, group: Group, dim: int, axis: str) -> bool:
    """Whether every member of the group can be tiled along ``dim`` on ``axis`` now."""
    return bool(_Members(state.problem, (group,)).can_tile(state, axis)[0, dim])


def _nbytes(problem: Problem, groups: Sequence[Group]) -> float:
    graph, costs = problem.graph, problem.costs
    ops = [problem.argument_ops[name] for group in groups for name in group.names]
    values = [graph.ops[op].results[0] for op in ops]
    return float(sum(costs.value_bytes[value] * costs.value_weight[value] for value in values))


def _megatron_pairs(problem: Problem, axis: str, groups: Sequence[Group]) -> dict[Group, int]:
    parameters = tuple(g for g in groups if g.role == PARAMETER)
    trial = _PairTrial(problem, axis, parameters)
    found = trial.pairs(parameters)
    left = [g for g in parameters if len(g.names) > 1 and not trial.covered.issuperset(g.names)]
    everything = list(problem.argument_ops)
    singles = trial.pairs(split_groups(left, everything, lambda name: name))
    dims = {group.names[0]: dim for group, dim in singles.items()}
    for group in split_groups(left, everything, dims.get):
        if group.names[0] in dims:
            found[group] = dims[group.names[0]]
    return found


class _PairTrial:
    """Finds Megatron pairs by tiling one group at a time on a state of its own."""

    def __init__(self, problem: Problem, axis: str, parameters: Sequence[Group]) -> None:
        self.state = State(problem)
        self.axis = axis
        self.index = problem.mesh.axis_names.index(axis)
        self.covered: set[str] = set()
        self._group_of = {name: group for group in parameters for name in group.names}
        self._op_of = {name: problem.argument_ops[name] for name in self._group_of}
        self._products = [op for op in problem.graph.ops if op.primitive == "dot_general"]
        self._owner = self._owners()

    def pairs(self, units: Sequence[Group]) -> dict[Group, int]:
        """The groups of ``units`` that open a pair, and the dimension by which each does."""
        found: dict[Group, int] = {}
        for unit in units:
            if not unit.is_matrix or self.covered.intersection(unit.names):
                continue
            options = [(d, *option) for d in unit.dims if (option := self._try(unit, d))]
            if options:
                dim, _, reached = min(options, key=lambda option: option[1])
                found[unit] = dim
                self.covered |= reached
        return found

    def _try(self, unit: Group, dim: int) -> tuple[float, set[str]] | None:
        """Seconds of communication and the parameters reached if tiling ``unit`` opens pairs, else ``None``."""
        if not can_tile(self.state, unit, dim, self.axis):
            return None
        ops = self.state.problem.matching(unit.pattern)
        self.state.apply(self.state.steps([(TILE, int(op), dim, self.index) for op in ops]))
        tiled = self.state.marks.tile[list(self._op_of.values()), self.index] >= 0
        reached = {name for name, hit in zip(self._op_of, tiled, strict=True) if hit}
        pair = self._is_pair(unit, reached)
        seconds = float(self.state.metrics()[COMMUNICATION_S]) if pair else 0.0
        self.state.undo()
        return (seconds, reached) if pair else None

    def _is_pair(self, unit: Group, reached: set[str]) -> bool:
        """Whether each member has its pair: few groups, all of them or one each, two of them matrices, one summed."""
        groups = {self._group_of[name] for name in reached}
        if not 2 <= len(reached) / len(unit.names) <= _MOST_IN_A_PAIR or reached & self.covered:
            return False
        if len(unit.names) > 1 and not all(reached.issuperset(group.names) for group in groups):
            return False
        if sum(self._group_of[name].is_matrix for name in reached) < 2 * len(unit.names):
            return False
        return any(self._sums_a_weight(op, reached) for op in self._products)

    def _sums_a_weight(self, op: Op, reached: set[str]) -> bool:
        factor = self.state.marks.tile[op.index, self.index]
        if factor < 0 or self.state.problem.rules[op.index].factors[factor].kind is not Kind.SUM:
            return False
        return any(isinstance(o, int) and self._owner.get(o) in reached for o in op.operands)

    def _owners(self) -> dict[int, str]:
        """Value -> the parameter that it is, or is a cast or rearrangement of."""
        graph, tables = self.state.problem.graph, self.state.problem.tables
        owner = {a.value: a.name for a in graph.arguments if a.name in self._group_of}
        for op in graph.ops:
            source = op.operands[0] if op.operands and tables.weight_like[op.results[0]] else None
            if isinstance(source, int) and source in owner:
                owner[op.results[0]] = owner[source]
        return owner
