"""What the compiler will fuse, as far as memory traffic and liveness need to know; static per program.

A group of ops runs as one and reads and writes memory at its border only. It has one *root*: a product, a reduction,
an op that works on whole buffers, or a pointwise op whose value gets a buffer. All other pointwise ops are
*recomputed* by every group that needs them, out of the values with buffers that they come from: a compiler
fuses them into the products and sums that read them, forward and again in the backward pass. A pointwise value gets a
buffer where one is asked for (an output, what a loop takes in, a lookup's operand), where a product and a chain of
pointwise ops that it alone feeds end, where products read it and the compiler divides outside them, and where a buffer
of its own takes less traffic than to read what it comes from in every group that needs it. Transposes, reshapes and
casts of weights are recomputed too: compilers fold them into what reads them. What enters a loop, and a slice of what
it scans, lives in the buffer outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from autopart.program import BOUNDARY, ENTER, LOOP_CARRY, SCAN_SLICE, WHILE, Graph, Literal, Op
from autopart.sharding import Int8Array, Int32Array, last_reads
from autopart.sharding.rules import FREE, FUSIBLE, PRODUCTS

_REDUCTIONS = frozenset(("reduce_sum", "reduce_max", "reduce_min", "reduce_or", "reduce_and", "argmax", "argmin"))
_RECOMPUTED = FUSIBLE | frozenset((*FREE, "split"))
_ALIASES = (ENTER, SCAN_SLICE)
_DEEPEST = 12
"""How far back to look for what a recomputed value comes from."""


@dataclass(frozen=True)
class Fusion:
    """Groups of ops that run as one.

    Attributes:
        position: (ops,) when the op's group runs: index of the group's root. A recomputed op counts to the first
            of the groups that need it.
        materialised: (values,) whether the value has a buffer of its own.
        last_position: (values,) position of the last group that needs the value, or what is recomputed of it (-1:
            none does).
        begun: (values,) position from which the value's buffer is needed: that of its group, or of the product whose
            chain it ends.
        read_until: (operand slots,) position of the last group that reads the slot, to run its op or to
            recompute it.
        group, slot: pairs of a group's position and an operand slot by which it reads a buffer, one for each buffer.
    """

    position: Int32Array
    materialised: Int8Array
    last_position: Int32Array
    begun: Int32Array
    read_until: Int32Array
    group: Int32Array
    slot: Int32Array


def fuse(graph: Graph, weight_like: Int8Array, divides_in_products: bool = True) -> Fusion:
    """Groups the ops of ``graph``; ``divides_in_products``: see ``Device``."""
    fusing = _Fusing(graph, weight_like, divides_in_products)
    fusing.ask_for_buffers()
    fusing.end_chains()
    fusing.weigh()
    return fusing.result()


class _Fusing:
    """The decisions, one after another.

    Attributes:
        buffer: (values,) whether the value has a buffer; pointwise values get theirs as decisions are made.
        inside: values between a product and the end of the chain that it feeds, which is the value that they are
            mapped to: neither kept nor recomputed.
        divided: values whose buffer only products read; all others recompute them.
        need: (values,) last position at which the value, or what is recomputed of it, is needed.
        past: (values,) last position at which a value is recomputed although it has a buffer (-1: at none).
    """

    def __init__(self, graph: Graph, weight_like: Int8Array, divides_in_products: bool) -> None:
        self.graph, self.weight_like, self.divides_in_products = graph, weight_like, divides_in_products
        self.outputs = {output.value for output in graph.outputs}
        self.arguments = {a.value: a.donated for a in graph.arguments}
        self.readers: list[list[tuple[int, int]]] = [[] for _ in graph.values]
        until = iter(last_reads(graph).tolist())
        for op in graph.ops:
            for operand in op.operands:
                if not isinstance(operand, Literal):
                    self.readers[operand].append((op.index, next(until)))
        self.recomputable = [self._is_recomputable(op) for op in graph.ops]
        self.buffer = np.array([not self.recomputable[value.producer] for value in graph.values])
        self.inside: dict[int, int] = {}
        self.divided: set[int] = set()
        self.need = np.full(len(graph.values), -1, np.int32)
        self.past = self.need.copy()

    def _is_recomputable(self, op: Op) -> bool:
        return op.primitive in _RECOMPUTED or op.primitive in _ALIASES

    def ask_for_buffers(self) -> None:
        """Outputs, and what is read by ops that work on whole buffers; a free op passes the question on."""
        ops, values = self.graph.ops, self.graph.values
        for op in reversed(ops):
            if op.primitive in _RECOMPUTED and op.primitive not in FREE:
                continue
            if op.primitive in PRODUCTS or op.primitive in _REDUCTIONS:
                continue
            handed_on = op.primitive in FREE and not any(self.buffer[r] for r in op.results)
            barrier = op.primitive == "optimization_barrier"
            for operand in op.operands:
                if isinstance(operand, Literal) or (handed_on and not barrier):
                    continue
                asked = not self.weight_like[operand] or op.primitive not in FREE
                free = ops[values[operand].producer].primitive in (*FREE, *_ALIASES, "iota")
                self._asked(operand, asked and not free)
        for value in self.outputs:
            self.buffer[value] = True

    def _asked(self, value: int, asked: bool) -> None:
        """Gives a value a buffer; the operand of a free op in its stead."""
        producer = self.graph.ops[self.graph.values[value].producer]
        if asked:
            self.buffer[value] = True
        elif producer.primitive in FREE and not self.buffer[value]:
            for operand in producer.operands:
                if not isinstance(operand, Literal) and not self.weight_like[operand]:
                    maker = self.graph.ops[self.graph.values[operand].producer].primitive
                    self._asked(operand, maker not in (*FREE, *_ALIASES, "iota"))

    def end_chains(self) -> None:
        """A product writes what the chain of pointwise ops makes of it that it alone feeds."""
        products = [op.index for op in self.graph.ops if op.primitive in PRODUCTS]
        for index, following in pairwise([*products, len(self.graph.ops)]):
            value = self.graph.ops[index].results[0]
            chain = [value]
            while (result := self._chained(chain[-1], following)) is not None:
                chain.append(result)
            while len(chain) > 1 and self._is_wider(chain[-1]):
                chain.pop()  # Readers widen for themselves.
            self.buffer[chain[:-1]] = False
            self.buffer[chain[-1]] = True
            self.inside.update(dict.fromkeys(chain[:-1], chain[-1]))

    def _is_wider(self, value: int) -> bool:
        """Whether the value is another one in a wider dtype."""
        op = self.graph.ops[self.graph.values[value].producer]
        source = op.operands[0] if op.primitive == "convert_element_type" else value
        return isinstance(source, int) and self.graph.values[value].nbytes > self.graph.values[source].nbytes

    def _chained(self, value: int, before: int) -> int | None:
        """The value that the only reader of ``value`` makes of it in the same group, if there is one."""
        if value in self.outputs or len(self.readers[value]) != 1:
            return None
        op = self.graph.ops[self.readers[value][0][0]]
        near = op.index < before and op.region == self.graph.values[value].region and len(op.results) == 1
        return op.results[0] if near and op.primitive in _RECOMPUTED and op.barrier < 0 else None

    def reach(self, reader: int, until: int) -> int:
        """The last position at which what ``reader`` makes of its operand needs the operand."""
        op = self.graph.ops[reader]
        if not self.recomputable[reader]:
            return until
        for result in op.results:
            if result in self.inside:
                until = max(until, self.graph.values[self.inside[result]].producer)
            else:
                until = max(until, int(self.past[result] if self.buffer[result] else self.need[result]))
        return until

    def find_needs(self) -> None:
        """Sets ``need`` and ``past`` under the decisions that stand."""
        for op in reversed(self.graph.ops):
            for result in op.results:
                self.need[result] = self.past[result] = -1
                for reader, until in self.readers[result]:
                    of = self.need if self._is_read_by(reader, result) else self.past
                    of[result] = max(int(of[result]), self.reach(reader, until))

    def weigh(self) -> None:
        """Gives pointwise values a buffer where that takes less traffic than recomputing them, in program order.

        Recomputed by k groups, what the value comes from is read k times; with a buffer it is read once, and the value
        is written once and read k times.
        """
        self.find_needs()
        for op in self.graph.ops:
            if not self.recomputable[op.index] or op.primitive in (*FREE, *_ALIASES, "iota"):
                continue
            value = op.results[0]
            if self.buffer[value] or value in self.inside or self.weight_like[value] or self.need[value] < 0:
                continue
            if self._is_passed_on(value):
                continue
            if not self.divides_in_products and self._divides(op) and self._feeds_product(value):
                self.buffer[value] = True
                self.divided.add(value)
                continue
            own, source = self.graph.values[value].nbytes, self._source_bytes(op, 0, set())
            readers = len(self._groups_of(value, 0, set()))
            self.buffer[value] = readers * source > source + own + readers * own
        self.find_needs()

    def _is_passed_on(self, value: int) -> bool:
        """Whether one pointwise op alone reads the value and makes it no larger: what that makes is to be weighed."""
        if len(self.readers[value]) != 1:
            return False
        op = self.graph.ops[self.readers[value][0][0]]
        result = self.graph.values[op.results[0]]
        return op.primitive in _RECOMPUTED and result.nbytes <= self.graph.values[value].nbytes

    def _source_bytes(self, op: Op, depth: int, seen: set[int]) -> int:
        """Bytes of the buffers that ``op`` is run out of, through ops that are recomputed with it."""
        total = 0
        for operand in op.operands:
            if isinstance(operand, Literal) or operand in seen:
                continue
            seen.add(operand)
            maker = self.graph.ops[self.graph.values[operand].producer]
            if self._ends_at(operand) or not self.recomputable[maker.index] or depth == _DEEPEST:
                total += self.graph.values[operand].nbytes
            else:
                total += self._source_bytes(maker, depth + 1, seen)
        return total

    def _groups_of(self, value: int, depth: int, seen: set[int]) -> set[int]:
        """The groups that would recompute ``value``, each by one of its ops."""
        found: set[int] = set()
        for reader, _ in self.readers[value]:
            results = self.graph.ops[reader].results
            if not self.recomputable[reader] or any(self._ends_at(r) for r in results) or depth == _DEEPEST:
                chains = [self.graph.values[self.inside[r]].producer for r in results if r in self.inside]
                found.add(min(chains, default=reader))
                continue
            for result in results:
                if result not in seen:
                    seen.add(result)
                    found |= self._groups_of(result, depth + 1, seen)
        return found

    def _is_read_by(self, reader: int, value: int) -> bool:
        """Whether an op reads the value's buffer, if it has one, rather than recomputing the value."""
        return value not in self.divided or self._leads_to_product(reader)

    def _leads_to_product(self, reader: int) -> bool:
        """Whether the op is a product, or rearranges its operand for one."""
        op = self.graph.ops[reader]
        return op.primitive in PRODUCTS or (op.primitive in FREE and any(map(self._feeds_product, op.results)))

    def _feeds_product(self, value: int) -> bool:
        return any(self._leads_to_product(reader) for reader, _ in self.readers[value])

    def _divides(self, op: Op) -> bool:
        """Whether the op makes a quotient of arrays, or casts one."""
        operand = op.operands[-1]
        if op.primitive == "convert_element_type" and isinstance(operand, int):
            return self._divides(self.graph.ops[self.graph.values[operand].producer])
        return op.primitive == "div" and isinstance(operand, int)

    def _ends_at(self, value: int) -> bool:
        """Whether what recomputes the value need look no further: it has a buffer, or is made with one."""
        return bool(self.buffer[value]) or value in self.inside

    def result(self) -> Fusion:
        """The groups that follow from the buffers."""
        graph = self.graph
        position = np.arange(len(graph.ops), dtype=np.int32)
        for op in reversed(graph.ops):
            if self.recomputable[op.index] and not any(self.buffer[r] for r in op.results):
                reads = [int(position[reader]) for r in op.results for reader, _ in self.readers[r]]
                position[op.index] = min(reads, default=op.index)
        for op in graph.ops:
            if op.primitive == LOOP_CARRY and graph.controls[op.control].kind == WHILE:
                self.buffer[op.results[0]] = False  # The test looks at the body's buffer.
        read_until = [
            self.reach(op.index, until) for op, until in zip(self._slot_ops(), last_reads(graph).tolist(), strict=True)
        ]
        begun = position[[value.producer for value in graph.values]]
        for value, end in self.inside.items():
            begun[end] = min(begun[end], begun[value])
        group, slot = self._reads()
        return Fusion(
            position, self.buffer.astype(np.int8), self.need, begun, np.array(read_until, np.int32), group, slot
        )  # fmt: skip

    def _slot_ops(self) -> list[Op]:
        return [op for op in self.graph.ops for o in op.operands if not isinstance(o, Literal)]

    def _reads(self) -> tuple[Int32Array, Int32Array]:
        """Which buffers each group reads, and by which slot.

        A weight is read where the last of its rearrangements is: that is what a gather has made whole.
        """
        graph = self.graph
        sources: list[dict[int, int]] = [{} for _ in graph.values]
        pairs: list[tuple[int, int]] = []
        slot = 0
        for op in graph.ops:
            found: dict[int, int] = {}
            for operand in op.operands:
                if isinstance(operand, Literal):
                    continue
                root = not self.recomputable[op.index] or any(self.buffer[r] for r in op.results)
                stored = self.buffer[operand] and self._is_read_by(op.index, operand)
                if stored or (self.weight_like[operand] and root):
                    source = operand if stored else min(sources[operand], default=operand)
                    found.setdefault(source, slot)
                else:
                    for source, at in sources[operand].items():
                        found.setdefault(source, at)
                slot += 1
            for result in op.results:
                if self.recomputable[op.index] and (not self.buffer[result] or result in self.divided):
                    sources[result] = found
            if op.primitive not in BOUNDARY and (
                not self.recomputable[op.index] or any(self.buffer[r] for r in op.results)
            ):
                pairs += [(op.index, at) for at in found.values()]
        table: npt.NDArray[np.int32] = np.array(pairs, np.int32).reshape(-1, 2)
        return table[:, 0].copy(), table[:, 1].copy()
