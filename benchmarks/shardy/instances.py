"""Ops as they stand in programs, each lowered to StableHLO by itself."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from autopart.benchmarks.primitives import LINES, array
from autopart.emit.localise import bind
from autopart.program.canonical import params_text
from autopart.program.graph import ARGUMENT, BOUNDARY, Graph, Literal
from autopart.program.trace import trace
from autopart.sharding.rules import pointwise
from autopart.sharding.rules.op_context import Context, family
from autopart.sharding.rules.rule import Rule
from autopart.sharding.rules.table import rules_of


@dataclass(frozen=True)
class Instance:
    """One op at its shapes and parameters.

    Attributes:
        context: the op, and the shapes and dtypes around it.
        rule: its rule in our table.
        arrays: positions of its operands that are no literals: what its function takes.
    """

    context: Context
    rule: Rule
    arrays: tuple[int, ...]

    @property
    def primitive(self) -> str:
        """Name of the op's primitive."""
        return self.context.op.primitive

    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of what its function takes, then of what it returns."""
        return (*(self.context.in_shapes[i] for i in self.arrays), *self.context.out_shapes)

    def lowered(self) -> str:
        """The text of a StableHLO module of the op alone, lowered for CPUs."""
        given = [jax.ShapeDtypeStruct(self.context.in_shapes[i], self.context.in_dtypes[i]) for i in self.arrays]
        step = jax.jit(self._run, keep_unused=True).trace(*given)
        module = step.lower(lowering_platforms=("cpu",)).compiler_ir("stablehlo")
        return str(module.operation.get_asm())

    def _run(self, *arrays: Any) -> list[Any]:
        op, given = self.context.op, iter(arrays)
        operands = [np.asarray(o.value, o.dtype) if isinstance(o, Literal) else next(given) for o in op.operands]
        if op.bind is None:  # A barrier, which binds its members together.
            return list(jax.lax.optimization_barrier(operands))
        return bind(op, operands, op.params)


def line_graphs() -> Iterator[Graph]:
    """The programs of `benchmarks.primitives`, traced, and some of what is kept whole."""
    for fn, args, _ in LINES.values():
        yield trace(fn, *args)
    for reduce in (jax.lax.reduce_and, jax.lax.reduce_or):
        yield trace(functools.partial(reduce, axes=(0,)), array(8, 16, dtype=np.int32))
    yield trace(lambda key: jax.lax.rng_bit_generator(key, (8, 16)), array(4, dtype=np.uint32))


def instances(graphs: Iterable[Graph]) -> list[Instance]:
    """Every op once that works on plain arrays; borders of loops and conditions are no ops of XLA's.

    Ops that treat all sizes alike count as one where only sizes differ.
    """
    found: dict[tuple[object, ...], Instance] = {}
    for graph in graphs:
        for op, rule in zip(graph.ops, rules_of(graph), strict=True):
            context = Context.of(graph, op)
            if op.primitive not in (ARGUMENT, *BOUNDARY) and _is_plain(context):
                arrays = tuple(i for i, operand in enumerate(op.operands) if not isinstance(operand, Literal))
                found.setdefault(_key(context), Instance(context, rule, arrays))
    return list(found.values())


def _is_plain(context: Context) -> bool:
    """Random keys are no arrays of XLA's, and numbers have no dimensions."""
    dtypes, shapes = (*context.in_dtypes, *context.out_dtypes), (*context.in_shapes, *context.out_shapes)
    return all(isinstance(dtype, np.dtype) for dtype in dtypes) and any(size > 1 for shape in shapes for size in shape)


def _key(context: Context) -> tuple[object, ...]:
    op = context.op
    literals = tuple((i, str(o.value)) for i, o in enumerate(op.operands) if isinstance(o, Literal))
    shapes, dtypes = (*context.in_shapes, *context.out_shapes), (*context.in_dtypes, *context.out_dtypes)
    if op.primitive in _SIZES_ALIKE:
        return op.primitive, _broadcast(shapes), tuple(map(family, dtypes)), _without_types(op.params)
    return op.primitive, shapes, dtypes, literals, params_text(op.params)


_SIZES_ALIKE = frozenset(
    (
        *pointwise.NONLINEAR, *pointwise.LINEAR_IN_FIRST, *pointwise.JOINT, "broadcast_in_dim", "convert_element_type",
        "div", "dot_general", "mul", "reduce_max", "reduce_min", "reduce_sum", "select_n", "squeeze", "transpose",
    )
)  # fmt: skip
"""Primitives to which all sizes but 1, which is broadcast, are alike."""


def _broadcast(shapes: Iterable[Sequence[int]]) -> tuple[tuple[bool, ...], ...]:
    return tuple(tuple(size == 1 for size in shape) for shape in shapes)


def _without_types(params: Mapping[str, Any]) -> str:
    kept = {name: value for name, value in params.items() if name != "shape" and "type" not in name}
    return params_text(kept)
