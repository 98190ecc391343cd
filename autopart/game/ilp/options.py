"""In how many ways an op can run on a mesh: for each axis one of its factors, none, or on a sum that is yet partial."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import permutations, product

from autopart.game.ilp.move_costs import PARTIAL, WHOLE, Places, nested
from autopart.partitioning import Problem
from autopart.sharding.rules import Kind, Linear


@dataclass(frozen=True)
class Mode:
    """How an op runs along one axis.

    Attributes:
        factor: the factor that is tiled, or -1.
        operands: what is wanted of each array operand: a dimension, ``WHOLE`` or ``PARTIAL``.
        made: how each result comes out of it, in the same terms.
        base: how each result is handed on, once sums that are not are completed.
    """

    factor: int
    operands: tuple[int, ...]
    made: tuple[int, ...]
    base: tuple[int, ...]


@dataclass(frozen=True)
class Option:
    """How an op runs: one mode an axis.

    Attributes:
        modes: of each axis.
        order: how axes nest that tile one dimension, outermost first.
        wanted: the layout in which each array operand is read.
        made, base: the layouts in which each result is made and handed on.
    """

    modes: tuple[Mode, ...]
    order: tuple[int, ...] = field(compare=False)
    wanted: tuple[Places, ...]
    made: tuple[Places, ...]
    base: tuple[Places, ...]

    @classmethod
    def of(cls, modes: tuple[Mode, ...], order: tuple[int, ...]) -> Option:
        """The option of some modes; where a sum is scattered, that axis is inside those that tile already."""

        def layouts(
            rows: Iterable[Sequence[int]], inside: Sequence[Collection[int]] | None = None
        ) -> tuple[Places, ...]:
            columns = list(zip(*rows, strict=True))
            return tuple(nested(dims, order, inside[i] if inside else ()) for i, dims in enumerate(columns))

        scattered = [
            {axis for axis, mode in enumerate(modes) if mode.made[result] == PARTIAL}
            for result in range(len(modes[0].base))
        ]
        return cls(
            modes,
            order,
            layouts(mode.operands for mode in modes),
            layouts(mode.made for mode in modes),
            layouts((mode.base for mode in modes), scattered),
        )

    @property
    def factors(self) -> tuple[int, ...]:
        """The factor tiled along each axis, or -1."""
        return tuple(mode.factor for mode in self.modes)


class OptionSpace:
    """The options of all ops of a problem, found in program order.

    A sum may stay partial where its one reader is linear in it, as ``layout`` would have it; there the choice is free.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._sizes: list[int] = problem.sizes.tolist()
        self._partial = [False] * len(problem.graph.values)
        self.of_op = [self._options(op) for op in range(len(problem.graph.ops))]

    def _options(self, op: int) -> tuple[Option, ...]:
        modes = [list(self._modes(op, axis)) for axis in range(len(self._sizes))]
        orders = list(permutations(range(len(self._sizes))))
        able = [chosen for chosen in product(*modes) if self._divides(op, chosen)]
        found = tuple(dict.fromkeys(Option.of(chosen, order) for chosen in able for order in orders))
        for number, value in enumerate(self._problem.graph.ops[op].results):
            self._partial[value] = any(PARTIAL in option.base[number] for option in found)
        return found

    def _modes(self, op: int, axis: int) -> Iterator[Mode]:
        tables, results = self._problem.tables, self._problem.graph.ops[op].results
        slots = range(tables.use_ptr[op], tables.use_ptr[op + 1])
        whole = (WHOLE,) * len(results)
        yield Mode(-1, (WHOLE,) * len(slots), whole, whole)
        if self._sizes[axis] == 1:
            return
        first = int(tables.factor_ptr[op])
        for factor in range(int(tables.factor_ptr[op + 1]) - first):
            if not int(tables.factor_fits[first + factor]) >> axis & 1:
                continue
            operands = tuple(self._dim(slot, factor) for slot in slots)
            made = tuple(self._dim(tables.n_uses + value, factor) for value in results)
            if tables.factor_kind[first + factor] == Kind.PASS:
                yield Mode(factor, operands, made, made)
            else:
                additive = tables.factor_kind[first + factor] == Kind.SUM
                yield from self._completed(op, axis, Mode(factor, operands, (PARTIAL,) * len(results), made), additive)
        for carried in self._carried(op):
            operands = tuple(PARTIAL if slot in carried else WHOLE for slot in slots)
            yield from self._completed(op, axis, Mode(-1, operands, (PARTIAL,), (WHOLE,)), True)

    def _completed(self, op: int, axis: int, mode: Mode, additive: bool) -> Iterator[Mode]:
        """What may become of a partial result: reduced to all, and, of a sum, scattered, or left as it is."""
        yield mode
        results = self._problem.graph.ops[op].results
        if not additive or len(results) != 1:
            return
        shape = self._problem.graph.values[results[0]].shape
        for dim, size in enumerate(shape):
            if size and size % self._sizes[axis] == 0:
                yield Mode(mode.factor, mode.operands, mode.made, (dim,))
        if self._may_stay(results[0]):
            yield Mode(mode.factor, mode.operands, mode.made, (PARTIAL,))

    def _may_stay(self, value: int) -> bool:
        tables = self._problem.tables
        if not tables.single_use[value]:
            return False
        slot = int(tables.reader[tables.reader_ptr[value]])
        return bool(tables.slot_linear[slot]) and tables.linear[tables.slot_op[slot]] != Linear.NO

    def _carried(self, op: int) -> Iterator[frozenset[int]]:
        """The operand slots that may be partial together, the others being whole (see ``layout``)."""
        tables = self._problem.tables
        if tables.linear[op] == Linear.NO or len(self._problem.graph.ops[op].results) != 1:
            return
        slots = range(tables.use_ptr[op], tables.use_ptr[op + 1])
        able = [s for s in slots if self._partial[int(tables.slot_value[s])] and tables.slot_linear[s]]
        if tables.linear[op] == Linear.EACH:
            yield from (frozenset((slot,)) for slot in able if tables.shrinks[slot])
            return
        must = [s for s in slots if tables.slot_linear[s] and not tables.slot_zero[s]]
        if must and set(must) <= set(able) and (len(must) >= 2 or tables.shrinks[must[0]]):
            yield frozenset(must)

    def _dim(self, slot: int, factor: int) -> int:
        tables = self._problem.tables
        return int(tables.factor_dim[tables.fdim_ptr[slot] + factor])

    def _divides(self, op: int, modes: Sequence[Mode]) -> bool:
        """Whether the axes that share a factor, or a dimension of a result, divide it together."""
        if len(self._sizes) == 1:
            return True
        tables, first = self._problem.tables, int(self._problem.tables.factor_ptr[op])
        parts: dict[tuple[int, int], int] = {}
        for size, mode in zip(self._sizes, modes, strict=True):
            for number, key in enumerate((mode.factor, *mode.base)):
                if key >= 0:
                    parts[number, key] = parts.get((number, key), 1) * size
        shapes = [self._problem.graph.values[value].shape for value in self._problem.graph.ops[op].results]
        whole = {
            (n, k): int(tables.factor_size[first + k]) if n == 0 else shapes[n - 1][k] for n, k in parts
        }  # fmt: skip
        return all(whole[key] % count == 0 for key, count in parts.items())
