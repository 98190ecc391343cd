"""The table of sharding rules, a line a primitive, and that nothing is forgotten."""

from __future__ import annotations

import pytest

from autopart.benchmarks.primitives import LINES
from autopart.program.trace import trace
from autopart.sharding.rules.custom import CUSTOM_PARTITIONING
from autopart.sharding.rules.grammar import parse, resolve
from autopart.sharding.rules.op_context import Context
from autopart.sharding.rules.replicated import ALWAYS_REPLICATED, REFUSED, TRACED
from autopart.sharding.rules.table import RULES
from tests.autopart.sharding.rules.test_rules import rule_for

PARTS_OF_DIMENSIONS = ("reshape", "scaled_dot", "reduce_window", "select_and_")
"""Primitives with factors smaller than their dimensions, or with factors that tie dimensions of other sizes."""


@pytest.mark.parametrize("primitive", LINES)
def test_the_rule_of(primitive: str) -> None:
    fn, args, text = LINES[primitive]
    assert rule_for(primitive, fn, *args).text() == text


def test_every_primitive_with_a_rule_has_a_line_and_the_lines_are_in_order() -> None:
    assert list(LINES) == sorted({*RULES, CUSTOM_PARTITIONING})


def test_no_primitive_stands_in_two_lists() -> None:
    lists = [{*RULES, CUSTOM_PARTITIONING}, set(TRACED), set(ALWAYS_REPLICATED), set(REFUSED)]
    assert sum(map(len, lists)) == len(set().union(*lists))


def test_what_the_table_prints_can_be_registered() -> None:
    for primitive, (fn, args, text) in LINES.items():
        plain = text.partition(";")[0]
        notation = parse(plain)
        graph = trace(fn, *args)
        [op] = [op for op in graph.ops if op.primitive == primitive]
        if not primitive.startswith(PARTS_OF_DIMENSIONS):
            assert resolve(notation, Context.of(graph, op), {}, set()).text() == plain
