"""Ops that propagation left as they are because neighbours ask them for several factors on one axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program import ARGUMENT, NAME, source_line
from autopart.sharding import FlatProgram, Int8Array, Int32Array, Int64Array, Marks, divides
from autopart.sharding.kernel import kernel


@dataclass(frozen=True)
class Conflict:
    """An op that neighbours ask for several factors on an axis, each of which could tile it; it stays as it is.

    An op that is tiled is in none, whatever its neighbours ask for: there data is moved (resharded).

    Attributes:
        op, axis: which.
        factors: the factors, ascending.
    """

    op: int
    axis: int
    factors: tuple[int, ...]


@kernel
def _asked_bits(tables: FlatProgram, marks: Marks, sizes: Int64Array, op: int, axis: int) -> int:
    """A bit for each of the first 62 factors of an op that neighbours ask for on an axis and that it can tile."""
    bits = 0
    for e in range(tables.edge_ptr[op], tables.edge_ptr[op + 1]):
        theirs = marks.tile[tables.edge_op[e], axis]
        ours = tables.take[tables.take_ptr[e] + theirs] if theirs >= 0 else -1
        if 0 <= ours < 62 and not (bits >> ours) & 1:
            at = tables.factor_ptr[op] + ours
            if divides(
                marks.tile, marks.order, marks.n_tiled, sizes, op, ours, tables.factor_size[at], tables.factor_fits[at],
                axis,
            ):  # fmt: skip
                bits |= 1 << int(ours)
    return bits


@kernel
def _find(
    tables: FlatProgram,
    marks: Marks,
    sizes: Int64Array,
    able: Int8Array,
    ops: Int32Array,
    axes: Int32Array,
    bits: Int64Array,
) -> int:
    """Lists ops in conflict with their axis and what they are asked for; returns how many."""
    count = 0
    for op in range(able.shape[0]):
        if able[op] == 0 or marks.n_tiled[op] == marks.tile.shape[1]:
            continue
        for axis in range(marks.tile.shape[1]):
            if marks.tile[op, axis] >= 0 or (marks.atomic[op] >> axis) & 1:
                continue
            asked = _asked_bits(tables, marks, sizes, op, axis)
            if asked & (asked - 1):
                ops[count], axes[count], bits[count] = op, axis, asked
                count += 1
    return count


class Conflicts:
    """Finds the conflicts in the states of a problem; arguments and named values are in none, for tactics name them.

    ``places``: what is known of ``place`` already, for a program that has left behind where it was written.
    """

    def __init__(self, problem: Problem, places: Sequence[str] = ()) -> None:
        count = len(problem.graph.ops) * len(problem.mesh.axes)
        self._problem, self._places = problem, dict(enumerate(places))
        self._able = np.array(
            [op.primitive not in (ARGUMENT, NAME) and len(rule.factors) > 1
             for op, rule in zip(problem.graph.ops, problem.rules, strict=True)], np.int8,
        )  # fmt: skip
        self._ops, self._axes = np.zeros(count, np.int32), np.zeros(count, np.int32)
        self._bits = np.zeros(count, np.int64)

    def of(self, state: State) -> list[Conflict]:
        """Every op in conflict that an action could still tile, in program order."""
        problem = state.problem
        count = _find(problem.tables, state.marks, problem.sizes, self._able, self._ops, self._axes, self._bits)
        rows = zip(self._ops[:count].tolist(), self._axes[:count].tolist(), self._bits[:count].tolist(), strict=True)
        return [Conflict(op, axis, tuple(f for f in range(62) if bits >> f & 1)) for op, axis, bits in rows]

    def place(self, op: int) -> str:
        """What a tactic calls an op that has no name: the function it was written in, its primitive and its rule.

        Ops of equal layers have one name between them. Nothing of it depends on lines or files.
        """
        if op not in self._places:
            graph = self._problem.graph
            line = source_line(graph.ops[op].source_info)
            function = line[line.rindex("(") + 1 : -1] if line.endswith(")") else ""
            self._places[op] = f"{function}: {graph.ops[op].primitive}: {self._problem.rules[op].text()}"
        return self._places[op]

    def places(self) -> tuple[str, ...]:
        """That of every op."""
        return tuple(self.place(op) for op in range(len(self._problem.graph.ops)))


def conflicts_of(problem: Problem) -> Conflicts:
    """What finds the conflicts of a problem; made once."""
    if Conflicts not in problem.found:
        problem.found[Conflicts] = Conflicts(problem)
    found: Conflicts = problem.found[Conflicts]
    return found
