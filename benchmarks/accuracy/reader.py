"""What optimised HLO says: its collectives by kind, mesh axes and full bytes, and its cycles."""

from __future__ import annotations

import math
import re
from collections import Counter

import numpy as np
import numpy.typing as npt

from autopart.benchmarks.accuracy.hlo import Instruction, Module
from autopart.costmodel.mesh import Mesh
from autopart.emit.lower import CollectiveKey
from autopart.emit.replica_groups import DeviceMesh, groups_of_rows, joined_groups
from autopart.emit.stablehlo import groups_of_axes

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
_ROWS = re.compile(r"replica_groups=\{((?:\{[\d,]*\},?)*)\}")
_IOTA = re.compile(r"replica_groups=\[([\d,]+)\]<=\[([\d,]+)\](?:T\(([\d,]+)\))?")
_MESH = re.compile(
    r"replica_groups=mesh\[([^\]]*)\]"
    r"(?:, device_ids=\((?:\[([\d,]+)\](?:T\(([\d,]+)\))?|([\d,]+))\))? \{([^}]*)\}"
)
_PAIRS = re.compile(r"source_target_pairs=\{((?:\{\d+,\d+\},?)*)\}")
_SUB_AXIS = re.compile(r"'([^']+)'(?::\((\d+)\)(\d+))?")

NO_ESTIMATE = 2**62
"""Cycles from here on mean that the compiler has no estimate: it writes the largest number that there is."""

UNKNOWN_AXES = "?"
"""What stands for the axes of groups that no set of mesh axes makes."""


def collectives(module: Module, mesh: Mesh, *, executed: bool = False) -> Counter[CollectiveKey]:
    """The collectives of a module, one for each array; in a loop's body once, or, if executed, once a trip.

    Bytes are those of the array in full along the axes, of the dtype in which it travels. What makes the text
    hard to count:

    - A fusion may clone one collective into several bodies that share a channel: each channel counts once there.
    - A reduce_scatter may stand as an ``all-reduce`` in a computation ``all-reduce-scatter``.
    - A start and its done are one collective, and the result of a start holds the operand too.
    - Collectives of several arrays that the compiler combined have tuples of results: one for each.
    """
    axes_of, found, clones = groups_of_axes(mesh), Counter[CollectiveKey](), set[tuple[str, str]]()
    for instruction, times in module.instructions():
        kind = instruction.opcode.removesuffix("-start")
        if kind not in KINDS:
            continue
        if instruction.computation.startswith("async_collective_fusion"):
            clone = instruction.opcode, _channel(instruction)
            if clone in clones:
                continue
            clones.add(clone)
        members = groups(instruction, mesh.size)
        axes = axes_of.get(members, (UNKNOWN_AXES,))
        if not axes or max(map(len, members), default=1) == 1:  # A collective of one device moves nothing.
            continue
        if instruction.computation.startswith("all-reduce-scatter"):
            kind = "reduce-scatter"
        for nbytes in _full_bytes(instruction, kind, max(map(len, members))):
            found[kind.replace("-", "_"), axes, nbytes] += times if executed else 1
    return found


def _channel(instruction: Instruction) -> str:
    found = re.search(r"channel_id=(\d+)", instruction.attributes)
    return found.group(1) if found else instruction.name


def _full_bytes(instruction: Instruction, kind: str, members: int) -> list[int]:
    """Bytes in full along the axes, of each array that the collective moves."""
    results = [array.nbytes for array in instruction.results if array.shape or array.dtype != "u32"]
    if instruction.opcode in ("all-gather-start", "collective-permute-start"):
        results = results[len(results) // 2 :]
    if kind == "all-to-all" and len(results) > 1:  # One array in slices, a result for each member of the group.
        assert len(results) % members == 0, instruction
        results = [sum(results[at : at + members]) for at in range(0, len(results), members)]
    if kind in ("all-to-all", "collective-permute"):
        return [nbytes * members for nbytes in results]
    if kind == "reduce-scatter" and instruction.opcode != "all-reduce":
        return [nbytes * members for nbytes in results]
    return results


def groups(instruction: Instruction, devices: int) -> frozenset[frozenset[int]]:
    """The groups of devices that a collective joins, whichever way they are written."""
    text = instruction.attributes
    if found := _PAIRS.search(text):
        pairs = [[int(x) for x in pair.split(",")] for pair in re.findall(r"\{(\d+,\d+)\}", found.group(1))]
        joined = joined_groups(np.array(pairs))
        return joined | {frozenset((d,)) for d in range(devices) if not any(d in group for group in joined)}
    if found := _ROWS.search(text):
        rows = [[int(x) for x in row.split(",")] for row in re.findall(r"\{([\d,]+)\}", found.group(1))]
        return groups_of_rows(rows or [list(range(devices))])
    if found := _IOTA.search(text):
        ids = _numbered(_sizes(found.group(2)), found.group(3))
        return groups_of_rows(ids.reshape(_sizes(found.group(1))).tolist())
    found = _MESH.search(text)
    assert found, f"replica groups in a form that is not known: {text[:200]}"
    mesh, grid, order, listed, axes = found.groups()
    ids = np.array(_sizes(listed)) if listed else _numbered(_sizes(grid) if grid else (devices,), order)
    sizes = {name: int(size) for name, size in re.findall(r"'([^']+)'=(\d+)", mesh)}
    chosen = _SUB_AXIS.findall(axes)
    return DeviceMesh(sizes, tuple(ids.tolist())).groups(
        (name, (int(before), int(own)) if before else None) for name, before, own in chosen
    )


def _numbered(shape: tuple[int, ...], order: str | None) -> npt.NDArray[np.int64]:
    """Device numbers in order, or in that of a transposed grid: ``[4,2]T(1,0)``."""
    grid = np.arange(math.prod(shape)).reshape(shape)
    return (grid.transpose(_sizes(order)) if order else grid).ravel()


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split(","))


def cycles(module: Module) -> float:
    """Cycles of a step as the TPU compiler estimates them, loops by their trips; collectives have no estimate."""
    total = 0.0
    for instruction, times in module.instructions():
        window = instruction.backend_config.get("window_config", {})
        estimate = int(window.get("estimated_cycles", 0))
        total += times * (estimate if estimate < NO_ESTIMATE else 0)
    return total
