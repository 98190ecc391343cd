"""A traced program on a mesh: the immutable part that all partition states of it share."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from autopart.cost import Costs, Repeats, costs_of
from autopart.costmodel.mesh import Mesh
from autopart.errors import MeshError
from autopart.partitioning.argument_groups import Group, groups_of
from autopart.program import MEANINGFUL, Graph, paused_collection, select
from autopart.sharding import Int32Array
from autopart.sharding import flat_program as tables
from autopart.sharding.rules import Rule, rules_of


@dataclass(frozen=True)
class Problem:
    """A graph, its rules and its costs on a mesh.

    Attributes:
        graph: the traced program.
        mesh: the devices.
        rules: one sharding rule per op.
        tables: the program as flat arrays.
        costs: what the analysis needs.
        given_groups: the groups of a folded program, which are those of the whole one.
    """

    graph: Graph
    mesh: Mesh
    rules: tuple[Rule, ...]
    tables: tables.FlatProgram
    costs: Costs
    given_groups: tuple[Group, ...] | None = None

    @classmethod
    @paused_collection()
    def of(
        cls, graph: Graph, mesh: Mesh, groups: tuple[Group, ...] | None = None, repeats: Repeats | None = None
    ) -> Problem:
        """Prepares ``graph`` for partitioning over ``mesh``; of a folded program with what it stands for.

        Raises:
            MeshError: some axis of the mesh divides no dimension of any argument.
        """
        rules = rules_of(graph)
        flat = tables.build(graph, rules, mesh.axis_sizes)
        check_axes(graph, mesh)
        costs = costs_of(graph, rules, flat, mesh, repeats)
        return cls(graph, mesh, rules, flat._replace(until=costs.read_until), costs, groups)

    @property
    def sizes(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Devices on each mesh axis."""
        return self.costs.sizes

    @cached_property
    def argument_ops(self) -> dict[str, int]:
        """Argument name -> index of its op."""
        return {a.name: self.graph.values[a.value].producer for a in self.graph.arguments}

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Arguments that are decided together (see ``autopart.partitioning.argument_groups``)."""
        return groups_of(self.graph) if self.given_groups is None else self.given_groups

    @cached_property
    def stacked(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """(ops,) whether it is an argument that a loop takes apart along its first dimension."""
        found = np.zeros(len(self.graph.ops), np.bool_)
        found[[self.argument_ops[name] for group in self.groups if group.stacked for name in group.names]] = True
        return found

    @cached_property
    def found(self) -> dict[Hashable, Any]:
        """What named strategies found in the program; each looks once."""
        return {}

    @cached_property
    def _matching(self) -> dict[str, Int32Array]:
        return {}

    def matching(self, pattern: str) -> Int32Array:
        """Ops of the arguments that a pattern selects or, if it selects none, of the values named inside; found once.

        Raises:
            TacticError: it matches none.
        """
        if pattern not in self._matching:
            tags = self.graph.tags
            names = select(pattern, tuple(self.argument_ops), tuple(tags))
            ops = [op for name in names for op in (tags[name] if name not in self.argument_ops else ())]
            ops += [self.argument_ops[name] for name in names if name in self.argument_ops]
            self._matching[pattern] = np.array(ops, np.int32)
        return self._matching[pattern]

    @cached_property
    def tag_patterns(self) -> tuple[str, ...]:
        """The names given inside the program by which values of one rank may be tiled, none also an argument's."""
        tags, names = self.graph.tags, set(self.argument_ops)
        return tuple(
            tag for tag, ops in tags.items()
            if tag not in names and MEANINGFUL.isdisjoint(tag) and len({len(self.shape_of(op)) for op in ops}) == 1
        )  # fmt: skip

    def name_of(self, op: int) -> str:
        """What tactics call the result of an op: the argument's name, or the one given inside the program."""
        arguments = self.graph.arguments
        return arguments[op].name if op < len(arguments) else str(self.graph.ops[op].params["name"])

    def shape_of(self, op: int) -> tuple[int, ...]:
        """Shape of the first result of an op."""
        return self.graph.values[self.graph.ops[op].results[0]].shape


def check_axes(graph: Graph, mesh: Mesh) -> None:
    """Refuses a mesh that cannot be used.

    Raises:
        MeshError: some axis divides no dimension of any argument.
    """
    shapes = {argument.name: graph.values[argument.value].shape for argument in graph.arguments}
    for axis, size in mesh.axes.items():
        if size > 1 and not any(d and d % size == 0 for shape in shapes.values() for d in shape):
            largest = sorted(shapes.items(), key=lambda item: (-int(np.prod(item[1])), item[0]))[:3]
            listing = ", ".join(f"{name} {shape}" for name, shape in largest)
            raise MeshError(
                f"mesh axis '{axis}' of size {size} divides no dimension of any argument (the largest are "
                f"{listing}). Fix: choose an axis size that divides a dimension, or pad the arrays."
            )
