"""Partition state to SPMD program: ops and moves in the order in which every device runs them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from autopart.costmodel.collectives import ALL_SLICE, KIND_NAMES, collective_time, rearranging_time, unpack_axes
from autopart.partitioning import Problem, State
from autopart.program import Control, Literal, Op, paused_collection
from autopart.sharding import layout as lay
from autopart.sharding.rules import Kind

DimAxes = tuple[tuple[str, ...], ...]
"""Mesh axes that tile each dimension, outermost first."""

CollectiveKey = tuple[str, tuple[str, ...], int]
"""Kind, axes in mesh order, full bytes: what must agree between estimate, Program and StableHLO."""


@dataclass(frozen=True)
class Apply:
    """Run an op on the tiles that the device holds.

    Attributes:
        op: index of the op.
        forms: form in which each operand is read (``None`` for a literal).
    """

    op: int
    forms: tuple[int | None, ...]


@dataclass(frozen=True)
class Move:
    """Change the layout of a value, or combine its partial sums.

    Attributes:
        kind: a name of ``autopart.costmodel.collectives.KIND_NAMES``.
        value: the value; ``source`` and ``form`` are its forms before and after.
        axes: mesh axes that take part, outermost first.
        dim: dimension that is gathered, scattered, sliced, extended, or concatenated by an all_to_all.
        to_dim: dimension that an all_to_all splits; of a collective_permute how many elements each tile gets from
            the tile before it, or, if negative, from the tile after it.
        monoid: how partial results combine.
        full_bytes: bytes of the value in full along the axes.
        seconds: estimated time of one run.
        op: index of the op after which, or for which, it runs.
        trips: how often it runs in a step.
    """

    kind: str
    value: int
    source: int
    form: int
    axes: tuple[str, ...]
    dim: int
    to_dim: int
    monoid: Kind
    full_bytes: int
    seconds: float
    op: int
    trips: int = 1


@dataclass(frozen=True)
class Run:
    """Run a loop or a condition.

    Attributes:
        control: index of the control.
        border: the ops at its border, with the forms in which they read.
        bodies: what a device does in each of the control's regions, in order.
    """

    control: int
    border: tuple[Apply, ...]
    bodies: tuple[tuple[Step, ...], ...]


Step: TypeAlias = "Apply | Move | Run"


@dataclass(frozen=True)
class Program:
    """The explicit SPMD program of one device.

    Attributes:
        problem: graph and mesh that it belongs to.
        steps: what a device does, in order.
        arguments: layout in which each argument arrives.
        outputs: layout in which each output is returned, and its form.
        tiles: (ops, axes) factor along which each op runs.
        orders: per op, its tiled axes in nesting order.
    """

    problem: Problem
    steps: tuple[Step, ...]
    arguments: tuple[DimAxes, ...]
    outputs: tuple[DimAxes, ...]
    output_forms: tuple[int, ...]
    tiles: np.ndarray[tuple[int, int], np.dtype[np.int8]]
    orders: np.ndarray[tuple[int, int], np.dtype[np.int8]]

    def collectives(self) -> list[Move]:
        """All moves that communicate, in program order, each once, those of bodies too."""
        return [step for step in self.moves() if step.kind != KIND_NAMES[ALL_SLICE]]

    def moves(self) -> Iterator[Move]:
        """All moves in program order, those of bodies too."""
        return (step for step in _flat(self.steps) if isinstance(step, Move))

    def applies(self) -> Iterator[Apply]:
        """All ops in program order, those of bodies and at the borders of regions too."""
        return (step for step in _flat(self.steps) if isinstance(step, Apply))

    def collective_counts(self) -> Counter[CollectiveKey]:
        """How many collectives of each kind stand in the program, by axes and bytes."""
        return self._counts(lambda move: 1)

    def executed_counts(self) -> Counter[CollectiveKey]:
        """How often collectives of each kind run in a step: those in a loop's body once for each trip."""
        return self._counts(lambda move: move.trips)

    def totals(self) -> list[tuple[str, tuple[str, ...], int, int, float]]:
        """Collectives of a step, the dearest first: (kind, axes, how often, bytes, seconds)."""
        rows: dict[tuple[str, tuple[str, ...]], tuple[int, int, float]] = {}
        for move in self.collectives():
            count, nbytes, seconds = rows.get((move.kind, move.axes), (0, 0, 0.0))
            more = count + move.trips, nbytes + move.full_bytes * move.trips, seconds + move.seconds * move.trips
            rows[move.kind, move.axes] = more
        return sorted(((*key, *row) for key, row in rows.items()), key=lambda row: -row[4])

    def _counts(self, times: Callable[[Move], int]) -> Counter[CollectiveKey]:
        mesh = self.problem.mesh
        found: Counter[CollectiveKey] = Counter()
        for move in self.collectives():
            axes = tuple(name for name, size in mesh.axes.items() if size > 1 and name in move.axes)
            if axes:  # A collective on axes of one device moves nothing.
                found[move.kind, axes, move.full_bytes] += times(move)
        return found

    def local_shape(self, op: Op, result: int) -> tuple[int, ...]:
        """Shape of the tile of ``op``'s result number ``result`` that one device computes."""
        rule = self.problem.rules[op.index]
        shape = self.problem.graph.values[op.results[result]].shape
        return tuple(
            size // self.parts(op.index, factor) for size, factor in zip(shape, rule.results[result], strict=True)
        )

    def axes_of_factor(self, op: int, factor: int) -> tuple[str, ...]:
        """Mesh axes that tile ``factor`` of ``op``, outermost first."""
        names = self.problem.mesh.axis_names
        order = [int(a) for a in self.orders[op] if a >= 0]
        return tuple(names[a] for a in order if factor >= 0 and self.tiles[op, a] == factor)

    def parts(self, op: int, factor: int) -> int:
        """Number of tiles into which ``factor`` of ``op`` is cut."""
        return int(np.prod([self.problem.mesh.axes[a] for a in self.axes_of_factor(op, factor)], dtype=np.int64))


