"""The table of sharding rules: primitive name to rule, one line each family."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from autopart.errors import RuleError
from autopart.program import ARGUMENT, Graph, Op, params_text
from autopart.sharding.rules import contraction, indexing, pointwise, reduction, shaping
from autopart.sharding.rules import control_flow as border
from autopart.sharding.rules.custom import CUSTOM_PARTITIONING, custom_partitioning
from autopart.sharding.rules.op_context import Context
from autopart.sharding.rules.registry import registered_rule
from autopart.sharding.rules.replicated import ALWAYS_REPLICATED, QUIET
from autopart.sharding.rules.rule import Kind, Linear, Rule, letters, make, replicated, within_bounds

RuleFn = Callable[[Context], Rule]

RULES: Mapping[str, RuleFn] = MappingProxyType(
    {
        **dict.fromkeys(pointwise.NONLINEAR, pointwise.nonlinear),
        **dict.fromkeys(pointwise.LINEAR_IN_FIRST, pointwise.linear_in_first),
        **dict.fromkeys(pointwise.JOINT, pointwise.joint),
        "approx_top_k": reduction.along("reduction_dimension"),
        "argmax": reduction.arg_reduce,
        "argmin": reduction.arg_reduce,
        "bitcast_convert_type": shaping.bitcast,
        "branch_join": border.same,
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
        "eig": reduction.leading(2),
        "eigh": reduction.leading(2),
        "empty": shaping.iota,
        "enter": border.same,
        "fft": reduction.fft,
        "gather": indexing.gather,
        "geqp3": reduction.leading(2),
        "geqrf": reduction.leading(2),
        "hessenberg": reduction.leading(2),
        "householder_product": reduction.leading(2),
        "iota": shaping.iota,
        "loop_carry": border.same,
        "lu": reduction.leading(2),
        "lu_pivots_to_permutation": reduction.leading(1),
        "mul": pointwise.mul,
        "ormqr": reduction.leading(2),
        "pad": shaping.pad,
        "qr": reduction.leading(2),
        "ragged_dot_general": contraction.ragged_dot,
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
        "scaled_dot": contraction.scaled_dot,
        "scan_slice": border.scan_slice,
        "scan_stack": border.scan_stack,
        "scatter": indexing.scatter(None),
        "scatter-add": indexing.scatter(Kind.SUM),
        "scatter-max": indexing.scatter(Kind.MAX),
        "scatter-min": indexing.scatter(Kind.MIN),
        "scatter-mul": indexing.scatter(None),
        "scatter-sub": indexing.scatter(Kind.SUM),
        "schur": reduction.leading(2),
        "select_and_gather_add": reduction.reduce_window(),
        "select_and_scatter": reduction.unmoved_windows,
        "select_and_scatter_add": reduction.select_and_scatter,
        "select_n": pointwise.select,
        "slice": shaping.slice_,
        "sort": reduction.along("dimension"),
        "split": shaping.split,
        "squeeze": shaping.squeeze,
        "stack": shaping.stack,
        "svd": reduction.leading(2),
        "symmetric_product": reduction.leading(2),
        "tile": shaping.tile,
        "top_k": reduction.along("axis"),
        "transpose": shaping.transpose,
        "triangular_solve": reduction.triangular_solve,
        "tridiagonal": reduction.leading(2),
        "tridiagonal_solve": reduction.tridiagonal_solve,
        "unstack": shaping.unstack,
    }
)


def rule_of(graph: Graph, op: Op) -> Rule:
    """The rule of one op at its shapes; a primitive that has none is replicated.

    Raises:
        RuleError: the rule that the user gave does not fit the op's shapes.
    """
    context = Context.of(graph, op)
    return _rule(context) or replicated(context.in_shapes, context.out_shapes)


def _rule(context: Context) -> Rule | None:
    """The rule of an op, from the table, its own parameters or the registry; ``None`` if there is none."""
    primitive = context.op.primitive
    if primitive == ARGUMENT:
        plain = isinstance(context.out_dtypes[0], np.dtype)
        return make((), context.out_shapes, [], [letters(len(context.out_shapes[0]))]) if plain else None
    if not all(isinstance(dtype, np.dtype) for dtype in (*context.in_dtypes, *context.out_dtypes)):
        # Random keys are no plain arrays: kept whole.
        return replicated(context.in_shapes, context.out_shapes) if primitive in RULES else None
    if primitive == CUSTOM_PARTITIONING:
        return custom_partitioning(context)
    registered = registered_rule(primitive)
    if registered is not None:
        return registered.rule(context)
    return RULES[primitive](context) if primitive in RULES else None


MOST_HALO = 2**31 - 1
"""The most elements that one exchange brings beside a tile: a row of ``layout.Layout.moves`` has 32 bits for them."""


def rules_of(graph: Graph) -> tuple[Rule, ...]:
    """The rules of all ops; equal ops share one; primitives without one are named once each in a warning."""
    memo: dict[tuple[object, ...], Rule | None] = {}
    unknown: dict[str, Op] = {}
    rules: list[Rule] = []
    for op in graph.ops:
        context = Context.of(graph, op)
        literals = tuple((i, str(o.value)) for i, o in enumerate(op.operands) if not isinstance(o, int))
        key = (op.primitive, context.in_shapes, context.out_shapes, context.in_dtypes, context.out_dtypes,
               literals, params_text(op.params))  # fmt: skip
        if key not in memo:
            memo[key] = _located(graph, context)
        rule = memo[key]
        if rule is None and op.primitive != ARGUMENT and op.primitive not in QUIET:
            unknown.setdefault(op.primitive, op)
        rules.append(rule or replicated(context.in_shapes, context.out_shapes))
    for name, op in unknown.items():
        warnings.warn(_whole_warning(name, graph.source_line(op)), stacklevel=2)
    return tuple(rules)


def _located(graph: Graph, context: Context) -> Rule | None:
    try:
        rule = _rule(context)
        _check_halos(rule)
    except RuleError as error:
        raise RuleError(f"{error} (at {graph.source_line(context.op)})") from error
    return None if rule is None else within_bounds(rule)


def _check_halos(rule: Rule | None) -> None:
    most = max((max(halo.low, halo.high) for halo in rule.halos), default=0) if rule is not None else 0
    if most > MOST_HALO:
        raise RuleError(
            f"a window reaches over {most} elements beside a tile, and at most {MOST_HALO} can be exchanged. "
            "Fix: reach over fewer, or give the op a rule of its own that keeps the dimension whole (register_rule)"
        )


def _whole_warning(name: str, line: str) -> str:
    head = f"no sharding rule for primitive '{name}' (first at {line}): it is kept whole and replicated"
    if name == CUSTOM_PARTITIONING:
        return f"{head}. To partition it, give def_partition(...) a sharding_rule as text or as an SdyShardingRule."
    if name in ALWAYS_REPLICATED:
        return f"{head}, for it {ALWAYS_REPLICATED[name]}."
    return (
        f"{head}. To partition it, say how: autopart.register_rule('{name}', '... i -> ... i'), with a factor "
        "for each dimension of each operand and result."
    )
