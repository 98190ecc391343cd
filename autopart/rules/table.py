"""The table of sharding rules: primitive name to rule, one line each family."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from autopart.canonical import params_text
from autopart.graph import ARGUMENT, Graph, Op
from autopart.rules import contraction, indexing, pointwise, reduction, shaping
from autopart.rules.context import Context
from autopart.rules.rule import Kind, Linear, Rule, letters, make, replicated

RuleFn = Callable[[Context], Rule]

RULES: Mapping[str, RuleFn] = MappingProxyType(
    {
        **dict.fromkeys(pointwise.NONLINEAR, pointwise.nonlinear),
        **dict.fromkeys(pointwise.LINEAR_IN_FIRST, pointwise.linear_in_first),
        **dict.fromkeys(pointwise.JOINT, pointwise.joint),
        "argmax": reduction.arg_reduce,
        "argmin": reduction.arg_reduce,
        "bitcast_convert_type": shaping.bitcast,
        "broadcast_in_dim": shaping.broadcast_in_dim,
        "cholesky": reduction.leading(2),
        "concatenate": shaping.concatenate,
        "conv_general_dilated": contraction.convolution,
        "convert_element_type": pointwise.convert,
        "cumlogsumexp": reduction.along("axis"),
        "cummax": reduction.along("axis"),
        "cummin": reduction.along("axis"),
        "cumprod": reduction.along("axis"),
        "cumsum": reduction.along("axis"),
        "div": pointwise.div,
        "dot_general": contraction.dot_general,
        "dynamic_slice": indexing.dynamic_slice,
        "dynamic_update_slice": indexing.dynamic_update_slice,
        "eigh": reduction.leading(2),
        "expand_dims": shaping.expand_dims,
        "fft": reduction.fft,
        "gather": indexing.gather,
        "iota": shaping.iota,
        "lu": reduction.leading(2),
        "mul": pointwise.mul,
        "pad": shaping.pad,
        "qr": reduction.leading(2),
        "reduce": reduction.reduce_by_function,
        "reduce_and": reduction.reduce(Kind.AND),
        "reduce_max": reduction.reduce(Kind.MAX),
        "reduce_min": reduction.reduce(Kind.MIN),
        "reduce_or": reduction.reduce(Kind.OR),
        "reduce_prod": reduction.reduce(None),
        "reduce_sum": reduction.reduce(Kind.SUM),
        "reduce_window": reduction.reduce_window(),
        "reduce_window_max": reduction.reduce_window(),
        "reduce_window_min": reduction.reduce_window(),
        "reduce_window_sum": reduction.reduce_window(Linear.EACH),
        "reduce_xor": reduction.reduce(None),
        "reshape": shaping.reshape,
        "rev": shaping.rev,
        "scatter": indexing.scatter(None),
        "scatter-add": indexing.scatter(Kind.SUM),
        "scatter-max": indexing.scatter(Kind.MAX),
        "scatter-min": indexing.scatter(Kind.MIN),
        "scatter-mul": indexing.scatter(None),
        "scatter-sub": indexing.scatter(Kind.SUM),
        "select_and_gather_add": reduction.reduce_window(),
        "select_and_scatter_add": reduction.select_and_scatter,
        "select_n": pointwise.select,
        "slice": shaping.slice_,
        "sort": reduction.along("dimension"),
        "split": shaping.split,
        "squeeze": shaping.squeeze,
        "stack": shaping.stack,
        "svd": reduction.leading(2),
        "tile": shaping.tile,
        "top_k": reduction.along("axis"),
        "transpose": shaping.transpose,
        "triangular_solve": reduction.leading(2),
        "unstack": shaping.unstack,
    }
)


def rule_of(graph: Graph, op: Op) -> Rule:
    """The rule of one op at its shapes; a primitive that is not in the table is replicated."""
    context = Context.of(graph, op)
    dtypes = (*context.in_dtypes, *context.out_dtypes)
    if (op.primitive not in RULES and op.primitive != ARGUMENT) or not all(isinstance(d, np.dtype) for d in dtypes):
        return replicated(context.in_shapes, context.out_shapes)  # Random keys are no plain arrays: kept whole.
    if op.primitive == ARGUMENT:
        return make((), context.out_shapes, [], [letters(len(context.out_shapes[0]))])
    return RULES[op.primitive](context)


def rules_of(graph: Graph) -> tuple[Rule, ...]:
    """The rules of all ops; equal ops share one; unknown primitives are named once each in a warning."""
    memo: dict[tuple[object, ...], Rule] = {}
    unknown: dict[str, Op] = {}
    rules: list[Rule] = []
    for op in graph.ops:
        context = Context.of(graph, op)
        literals = tuple((i, str(o.value)) for i, o in enumerate(op.operands) if not isinstance(o, int))
        key = (op.primitive, context.in_shapes, context.out_shapes, context.in_dtypes, context.out_dtypes,
               literals, params_text(op.params))  # fmt: skip
        if key not in memo:
            memo[key] = rule_of(graph, op)
        rules.append(memo[key])
        if op.primitive not in RULES and op.primitive != ARGUMENT:
            unknown.setdefault(op.primitive, op)
    for name, op in unknown.items():
        warnings.warn(
            f"no sharding rule for primitive '{name}' (first at {graph.source_line(op)}): it is kept whole and "
            f"replicated. To partition it, add a rule for '{name}' to autopart/rules/table.py.",
            stacklevel=2,
        )
    return tuple(rules)
