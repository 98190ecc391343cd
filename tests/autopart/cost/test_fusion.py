"""Fusion: which ops run as one, which values get a buffer, and until when; golden on functions of a few ops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from autopart.cost.fusion import Fusion, fuse
from autopart.program.graph import ARGUMENT, Graph, Literal
from autopart.sharding.rules.families import FREE, FUSIBLE
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


def reads(graph: Graph, fusion: Fusion) -> dict[int, list[int]]:
    """Group -> the values that it reads from memory."""
    values = [o for op in graph.ops for o in op.operands if not isinstance(o, Literal)]
    found: dict[int, list[int]] = {}
    for group, slot in zip(fusion.group.tolist(), fusion.slot.tolist(), strict=True):
        found.setdefault(group, []).append(values[slot])
    return found


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


def test_a_product_writes_what_a_chain_that_it_alone_feeds_makes_of_it() -> None:
    def layer(x: Any, w: Any, bias: Any, v: Any) -> Any:
        return jnp.tanh(x @ w + bias) @ v

    graph, fusion = fused(layer, array(8, 16), array(16, 32), array(8, 32), array(32, 4))
    dot, add, tanh, last = (op for op in graph.ops if op.primitive != ARGUMENT)
    assert [bool(fusion.materialised[op.results[0]]) for op in (dot, add, tanh, last)] == [False, False, True, True]
    assert fusion.begun[tanh.results[0]] == dot.index  # The buffer is the product's from the beginning.
    assert reads(graph, fusion) == {dot.index: [0, 1], tanh.index: [2], last.index: [tanh.results[0], 3]}


def test_readers_widen_for_themselves() -> None:
    def scores(x: Any, w: Any) -> Any:
        wide = (x @ w).astype(jnp.float32)
        return jnp.exp(wide), wide.sum(0)

    graph, fusion = fused(scores, array(8, 16, dtype="bfloat16"), array(16, 32, dtype="bfloat16"))
    kept = [op.primitive for op in graph.ops if fusion.materialised[op.results[0]] and op.primitive != ARGUMENT]
    assert kept == ["dot_general", "exp", "reduce_sum"]


def test_a_sum_inside_a_chain_is_needed_until_the_end_of_the_chain() -> None:
    def scores(x: Any, w: Any, mask: Any) -> Any:
        masked = (x @ w).astype(jnp.float32) + mask
        return jnp.exp(masked).sum(), masked.max()

    graph, fusion = fused(scores, array(8, 16, dtype="bfloat16"), array(16, 32, dtype="bfloat16"), array(8, 32))
    rows = {op.primitive: op.results[0] for op in graph.ops}
    assert fusion.materialised[rows["add"]]
    assert not fusion.materialised[rows["dot_general"]]
    assert fusion.last_position[rows["dot_general"]] == graph.values[rows["add"]].producer


def test_a_pointwise_value_is_recomputed_for_each_group_that_needs_it() -> None:
    def fork(x: Any) -> Any:
        y = jnp.exp(x)
        return jnp.tanh(y), y.sum(0)

    graph, fusion = fused(fork, array(8, 16))
    assert table(fork, array(8, 16)) == [("exp", 2, False, 3), ("tanh", 2, True, -1), ("reduce_sum", 3, True, -1)]
    assert fusion.last_position[0] == 3  # What it comes from stays until the later group.
    assert reads(graph, fusion) == {2: [0], 3: [0]}


@pytest.mark.parametrize(("readers", "kept"), [(3, False), (4, True)])
def test_a_value_has_a_buffer_where_that_takes_less_traffic(readers: int, kept: bool) -> None:
    def total(x: Any, y: Any) -> Any:
        both = jnp.cumsum(x, 0) + jnp.cumsum(y, 0)  # Recomputed it takes 2 x readers, with a buffer 3 + readers.
        return [(both * i).sum(i % 2) for i in range(2, 2 + readers)]

    graph, fusion = fused(total, array(8, 16), array(8, 16))
    both = next(op.results[0] for op in graph.ops if op.primitive == "add")
    assert fusion.materialised[both] == kept


def test_a_quotient_has_a_buffer_for_products_alone_where_the_compiler_divides_outside_them() -> None:
    def mix(x: Any, v: Any, y: Any) -> Any:
        weights = jnp.exp(x) / jnp.exp(x).sum(1, keepdims=True)
        return weights @ v, (weights * y).sum()

    problem = problem_of(mix, array(8, 16), array(16, 4), array(8, 16))
    graph, weight_like = problem.graph, problem.tables.weight_like
    rows = {op.primitive: op for op in graph.ops}
    quotient, product, total = rows["div"].results[0], rows["dot_general"].index, rows["reduce_sum"].index
    inside, outside = fuse(graph, weight_like), fuse(graph, weight_like, divides_in_products=False)
    assert not inside.materialised[quotient]
    assert outside.materialised[quotient]
    assert outside.last_position[quotient] == product < total
    assert inside.last_position[0] == outside.last_position[0] == total  # The sum divides for itself.
    assert sorted(reads(graph, outside)[product]) == [1, quotient]
    assert 0 in reads(graph, outside)[total]


def test_the_parts_of_an_array_are_read_where_they_lie() -> None:
    def halves(x: Any, w: Any) -> Any:
        left, right = lax.split(x @ w, (3, 5), axis=1)
        return left.sum(), right.max()

    graph, fusion = fused(halves, array(8, 16), array(16, 8))
    rows = {op.primitive: op for op in graph.ops}
    assert not any(fusion.materialised[part] for part in rows["split"].results)
    assert fusion.materialised[rows["dot_general"].results[0]]
    assert fusion.last_position[rows["dot_general"].results[0]] == rows["reduce_max"].index


def test_what_a_lookup_reads_has_a_buffer() -> None:
    rows = {row[0]: row for row in table(lambda t, i: jnp.tanh(t)[i], array(64, 8), array(4, dtype="int32"))}
    assert rows["tanh"][2]


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


def test_an_output_has_a_buffer_and_is_read_by_those_that_follow() -> None:
    def both(x: Any) -> Any:
        y = jnp.exp(x)
        return y, jnp.tanh(y)

    graph, fusion = fused(both, array(8, 16))
    assert table(both, array(8, 16)) == [("exp", 1, True, 2), ("tanh", 2, True, -1)]
    assert reads(graph, fusion) == {1: [0], 2: [1]}


def test_a_rearranged_weight_is_an_alias_that_keeps_the_weight_alive() -> None:
    graph, fusion = fused(lambda w, x: x @ w.T.astype(jnp.float32), array(16, 8, dtype="bfloat16"), array(4, 8))
    rows = {op.primitive: op for op in graph.ops}
    dot = rows["dot_general"].index
    for primitive in ("transpose", "convert_element_type"):
        assert not fusion.materialised[rows[primitive].results[0]]
    assert fusion.last_position[graph.arguments[0].value] == dot


def test_a_rearranged_weight_is_read_where_a_gather_makes_it_whole() -> None:
    graph, fusion = fused(lambda w, x: x @ w.T, array(16, 8), array(4, 8))
    dot = graph.ops[-1]
    assert reads(graph, fusion) == {dot.index: [dot.operands[0], dot.operands[1]]}


def test_a_weight_and_its_transpose_in_one_product_are_read_once() -> None:
    _, fusion = fused(lambda w: w @ w.T, array(16, 8))
    assert len(fusion.slot) == 1


def test_a_product_written_transposed_hands_its_buffer_over() -> None:
    assert table(lambda x, w: (x @ w).T, array(4, 16), array(16, 8)) == [
        ("dot_general", 2, False, 3),
        ("transpose", 3, True, -1),
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


@pytest.mark.parametrize("model", ["t32", "mlp", "unet", "moe"])
def test_laws_of_groups_hold_in_whole_train_steps(model: str) -> None:
    problem = tiny(model)
    graph = problem.graph
    fusion = fuse(graph, problem.tables.weight_like)
    position = fusion.position
    assert np.array_equal(position[position], position)  # The root names the group.
    assert (position >= np.arange(len(position))).all()
    assert (fusion.begun <= position[[value.producer for value in graph.values]]).all()
    for op in graph.ops:
        if position[op.index] != op.index:
            assert op.primitive in FUSIBLE or op.primitive in FREE
            assert not fusion.materialised[op.results[0]]
        for operand in op.operands:
            if not isinstance(operand, Literal):
                assert position[graph.values[operand].producer] <= position[op.index]  # Made before it is read.
                assert fusion.last_position[operand] >= position[op.index]
    for group, slot in zip(fusion.group.tolist(), fusion.slot.tolist(), strict=True):
        value = int(problem.tables.slot_value[slot])
        assert position[group] == group
        assert fusion.materialised[value] or problem.tables.weight_like[value]  # Only buffers are read.
        assert fusion.read_until[slot] >= group
