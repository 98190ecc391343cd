"""Fusion: which ops run as one, which values get a buffer, and until when; golden on functions of a few ops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from autopart.fusion import FREE, FUSIBLE, Fusion, fuse
from autopart.graph import ARGUMENT, Graph, Literal
from tests.autopart.tiny import array, problem_of, tiny


def fused(fn: Callable[..., Any], *args: Any) -> tuple[Graph, Fusion]:
    problem = problem_of(fn, *args)
    return problem.graph, fuse(problem.graph, problem.tables.weight_like)


def table(fn: Callable[..., Any], *args: Any) -> list[tuple[str, int, bool, int]]:
    """A row an op that is no argument: primitive, group, whether it gets a buffer, last group that reads it."""
    graph, fusion = fused(fn, *args)
    return [
        (
            op.primitive,
            int(fusion.position[op.index]),
            bool(fusion.materialised[op.results[0]]),
            int(fusion.last_position[op.results[0]]),
        )
        for op in graph.ops
        if op.primitive != ARGUMENT
    ]


def test_a_pointwise_chain_is_one_group_with_one_buffer() -> None:
    assert table(lambda x: jnp.tanh(jnp.exp(x) * 2.0), array(8, 16)) == [
        ("exp", 3, False, 3),
        ("mul", 3, False, 3),
        ("tanh", 3, True, -1),
    ]


def test_a_reduction_ends_a_group() -> None:
    assert table(lambda x: jnp.tanh(jnp.exp(x).sum(0)), array(8, 16)) == [
        ("exp", 2, False, 2),
        ("reduce_sum", 2, True, 3),
        ("tanh", 3, True, -1),
    ]


def test_products_stand_alone() -> None:
    assert table(lambda x, w, v: jnp.tanh(x @ w) @ v, array(8, 16), array(16, 32), array(32, 4)) == [
        ("dot_general", 3, True, 4),
        ("tanh", 4, True, 5),
        ("dot_general", 5, True, -1),
    ]


def test_a_value_read_by_two_groups_has_a_buffer_until_the_later_one() -> None:
    def fork(x: Any) -> Any:
        y = jnp.exp(x)
        return jnp.tanh(y), y.sum(0)

    assert table(fork, array(8, 16)) == [("exp", 1, True, 3), ("tanh", 2, True, -1), ("reduce_sum", 3, True, -1)]


def test_a_diamond_that_meets_again_is_one_group() -> None:
    def diamond(x: Any) -> Any:
        y = jnp.exp(x)
        return jnp.tanh(y) + jnp.sin(y)

    assert table(diamond, array(8, 16)) == [
        ("exp", 4, False, 4),
        ("tanh", 4, False, 4),
        ("sin", 4, False, 4),
        ("add", 4, True, -1),
    ]


def test_an_output_has_a_buffer_even_inside_a_group() -> None:
    def both(x: Any) -> Any:
        y = jnp.exp(x)
        return y, jnp.tanh(y)

    assert table(both, array(8, 16)) == [("exp", 2, True, 2), ("tanh", 2, True, -1)]


def test_a_rearranged_weight_is_an_alias_that_keeps_the_weight_alive() -> None:
    graph, fusion = fused(lambda w, x: x @ w.T.astype(jnp.float32), array(16, 8, dtype="bfloat16"), array(4, 8))
    rows = {op.primitive: op for op in graph.ops}
    dot = rows["dot_general"].index
    for primitive in ("transpose", "convert_element_type"):
        assert not fusion.materialised[rows[primitive].results[0]]
    assert fusion.last_position[graph.arguments[0].value] == dot


def test_what_an_alias_reads_is_charged_to_the_reader_of_its_result() -> None:
    graph, fusion = fused(lambda w, x: x @ w.T, array(16, 8), array(4, 8))
    slots = [op.primitive for op in graph.ops for o in op.operands if not isinstance(o, Literal)]
    assert list(zip(slots, fusion.first_read.tolist(), strict=True)) == [
        ("transpose", 0),
        ("dot_general", 1),
        ("dot_general", 1),
    ]


def test_a_weight_and_its_transpose_in_one_product_are_read_once() -> None:
    _, fusion = fused(lambda w: w @ w.T, array(16, 8))
    assert fusion.first_read.tolist() == [0, 1, 0]  # The transpose, then the product's two operands.


def test_a_product_written_transposed_hands_its_buffer_over() -> None:
    assert table(lambda x, w: jnp.tanh((x @ w).T), array(4, 16), array(16, 8)) == [
        ("dot_general", 2, False, 3),
        ("transpose", 3, True, 4),
        ("tanh", 4, True, -1),
    ]


def test_a_transpose_beside_another_reader_is_an_alias() -> None:
    def saved(x: Any, w: Any) -> Any:
        y = x @ w
        return jnp.exp(y), jnp.tanh(y.T)

    rows = {row[0]: row for row in table(saved, array(4, 16), array(16, 8))}
    tanh = rows["tanh"][1]
    assert rows["dot_general"][2:] == (True, tanh)  # Kept for the reader of its transpose.
    assert rows["transpose"][2:] == (False, tanh)


def test_iota_never_has_a_buffer_of_its_own() -> None:
    rows = table(lambda x: (x + jnp.arange(16.0), x @ jnp.eye(16)), array(8, 16))
    assert all(not materialised for primitive, _, materialised, _ in rows if primitive == "iota")
    assert any(primitive == "iota" for primitive, *_ in rows)


def test_laws_of_groups_hold_in_whole_train_steps() -> None:
    for model in ("t32", "mlp"):
        problem = tiny(model)
        graph = problem.graph
        fusion = fuse(graph, problem.tables.weight_like)
        position = fusion.position
        assert np.array_equal(position[position], position)  # The last op of a group names the group.
        assert (position >= np.arange(len(position))).all()
        for op in graph.ops:
            if position[op.index] != op.index:
                assert op.primitive in FUSIBLE
            for operand in op.operands:
                if isinstance(operand, Literal):
                    continue
                producer = graph.values[operand].producer
                assert position[producer] <= position[op.index]  # A group runs after what it reads is made.
                assert fusion.last_position[operand] >= position[op.index]
                leaves = position[producer] != position[op.index]
                exempt = {*FREE, "iota", "convert_element_type"}
                taken = op.primitive in FREE or graph.ops[producer].primitive in exempt
                assert fusion.materialised[operand] or not leaves or taken
