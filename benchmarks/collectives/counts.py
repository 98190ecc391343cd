"""Collectives of a partition state, counted where they are decided, written down and lowered."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from autopart.costmodel.collectives import ALL_SLICE, KIND_NAMES, unpack_axes
from autopart.emit.lower import CollectiveKey, lower
from autopart.emit.stablehlo import lowered_collectives
from autopart.partitioning.state import State
from autopart.sharding import layout as lay


@dataclass(frozen=True)
class Counts:
    """Collectives of one state, by kind, mesh axes and full bytes.

    Attributes:
        decided: in the layout that search decides and prices.
        program: in the explicit SPMD Program.
        stablehlo: in the lowered module.
        executed: as the Program runs them in a step: those in a loop's body once for each trip.
    """

    decided: Counter[CollectiveKey]
    program: Counter[CollectiveKey]
    stablehlo: Counter[CollectiveKey]
    executed: Counter[CollectiveKey]

    @property
    def agree(self) -> bool:
        """Whether the three counts of the text are equal, kind by kind, axis by axis, byte by byte."""
        return self.decided == self.program == self.stablehlo

    def disagreements(self) -> list[str]:
        """A line for every collective that is not counted alike."""
        lines = []
        for key in sorted(self.decided.keys() | self.program.keys() | self.stablehlo.keys()):
            numbers = (self.decided[key], self.program[key], self.stablehlo[key])
            if len(set(numbers)) > 1:
                kind, axes, nbytes = key
                lines.append(
                    f"{kind} over {', '.join(axes)} of {nbytes} bytes: {numbers[0]} in the state, "
                    f"{numbers[1]} in the Program, {numbers[2]} in StableHLO"
                )
        return lines


def decided_collectives(state: State) -> Counter[CollectiveKey]:
    """The collectives that the state's metrics price."""
    now, names = state.layout(), state.problem.mesh.axis_names
    found: Counter[CollectiveKey] = Counter()
    for row in range(int(now.counts[0])):
        kind = int(now.moves[row, lay.KIND])
        if kind != ALL_SLICE:
            axes = sorted(unpack_axes(int(now.moves[row, lay.AXES])))
            found[KIND_NAMES[kind], tuple(names[a] for a in axes), round(float(now.move_bytes[row]))] += 1
    return found


def count(state: State) -> Counts:
    """Counts the collectives of the current state; lowering takes about a second for T32 at full size."""
    program = lower(state)
    return Counts(
        decided_collectives(state), program.collective_counts(), lowered_collectives(program), program.executed_counts()
    )
