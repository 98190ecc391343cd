"""The table of sharding rules: primitive name to rule, one line each family."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType

from autopart.graph import ARGUMENT, Graph, Op
from autopart.rules import contraction, indexing, pointwise, reduction, shaping
from autopart.rules.context import Context
from autopart.rules.rule import Kind, Rule, letters, make, replicated

RuleFn = Callable[[Context], Rule]

RULES: Mapping[str, RuleFn] = MappingProxyType(
    {
        **dict.fromkeys(pointwise.NONLINEAR, pointwise.nonlinear),
        **dict.fromkeys(pointwise.LINEAR_IN_FIRST, pointwise.linear_in_first),
        **dict.fromkeys(pointwise.JOINT, pointwise.joint),
        "argmax": reduction.arg_reduce,
        "argmin": reduction.arg_reduce,
        "broadcast_in_dim": shaping.broadcast_in_dim,
        "concatenate": shaping.concatenate,
        "convert_element_type": pointwise.convert,
        "cumlogsumexp": reduction.along("axis"),
        "cummax": reduction.along("axis"),
        "cummin": reduction.along("axis"),
        "cumprod": reduction.along("axis"),
        "cumsum": reduction.along("axis"),
        "div": pointwise.linear_in_first,
        "dot_general": contraction.dot_general,
        "dynamic_slice": indexing.dynamic_slice,
        "dynamic_update_slice": indexing.dynamic_update_slice,
        "expand_dims": shaping.expand_dims,
        "gather": indexing.gather,
        "iota": shaping.iota,
        "mul": pointwise.mul,
        "pad": shaping.pad,
        "reduce_and": reduction.reduce(Kind.AND),
        "reduce_max": reduction.reduce(Kind.MAX),
        "reduce_min": reduction.reduce(Kind.MIN),
        "reduce_or": reduction.reduce(Kind.OR),
        "reduce_sum": reduction.reduce(Kind.SUM),
        "reshape": shaping.reshape,
        "rev": shaping.rev,
        "scatter-add": indexing.scatter_add,
        "select_n": pointwise.select,
        "slice": shaping.slice_,
        "sort": reduction.along("dimension"),
        "split": shaping.split,
        "squeeze": shaping.squeeze,
        "transpose": shaping.transpose,
    }
)


def rule_of(graph: Graph, op: Op) -> Rule:
    """The rule of one op at its shapes; a primitive that is not in the table is replicated."""
    context = Context.of(graph, op)
    if op.primitive == ARGUMENT:
        return make((), context.out_shapes, [], [letters(len(context.out_shapes[0]))])
    if op.primitive not in RULES:
        return replicated(context.in_shapes, context.out_shapes)
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
               literals, _params_key(op))  # fmt: skip
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


def _params_key(op: Op) -> str:
    relevant = ("axes", "axis", "dimension", "dimensions", "dimension_numbers", "broadcast_dimensions",
                "permutation", "padding_config", "slice_sizes", "mode", "sizes")  # fmt: skip
    return repr([op.params.get(name) for name in relevant])
