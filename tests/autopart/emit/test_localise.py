"""Ops on their tiles: each factor of each op of a family, tiled without its neighbours' consent, changes no answer."""

from __future__ import annotations

import pytest

from autopart.emit.lower import lower
from autopart.partitioning.state import State
from autopart.sharding.propagate import TILE
from tests.autopart.cases import difference, fault, is_legal, problem_on, run, subject

FAMILIES = [
    ("lookups", "gather"),
    ("bytes_lookup", "gather"),
    ("lookups", "dot_general"),
    ("partial_pieces", "dot_general"),
    ("choices", "dot_general"),
    ("linear_chain", "dot_general"),
    ("embedding", "gather"),
    ("embedding", "scatter-add"),
    ("writes", "scatter"),
    ("writes", "scatter-add"),
    ("writes", "scatter-max"),
    ("writes", "scatter-min"),
    ("writes", "scatter-mul"),
    ("places", "iota"),
    ("places", "dynamic_slice"),
    ("places", "dynamic_update_slice"),
    ("overwritten", "dynamic_update_slice"),
    ("interleaved", "slice"),
    ("interleaved", "pad"),
    ("interleaved", "tile"),
    ("shapes", "broadcast_in_dim"),
    ("shapes", "reshape"),
    ("pieces", "slice"),
    ("pieces", "pad"),
    ("pieces", "tile"),
    ("reductions", "dot_general"),
    ("reductions", "reduce_and"),
    ("reductions", "reduce_max"),
    ("reductions", "reduce_min"),
    ("reductions", "reduce_or"),
    ("reductions", "reduce_sum"),
    ("reductions", "sort"),
    ("rounding", "dot_general"),
    ("choices", "select_n"),
    ("batched", "conv_general_dilated"),
    ("batched", "reduce_window_max"),
    ("convolutions", "conv_general_dilated"),
    ("grouped", "conv_general_dilated"),
    ("partial_convolution", "conv_general_dilated"),
    ("pools", "reduce_window"),
    ("pools", "reduce_window_max"),
    ("pools", "reduce_window_min"),
    ("pools", "reduce_window_sum"),
    ("pools", "select_and_gather_add"),
    ("pools", "select_and_scatter_add"),
    ("best_tokens", "reduce_max"),
    ("best_tokens", "reduce_min"),
    ("best_tokens", "iota"),
    ("linear_algebra", "triangular_solve"),
    ("linear_algebra", "tridiagonal_solve"),
    ("linear_algebra", "schur"),
    ("pairs_of_lookups", "gather"),
    ("pairs_of_writes", "scatter"),
    ("pairs_of_writes", "scatter-add"),
    ("pairs_of_writes", "scatter-max"),
    ("ragged_products", "ragged_dot_general"),
    ("random_numbers", "threefry2x32"),
    ("random_numbers", "iota"),
]


@pytest.mark.parametrize(("name", "primitive"), FAMILIES)
def test_tiles_of_one_primitive(name: str, primitive: str) -> None:
    case = subject(name)
    problem = problem_on(case.graph, {"a": 4, "b": 2})
    ops = [op.index for op in case.graph.ops if op.primitive == primitive]
    assert ops
    for shift in range(max(len(problem.rules[op].factors) for op in ops)):
        state = State(problem)
        for axis in (0, 1):  # The axes take different factors, or nest on the only one.
            for op in ops:
                count = len(problem.rules[op].factors)
                factor = (shift + axis) % count if count else 0
                if count and is_legal(state, TILE, op, factor, axis):
                    state.apply(state.steps([(TILE, op, factor, axis)]))
        assert state.depth > 0
        assert fault(state, case) == ""


@pytest.mark.parametrize("axes", [(0, 1), (1, 0)])
def test_both_axes_on_the_looked_up_dimension(axes: tuple[int, int]) -> None:
    case = subject("lookups")
    state = State(problem_on(case.graph, {"a": 4, "b": 2}))
    for op in case.graph.ops:
        rule = state.problem.rules[op.index]
        looked_up = [n for n, factor in enumerate(rule.factors) if op.primitive == "gather" and factor.kind]
        for axis in axes:
            if looked_up and is_legal(state, TILE, op.index, looked_up[0], axis):
                state.apply(state.steps([(TILE, op.index, looked_up[0], axis)]))
    assert difference(run(lower(state), case.args), case.answer) == ""
