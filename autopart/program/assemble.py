"""From what a walk of jaxprs collected to a ``Graph``: dead ops out, all in order, numbered anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from autopart.program.control_flow import Bodies
from autopart.program.graph import (
    ARGUMENT,
    BRANCH_JOIN,
    ENTER,
    SCAN_STACK,
    WHILE,
    Argument,
    Control,
    Graph,
    Literal,
    Op,
    Operand,
    Output,
    Region,
    Value,
)

_GENERATORS = ("iota", "broadcast_in_dim")
_LEAD_OUT = (SCAN_STACK, BRANCH_JOIN)


@dataclass(frozen=True)
class Flat:
    """What a walk collected; dead ops are among it, and ops at a border stand anywhere."""

    values: list[Value]
    ops: list[Op]
    arguments: list[Argument]
    outputs: list[Output]
    regions: list[Region]
    bodies: list[Bodies]


def compact(flat: Flat, in_tree: Any, out_tree: Any) -> Graph:
    """Arguments first, bodies between the ops at their borders, generators (iota, broadcast scalars) one copy a use."""
    return _Compaction(flat).graph(in_tree, out_tree)


class _Compaction:
    def __init__(self, flat: Flat) -> None:
        self.flat = flat
        self.live = _live_ops(flat)
        self.inside, self.border = _places(flat, self.live)
        self.bodies = _bodies(flat, self.border)
        self.pinned = _read_across(flat)
        self.values: list[Value] = []
        self.ops: list[Op] = []
        self.number: dict[int, int] = {}
        self.templates: dict[int, Op] = {}
        self.regions: dict[int, Region] = {0: flat.regions[0]}
        self.controls: list[Control] = []
        self.renumbered: dict[int, int] = {0: 0}

    def graph(self, in_tree: Any, out_tree: Any) -> Graph:
        flat = self.flat
        arguments = [a for a in flat.arguments if a.constant is None or flat.values[a.value].producer in self.live]
        for argument in arguments:
            self._add(flat.ops[flat.values[argument.value].producer])
        self._region(0)
        outputs = [Output(o.name, self._array(o.value), o.carried) for o in flat.outputs]
        self.regions[0] = replace(self.regions[0], end=len(self.ops))
        ordered = sorted(self.regions.values(), key=lambda region: region.index)
        return Graph(
            tuple(self.values), tuple(self.ops),
            tuple(replace(a, value=self.number[a.value]) for a in arguments), tuple(outputs), in_tree, out_tree,
            tuple(ordered), tuple(sorted(self.controls, key=lambda control: control.index)),
        )  # fmt: skip

    def _array(self, value: Operand) -> int:
        found = self._resolve(value, 0)
        assert isinstance(found, int)
        return found

    def _items(self, region: int) -> Iterator[Op | Bodies]:
        """The live ops and controls of a region, in order."""
        ops, bodies = self.inside.get(region, ()), self.bodies.get(region, ())
        places: list[tuple[int, int, Op | Bodies]] = [(b.begin, 0, b) for b in bodies]
        places += [(op.index, 1, op) for op in ops if op.primitive != ARGUMENT]
        for _, _, item in sorted(places, key=lambda place: place[:2]):
            yield item

    def _region(self, region: int) -> None:
        for item in self._items(region):
            if isinstance(item, Bodies):
                self._control(item)
            elif self._is_generator(item):
                self.templates[item.results[0]] = item
            elif item.barrier >= 0 and item.operands[0] in self.templates:
                self._pass_on(item)  # Nothing to keep: it is made anew at each use.
            else:
                self._add(item)

    def _control(self, bodies: Bodies) -> None:
        """The ops that lead in, the bodies, the ops that lead out."""
        border = self.border[bodies.number]
        leading_in = []
        for op in border:
            if op.primitive == ENTER and self._is_constant_template(op.operands[0]):
                self._pass_on(op)
            elif op.primitive not in _LEAD_OUT:
                leading_in.append((op, self._resolve(op.operands[0], op.region)))
        index = len(self.controls)
        self.controls.append(Control(index, bodies.kind, self.renumbered[bodies.region], (), 0, 0))
        test = None if bodies.test is None or bodies.kind == WHILE else self._resolve(bodies.test, bodies.region)
        for region in bodies.regions:
            self.renumbered[region] = len(self.renumbered)
        begin = len(self.ops)
        added = [(op, self._add(op, [operand], index)) for op, operand in leading_in]
        for region in bodies.regions:
            self._body(bodies, region, index)
        if bodies.kind == WHILE:
            assert bodies.test is not None
            test = bodies.test if isinstance(bodies.test, Literal) else self.number[bodies.test]
        for op, place in added:
            if len(op.operands) == 2:  # A carry: its next value is known only now.
                operands = (self.ops[place].operands[0], self._known(op.operands[1]))
                self.ops[place] = replace(self.ops[place], operands=operands)
        for op in border:
            if op.primitive in _LEAD_OUT:
                self._add(op, [self._known(o) for o in op.operands], index)
        self.controls[index] = Control(
            index, bodies.kind, self.renumbered[bodies.region], tuple(self.renumbered[r] for r in bodies.regions),
            begin, len(self.ops), test, bodies.params, bodies.assumed, bodies.source_info,
        )  # fmt: skip

    def _body(self, bodies: Bodies, region: int, control: int) -> None:
        begin = len(self.ops)
        self._region(region)
        new, trips = self.renumbered[region], self.flat.regions[region].trips
        self.regions[new] = Region(new, self.renumbered[bodies.region], control, trips, begin, len(self.ops))

    def _add(self, op: Op, operands: list[Operand] | None = None, control: int = -1) -> int:
        """Writes an op; returns its number. A template of a generator may be written many times."""
        if operands is None:
            operands = [self._resolve(operand, op.region) for operand in op.operands]
        results = self._write(op, operands, self.renumbered[op.region], control)
        self.number.update(zip(op.results, results, strict=True))
        return self.values[results[0]].producer if results else len(self.ops) - 1

    def _write(self, op: Op, operands: list[Operand], region: int, control: int) -> tuple[int, ...]:
        index, old = len(self.ops), self.flat.values
        results = tuple(range(len(self.values), len(self.values) + len(op.results)))
        for new, source in zip(results, (old[r] for r in op.results), strict=True):
            home = region if control < 0 else self.renumbered[source.region]
            self.values.append(Value(new, source.shape, source.dtype, index, home))
        self.ops.append(
            replace(op, index=index, operands=tuple(operands), results=results, region=region, control=control)
        )
        return results

    def _resolve(self, operand: Operand, region: int) -> Operand:
        """The new number of a value; of a generator a copy, made in the region that reads it."""
        if isinstance(operand, Literal):
            return operand
        if operand in self.templates:
            template = self.templates[operand]
            inner = [self._resolve(o, region) for o in template.operands]
            return self._write(template, inner, self.renumbered[region], -1)[0]
        return self.number[operand]

    def _known(self, operand: Operand) -> Operand:
        return operand if isinstance(operand, Literal) else self.number[operand]

    def _pass_on(self, op: Op) -> None:
        source = op.operands[0]
        assert isinstance(source, int)
        self.templates[op.results[0]] = self.templates[source]

    def _is_constant_template(self, operand: Operand) -> bool:
        """Whether it is a generator that reads no value, and so can be made in any region."""
        if not isinstance(operand, int) or operand not in self.templates:
            return False
        return all(isinstance(o, Literal) for o in self.templates[operand].operands)

    def _is_generator(self, op: Op) -> bool:
        """Whether the op makes its result out of nothing that has a layout, so that each use may have its own."""
        if op.primitive not in _GENERATORS or self.pinned.intersection(op.results):
            return False
        return all(isinstance(o, Literal) or self.flat.values[o].shape == () for o in op.operands)


def _places(flat: Flat, live: set[int]) -> tuple[dict[int, list[Op]], dict[int, list[Op]]]:
    """The live ops inside of each region, and those at the border of each control, in order."""
    inside: dict[int, list[Op]] = {}
    border: dict[int, list[Op]] = {}
    for op in flat.ops:
        if op.index in live:
            held, key = (border, op.control) if op.control >= 0 else (inside, op.region)
            held.setdefault(key, []).append(op)
    return inside, border


def _bodies(flat: Flat, border: dict[int, list[Op]]) -> dict[int, list[Bodies]]:
    """The controls of each region that have a live op at their border, in order."""
    found: dict[int, list[Bodies]] = {}
    for bodies in flat.bodies:
        if bodies.number in border:
            found.setdefault(bodies.region, []).append(bodies)
    return found


def _read_across(flat: Flat) -> set[int]:
    """Values that leave the region in which they are made, at the end of it; they cannot be made anew outside."""
    found: set[int] = {b.test for b in flat.bodies if isinstance(b.test, int)}
    for op in flat.ops:
        if op.control >= 0:
            leaving = op.operands if op.primitive in _LEAD_OUT else op.operands[1:]
            found.update(o for o in leaving if isinstance(o, int))
    return found


def _live_ops(flat: Flat) -> set[int]:
    """Ops that some output needs; a loop that runs needs its test, a condition the number of its case."""
    stack = [flat.values[output.value].producer for output in flat.outputs]
    live: set[int] = set()
    running: set[int] = set()
    while stack:
        index = stack.pop()
        if index in live:
            continue
        live.add(index)
        op = flat.ops[index]
        stack.extend(flat.values[o].producer for o in op.operands if not isinstance(o, Literal))
        if op.control >= 0 and op.control not in running:
            running.add(op.control)
            test = flat.bodies[op.control].test
            if isinstance(test, int):
                stack.append(flat.values[test].producer)
    return live