def _flat(steps: Iterable[Step]) -> Iterator[Apply | Move]:
    for step in steps:
        if isinstance(step, Run):
            yield from step.border
            for body in step.bodies:
                yield from _flat(body)
        else:
            yield step


def by_kind(moves: Mapping[CollectiveKey, int]) -> dict[str, int]:
    """Collective counts by kind, every kind named."""
    out = dict.fromkeys((name for name in KIND_NAMES if name != KIND_NAMES[ALL_SLICE]), 0)
    for (kind, _, _), count in moves.items():
        out[kind] += count
    return out


@paused_collection()
def lower(state: State) -> Program:
    """The SPMD program of the current state."""
    return _Lowering(state).program()


def value_layouts(state: State) -> list[DimAxes]:
    """Mesh axes that tile each dimension of every value as it is kept, in the order of ``Graph.values``."""
    lowering, names = _Lowering(state), state.problem.mesh.axis_names
    return [_dim_axes(names, len(value.shape), lowering.base_axes(value.index)) for value in state.problem.graph.values]


class _Lowering:
    def __init__(self, state: State) -> None:
        self.problem = state.problem
        self.graph = state.problem.graph
        self.marks = state.marks
        self.layout = state.layout()
        # As lists: reading single numbers out of arrays takes longer than all else here.
        self.use_form: list[int] = self.layout.use_form.tolist()
        self.use_ptr: list[int] = self.problem.tables.use_ptr.tolist()
        self.done: set[int] = set()
        self.members = dict(self.graph.barriers)
        self.base_moves: dict[int, list[int]] = {}
        for row in range(int(self.layout.counts[0])):
            if self.layout.moves[row, lay.FORM] == lay.BASE:
                self.base_moves.setdefault(int(self.layout.moves[row, lay.VALUE]), []).append(row)

    def program(self) -> Program:
        graph, names = self.graph, self.problem.mesh.axis_names
        steps = tuple(self._steps())
        arguments = tuple(
            _dim_axes(names, len(graph.values[a.value].shape), self.base_axes(a.value)) for a in graph.arguments
        )
        output_forms = tuple(int(self.layout.out_form[o.value]) for o in graph.outputs)
        outputs = tuple(
            arguments[o.carried]
            if o.carried >= 0
            else _dim_axes(names, len(graph.values[o.value].shape), self.base_axes(o.value))
            for o in graph.outputs
        )
        return Program(
            self.problem, steps, arguments, outputs, output_forms,
            self.layout.tile.copy(), self.marks.order.copy(),
        )  # fmt: skip

    def _steps(self) -> Iterator[Step]:
        yield from self._range(0, 0, len(self.graph.ops))
        for output in self.graph.outputs:
            form = int(self.layout.out_form[output.value])
            yield from self._make_form(form, self.graph.values[output.value].producer)

    def _range(self, region: int, begin: int, end: int) -> Iterator[Step]:
        """The steps of the ops ``begin:end``, which stand in ``region`` or in regions inside of it."""
        controls = self.graph.controls_in.get(region, {})
        op = begin
        while op < end:
            if op in controls:
                yield from self._run(controls[op])
                op = controls[op].end
            else:
                yield from self._apply(self.graph.ops[op])
                op += 1

    def _run(self, control: Control) -> Iterator[Step]:
        """What enters is brought into form before, what leaves a body at the end of the body."""
        graph, border = self.graph, self.graph.border(control)
        made_in: dict[int, list[tuple[int, int]]] = {}
        for op in border:
            for slot in self._slots(op.index):
                home = graph.values[self._value_of(slot)].region
                made_in.setdefault(home, []).append((self.use_form[slot], op.index))
        for form, index in made_in.get(control.region, ()):
            yield from self._make_form(form, index)
        bodies = []
        for region in control.regions:
            steps: list[Step] = [*self._range(region, graph.regions[region].begin, graph.regions[region].end)]
            for form, index in made_in.get(region, ()):
                steps += self._make_form(form, index)
            bodies.append(tuple(steps))
        yield Run(control.index, tuple(Apply(op.index, self._forms(op)) for op in border), tuple(bodies))

    def _value_of(self, slot: int) -> int:
        return int(self.problem.tables.slot_value[slot])

    def _apply(self, op: Op) -> Iterator[Step]:
        together = self.members.pop(op.barrier, ()) if op.barrier >= 0 else (op.index,)
        for member in together:  # A joint barrier reads all its operands at its first member.
            for form in self._read_forms(member):
                if form != lay.BASE and form not in self.done:
                    yield from self._make_form(form, op.index)
        yield Apply(op.index, self._forms(op))
        for result in op.results:
            for row in self.base_moves.get(result, ()):
                yield self._move(row, lay.BASE, op.index)

    def _forms(self, op: Op) -> tuple[int | None, ...]:
        forms = self._read_forms(op.index)
        if len(forms) == len(op.operands):
            return tuple(forms)
        left = iter(forms)
        return tuple(None if isinstance(o, Literal) else next(left) for o in op.operands)

    def _slots(self, op: int) -> range:
        return range(self.use_ptr[op], self.use_ptr[op + 1])

    def _read_forms(self, op: int) -> list[int]:
        return self.use_form[self.use_ptr[op] : self.use_ptr[op + 1]]

    def _make_form(self, form: int, op: int) -> Iterator[Move]:
        if form == lay.BASE or form in self.done:
            return
        self.done.add(form)
        row = self.layout.forms[form]
        source = int(row[lay.FORM_SOURCE])
        yield from self._make_form(source, op)
        for move in range(int(row[lay.FORM_MOVES_BEGIN]), int(row[lay.FORM_MOVES_END])):
            yield self._move(move, source, op)
            source = form

    def _move(self, row: int, source: int, op: int) -> Move:
        kind, value, form, axes, dim, to_dim = (int(x) for x in self.layout.moves[row])
        names, costs = self.problem.mesh.axis_names, self.problem.costs
        full = float(self.layout.move_bytes[row])
        producer = self.graph.values[value].producer
        seconds = collective_time(kind, full, axes, costs.links)
        seconds += rearranging_time(kind, dim, full, costs.rearranging_s_per_byte)
        return Move(
            KIND_NAMES[kind], value, source, form, tuple(names[a] for a in unpack_axes(axes)), dim, to_dim,
            Kind(max(int(self.problem.tables.monoid[producer]), int(Kind.SUM))), round(full), seconds, op,
            self.graph.trips(self.graph.values[value].region),
        )  # fmt: skip

    def base_axes(self, value: int) -> list[list[int]]:
        """Axes per dimension of a value's base form: as made, then as scattered."""
        producer = self.graph.values[value].producer
        axes: list[list[int]] = [[] for _ in self.graph.values[value].shape]
        scattered = unpack_axes(int(self.layout.scattered[value]))
        made = [int(a) for a in self.marks.order[producer] if a >= 0 and a not in scattered]
        for axis in (*made, *scattered):
            dim = int(self.layout.dim[value, axis])
            if dim >= 0:
                axes[dim].append(axis)
        return axes


def _dim_axes(names: tuple[str, ...], rank: int, axes: list[list[int]]) -> DimAxes:
    return tuple(tuple(names[a] for a in axes[d]) for d in range(rank))
