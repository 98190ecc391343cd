"""Collectives as they stand in lowered StableHLO: the judge of what the search priced."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from typing import Any, TypeAlias

import jax
import numpy as np

from autopart.costmodel.mesh import Mesh
from autopart.emit.lower import CollectiveKey, Program
from autopart.emit.replica_groups import DeviceGroups, DeviceMesh, groups_of_attribute, groups_of_rows, joined_groups
from autopart.partitioning import abstract_mesh

Groups: TypeAlias = dict[DeviceGroups, tuple[str, ...]]
"""Mesh axes by the groups of devices that they join."""

_KINDS = ("all_gather", "all_reduce", "reduce_scatter", "all_to_all", "collective_permute")


def lowered_collectives(program: Program) -> Counter[CollectiveKey]:
    """Lowers the explicit program at full size, without devices, and counts its collectives."""
    from autopart.emit.spmd import spmd

    graph = program.problem.graph
    leaves = [
        jax.ShapeDtypeStruct(graph.values[a.value].shape, graph.values[a.value].dtype)
        for a in graph.arguments
        if a.constant is None
    ]
    args = jax.tree.unflatten(graph.in_tree, leaves)
    step = jax.jit(spmd(program, abstract_mesh(program.problem.mesh)))
    module = step.trace(*args).lower(lowering_platforms=("cpu",)).compiler_ir("stablehlo")
    return count_collectives(module, program.problem.mesh)


def count_collectives(module: Any, mesh: Mesh) -> Counter[CollectiveKey]:
    """Counts the collectives of a StableHLO module by kind, mesh axes and full bytes."""
    return _Counting(module, groups_of_axes(mesh)).within("main")


class _Counting:
    """Counts function by function: one that is called twice stands for its collectives twice."""

    def __init__(self, module: Any, groups: Groups) -> None:
        self._functions = {op.attributes["sym_name"].value: op.operation for op in module.body.operations}
        self._meshes = {
            name: DeviceMesh.of_text(str(operation.attributes["mesh"]))
            for name, operation in self._functions.items()
            if operation.name == "sdy.mesh"
        }
        self._groups = groups
        self._known: dict[str, Counter[CollectiveKey]] = {}

    def within(self, function: str) -> Counter[CollectiveKey]:
        """The collectives of one run of a function's text; bodies of loops count once."""
        if function not in self._known:
            self._known[function] = self._count(self._functions[function])
        return self._known[function]

    def _count(self, top: Any) -> Counter[CollectiveKey]:
        found: Counter[CollectiveKey] = Counter()
        stack = [top]
        while stack:
            operation = stack.pop()
            kind = operation.name.removeprefix("stablehlo.")
            if kind in _KINDS and operation.name.startswith("stablehlo."):
                key = self._key(operation, kind)
                if key[1]:  # A collective on axes of one device moves nothing.
                    found[key] += 1
            elif operation.name == "func.call":
                found.update(self.within(operation.attributes["callee"].value))
            for region in operation.regions:
                for block in region:
                    stack.extend(inner.operation for inner in block)
        return found

    def _key(self, operation: Any, kind: str) -> CollectiveKey:
        if kind == "collective_permute":
            members = joined_groups(np.array(operation.attributes["source_target_pairs"]))
        else:
            members = groups_of_attribute(operation.attributes["replica_groups"], self._meshes)
        array = operation.results[0].type if kind == "all_gather" else operation.operands[0].type
        size = math.prod(array.shape) * _itemsize(str(array.element_type))
        if kind in ("all_to_all", "collective_permute"):
            size *= max(len(group) for group in members)
        return kind, self._groups[members], size


def _itemsize(element_type: str) -> int:
    """Bytes of an MLIR element type, as numpy stores it: narrow types take a byte."""
    inner = element_type.removeprefix("complex<").removesuffix(">")
    bits = re.match(r"[a-z]*(\d+)", inner)
    assert bits is not None, element_type
    return max(int(bits.group(1)), 8) // 8 * (2 if inner != element_type else 1)


def groups_of_axes(mesh: Mesh) -> Groups:
    """Which axes a set of replica groups spans, for every non-empty set of axes with more than one device."""
    grid = np.arange(mesh.size).reshape(mesh.axis_sizes)
    out: Groups = {frozenset(frozenset((i,)) for i in range(mesh.size)): ()}
    axes = [i for i, size in enumerate(mesh.axis_sizes) if size > 1]
    for count in range(1, len(axes) + 1):
        for chosen in itertools.combinations(axes, count):
            rest = [i for i in range(grid.ndim) if i not in chosen]
            rows = grid.transpose(*rest, *chosen).reshape(-1, math.prod(mesh.axis_sizes[i] for i in chosen))
            out[groups_of_rows(rows)] = tuple(mesh.axis_names[i] for i in chosen)
    return out
