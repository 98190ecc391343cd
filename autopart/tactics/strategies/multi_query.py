"""Attention over a cache of few heads, split by sequences instead.

Pope et al., "Efficiently Scaling Transformer Inference", arXiv 2211.05102.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autopart.partitioning import STATE, Problem, State
from autopart.program import Literal
from autopart.sharding import ATOMIC, TILE, Int32Array, Steps
from autopart.sharding.rules import PRODUCTS
from autopart.tactics.manual import axis_index, divisible, undecided
from autopart.tactics.strategies.data_parallel import DataParallel
from autopart.tactics.strategies.megatron import Megatron
from autopart.tactics.strategies.strategy import Strategy


class MultiQuerySharding(Strategy):
    """MQ: Megatron, but the cache of keys and values, and what reads it, is tiled along sequences.

    With one head of keys for all queries there is nothing else of the cache to tile. Queries go from heads to sequences
    and results back by all_to_all, of one token of each sequence: little beside the cache. New keys and values
    are made for all sequences where Megatron leaves them whole. ``among`` names the cache.
    """

    title = "multi-query"
    looks_for = "cache that is carried from step to step and holds something of every input"

    def steps(self, state: State) -> Steps:
        """The rows that it adds to a state.

        Raises:
            TacticError: there is no cache that the axis can cut by sequences.
        """
        problem, axis = state.problem, axis_index(state.problem, self.axis)
        if self not in problem.found:
            problem.found[self] = self._layout(problem)
        ops, factors, whole = problem.found[self]
        free = undecided(state, ops, axis)
        free &= divisible(state, ops, factors, axis)
        tiled = zip(ops[free].tolist(), factors[free].tolist(), strict=True)
        return state.steps([*((ATOMIC, op, 0, axis) for op in whole), *((TILE, op, f, axis) for op, f in tiled)])

    def _layout(self, problem: Problem) -> tuple[Int32Array, Int32Array, list[int]]:
        """The ops to tile, their factors, and the ops to keep whole."""
        cache = [int(op) for group in self.groups(problem, STATE) if len(group.dims) > 1
                 for op in problem.matching(group.pattern)]  # fmt: skip
        by_sequence, by_head = _tiles(problem, DataParallel(self.axis)), _tiles(problem, Megatron(self.axis))
        if not cache or (by_sequence[cache] < 0).any():
            raise self.missing()
        around = _Around.of(problem, cache)
        tiled = by_head.copy()
        attention = [*cache, *around.attention]
        tiled[attention] = np.where(by_head[attention] < 0, -1, by_sequence[attention])
        tiled[[*cache, *around.readers]] = by_sequence[[*cache, *around.readers]]
        ops = np.array(_made_of_products(problem, tiled), np.int32)
        return ops, tiled[ops], [op for op in around.makers if by_head[op] < 0]


def _tiles(problem: Problem, strategy: DataParallel | Megatron) -> Int32Array:
    """(ops,) the factor of each op that a strategy alone tiles; -1 for none."""
    state = State(problem)
    state.apply(strategy.manual(state).steps(state))
    tiles: Int32Array = state.marks.tile[:, axis_index(problem, strategy.axis)].astype(np.int32)
    return tiles


def _made_of_products(problem: Problem, tiled: Int32Array) -> list[int]:
    """The tiled ops that are arguments, products, or made of the results of tiled products."""
    found, made = list[int](), set[int]()
    for op in problem.graph.ops:
        root = op.index < len(problem.graph.arguments) or op.primitive in PRODUCTS
        if tiled[op.index] >= 0 and (root or not made.isdisjoint(o for o in op.operands if not isinstance(o, Literal))):
            found.append(op.index)
            made.update(op.results)
    return found


@dataclass(frozen=True)
class _Around:
    """The ops around a cache.

    Attributes:
        readers: products that read what is in it.
        attention: what is made of those and of the cache, up to the next product, which reads a weight.
        makers: products that make what is written to it.
    """

    readers: tuple[int, ...]
    attention: tuple[int, ...]
    makers: tuple[int, ...]

    @classmethod
    def of(cls, problem: Problem, cache: Sequence[int]) -> _Around:
        """What stands around the caches that some arguments bring."""
        ops, values = problem.graph.ops, problem.graph.values
        held = {ops[op].results[0] for op in cache}
        made: set[int] = set()
        readers, attention, written = list[int](), list[int](), set[int]()
        for op in ops:
            operands = [o for o in op.operands if not isinstance(o, Literal)]
            if not held.isdisjoint(operands):
                if op.primitive in PRODUCTS:
                    readers.append(op.index)
                    made.update(op.results)
                    continue
                held.update(op.results)
                written.update(values[o].producer for o in operands if o not in held)
            elif made.isdisjoint(operands) or op.primitive in PRODUCTS:
                continue
            else:
                made.update(op.results)
            attention.append(op.index)
        return cls(tuple(readers), tuple(attention), _products_before(problem, written))


def _products_before(problem: Problem, ops: set[int]) -> tuple[int, ...]:
    """The products from which ops, or what they read, are made without another product."""
    graph, stack, seen = problem.graph, list(ops), set(ops)
    while stack:
        op = graph.ops[stack.pop()]
        if op.primitive not in PRODUCTS:
            before = {graph.values[o].producer for o in op.operands if not isinstance(o, Literal)} - seen
            seen |= before
            stack += before
    return tuple(sorted(op for op in seen if graph.ops[op].primitive in PRODUCTS))
