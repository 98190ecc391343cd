"""Weights that are gathered again for each reader, kept apart from one another in the compiler's eyes.

A compiler merges equal collectives: of a weight that is gathered in the forward and again in the backward pass it would
keep the gathered copy in between, and the memory that the plan saves would be lost. So a gather that repeats an
earlier one waits for something that is known when the last product before it begins: it may run beside that product,
as it is priced, and not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jax import lax

from autopart.emit.lower import Move, Program
from autopart.program import ARGUMENT, Literal, Op
from autopart.sharding.rules import PRODUCTS


class Again:
    """What a region has gathered so far, and what its last product was made of."""

    def __init__(self, program: Program) -> None:
        self._graph, self._weight_like = program.problem.graph, program.problem.tables.weight_like
        self._gathered: set[tuple[int, tuple[str, ...], int]] = set()
        self._anchor: Any = None

    def runs(self, op: Op, operands: Sequence[Any]) -> None:
        """Notes what a product reads that is no weight."""
        if op.primitive in PRODUCTS:
            arrays = [
                array
                for operand, array in zip(op.operands, operands, strict=True)
                if not isinstance(operand, Literal) and not self._weight_like[operand] and array.size
            ]
            self._anchor = arrays[0] if arrays else self._anchor

    def held_back(self, move: Move, x: Any) -> Any:
        """``x`` as it is, or not before the last product begins if it has been gathered before."""
        if move.kind != "all_gather" or not self._weight_like[move.value]:
            return x
        key = (self._origin(move.value), move.axes, move.dim)
        if key not in self._gathered:
            self._gathered.add(key)
            return x
        if self._anchor is None:
            return x
        corner = lax.slice(self._anchor, (0,) * self._anchor.ndim, (1,) * self._anchor.ndim)
        return lax.optimization_barrier((x, corner))[0]

    def _origin(self, value: int) -> int:
        """The value that ``value`` is another writing of: an argument, or what a barrier lets through."""
        op = self._graph.ops[self._graph.values[value].producer]
        while op.primitive != ARGUMENT and op.barrier < 0 and isinstance(op.operands[0], int):
            value = op.operands[0]
            op = self._graph.ops[self._graph.values[value].producer]
        return value
