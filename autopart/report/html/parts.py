"""The parts that a program is looked at by: its layers, where equal ones are found, else loops, else all of it."""

from __future__ import annotations

from dataclasses import dataclass

from autopart.program import ARGUMENT, Graph
from autopart.report.layer_numbers import layer_numbers
from autopart.report.phases import phase_of

OUTSIDE, ALL = "outside layers", "the program"


@dataclass(frozen=True)
class Part:
    """A layer, a loop, or what is outside of them.

    Attributes:
        name: what people call it.
        order: its place among all of them.
        is_layer: whether there are more like it.
    """

    name: str
    order: int
    is_layer: bool


@dataclass(frozen=True)
class Parts:
    """Where every op stands.

    Attributes:
        of_op: (ops,) the part of each.
        phase: (ops,) the pass of each, see ``phases``.
    """

    of_op: tuple[Part, ...]
    phase: tuple[str, ...]

    def every(self) -> list[Part]:
        """The parts in order."""
        return sorted(set(self.of_op), key=lambda part: part.order)


def parts_of(graph: Graph) -> Parts:
    """Where every op stands; arguments stand outside, whatever layer they are of."""
    numbers = layer_numbers(graph).tolist()
    count = max(numbers, default=-1) + 1
    by_layer = [Part(f"layer {number}", number, True) for number in range(count)]
    loops = [
        Part(f"loop {region.index}, ×{graph.trips(region.index)}", count + region.index, True)
        for region in graph.regions
    ]
    name = OUTSIDE if count or len(loops) > 1 else ALL
    outside = Part(name, count + len(loops), False)
    found = []
    for op in graph.ops:
        if op.primitive != ARGUMENT and numbers[op.index] >= 0:
            found.append(by_layer[numbers[op.index]])
        else:
            found.append(loops[op.region] if op.region > 0 else outside)
    return Parts(tuple(found), tuple(phase_of(op) for op in graph.ops))
