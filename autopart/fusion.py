"""What the compiler will fuse, as far as memory traffic and liveness need to know; static per program.

Pointwise ops join the group of their readers when all of them are in one group; a reduction ends a
group; everything else is a group of its own. Transposes, reshapes and casts of weights are taken as free:
compilers fold them into what reads them. A value is *materialised* when it leaves its group. What enters a loop,
and a slice of what it scans, lives in the buffer outside; what it stacks is written to its place at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autopart.graph import ENTER, LOOP_CARRY, SCAN_SLICE, WHILE, Graph, Literal, Op
from autopart.rules import pointwise
from autopart.tables import Bytes, Ints, last_reads

FREE = ("transpose", "reshape", "squeeze", "copy", "optimization_barrier", "stop_gradient")
FUSIBLE = frozenset(
    (*pointwise.NONLINEAR, *pointwise.LINEAR_IN_FIRST, *pointwise.JOINT, "mul", "div", "select_n",
     "convert_element_type", "broadcast_in_dim", "iota", "slice", "pad", "concatenate", "rev")
)  # fmt: skip
_REDUCTIONS = frozenset(("reduce_sum", "reduce_max", "reduce_min", "reduce_or", "reduce_and", "argmax", "argmin"))


@dataclass(frozen=True)
class Fusion:
    """Groups of ops that run as one.

    Attributes:
        position: (ops,) index of the last op of the op's group: when the group runs.
        materialised: (values,) whether the value has a buffer of its own.
        last_position: (values,) position of the last group that reads it (-1: none does).
        first_read: (operand slots,) 1 for the first read of a materialised value within a group.
    """

    position: Ints
    materialised: Bytes
    last_position: Ints
    first_read: Bytes


def fuse(graph: Graph, weight_like: Bytes) -> Fusion:
    """Groups the ops of ``graph``.

    A free op takes over the buffer of an operand that it alone reads (a product written transposed);
    of any other operand (a weight, a saved activation) it is an alias and keeps the operand alive.
    """
    readers: list[list[int]] = [[] for _ in graph.values]
    reads: list[list[int]] = [[] for _ in graph.values]
    until = iter(last_reads(graph).tolist())
    for op in graph.ops:
        for operand in op.operands:
            if not isinstance(operand, Literal):
                readers[operand].append(op.index)
                reads[operand].append(next(until))
    outputs = {output.value for output in graph.outputs}
    alias = np.array([_is_alias(op, readers, outputs, weight_like) for op in graph.ops])
    taken_over = {
        op.operands[0] for op in graph.ops if op.primitive in FREE and not alias[op.index]
    }  # fmt: skip
    position = np.arange(len(graph.ops), dtype=np.int32)
    materialised = np.zeros(len(graph.values), np.int8)
    last = np.full(len(graph.values), -1, np.int32)
    for op in reversed(graph.ops):
        for result in op.results:
            for reader, read in zip(readers[result], reads[result], strict=True):
                through = last[graph.ops[reader].results[0]] if alias[reader] else -1
                last[result] = max(last[result], through, position[read])
        home = _common_group(graph, op, readers, position) if op.primitive in FUSIBLE else -1
        if home >= 0:
            position[op.index] = home
        inside = alias[op.index] or home >= 0 or op.primitive == "iota"
        for result in op.results:
            materialised[result] = result in outputs or not (inside or result in taken_over)
        if op.primitive == LOOP_CARRY and graph.controls[op.control].kind == WHILE:
            materialised[op.results[0]] = 0  # The test looks at the body's buffer.
    return Fusion(position, materialised, last, _first_reads(graph, position, alias, materialised))


def _is_alias(op: Op, readers: list[list[int]], outputs: set[int], weight_like: Bytes) -> bool:
    """Whether the op's result lives in its operand's buffer."""
    if not op.operands or isinstance(op.operands[0], Literal):
        return False
    if op.primitive in (ENTER, SCAN_SLICE):
        return True
    if weight_like[op.results[0]]:
        return op.primitive in FREE or op.primitive == "convert_element_type"
    source = op.operands[0]
    return op.primitive in FREE and (len(readers[source]) > 1 or source in outputs)


def _common_group(graph: Graph, op: Op, readers: list[list[int]], position: Ints) -> int:
    """The one group that reads all results of ``op``, or -1."""
    group = -1
    for result in op.results:
        for reader in readers[result]:
            primitive = graph.ops[reader].primitive
            if primitive not in FUSIBLE and primitive not in _REDUCTIONS and primitive not in FREE:
                return -1
            if group >= 0 and position[reader] != group:
                return -1
            group = int(position[reader])
    return group


def _first_reads(graph: Graph, position: Ints, alias: npt.NDArray[np.bool_], materialised: Bytes) -> Bytes:
    """Marks one read a group of each value that has a buffer; an alias is read where its result is."""
    source = np.arange(len(graph.values), dtype=np.int32)
    seen: set[tuple[int, int]] = set()
    flags = []
    for op in graph.ops:
        for operand in op.operands:
            if isinstance(operand, Literal):
                continue
            if alias[op.index]:
                source[op.results[0]] = source[operand]
            key = (int(source[operand]), int(position[op.index]))
            flags.append(not alias[op.index] and key not in seen and materialised[source[operand]])
            if not alias[op.index]:
                seen.add(key)
    return np.array(flags, np.int8)
