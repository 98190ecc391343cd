"""Collectives of T32's expert schedules, counted three times: in the state, the Program and StableHLO.

The model is the published one: T32 without recomputation, on a 16 x 2 mesh of TPU v3. Each schedule is applied,
its collectives are counted in the layout that search decides and prices, in the explicit SPMD Program, and in
the StableHLO of that program, lowered at full size without devices. All three must agree by kind, mesh
axes and bytes; otherwise the script says where they differ and exits with 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

import autopart.layout as lay
from autopart.emit.stablehlo import lowered_collectives
from autopart.lower import CollectiveKey, by_kind, lower
from autopart.problem import Problem
from autopart.state import State
from autopart.tactics import apply_schedule
from autopart.trace import trace_step
from benchmarks.models import t32
from benchmarks.schedules import BATCH, MODEL, T32
from costmodel.collectives import ALL_SLICE, KIND_NAMES, unpack_axes
from costmodel.mesh import Mesh

DESCRIPTION = """\
Counts the collectives of T32's expert schedules (BP, MP, BP+MP, BP+MP+Z2, BP+MP+Z3) on a 16x2 mesh of TPU v3:
in the partition state, in the explicit SPMD program, and in its StableHLO. Exits with 1 if they disagree.
"""
EXAMPLES = """\
examples:
  python -m benchmarks.collectives                     the table, at full size (half a minute)
  python -m benchmarks.collectives --layers 2          the same of a shallow T32 (seconds)
  python -m benchmarks.collectives --json | tail -1    counts by schedule and kind, for a script
"""


@dataclass(frozen=True)
class Counts:
    """Collectives of one schedule, by kind, mesh axes and full bytes.

    Attributes:
        decided: in the layout that search decides and prices.
        program: in the explicit SPMD Program.
        stablehlo: in the lowered module.
    """

    decided: Counter[CollectiveKey]
    program: Counter[CollectiveKey]
    stablehlo: Counter[CollectiveKey]

    @property
    def agree(self) -> bool:
        """Whether all three are equal, kind by kind, axis by axis, byte by byte."""
        return self.decided == self.program == self.stablehlo


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
    """Counts the collectives of the current state three times; lowering takes about a second at full size."""
    program = lower(state)
    return Counts(decided_collectives(state), program.collective_counts(), lowered_collectives(program))


def count_t32(layers: int, console: Console) -> dict[str, Counts]:
    """Counts of every expert schedule of T32 with that many layers."""
    with console.status(f"tracing T32 of {layers} layers") as status:
        step = t32.step(layers=layers, remat=False)
        graph = trace_step(step)
        problem = Problem.of(graph, Mesh({BATCH: 16, MODEL: 2}, "tpu_v3"))
        out = {}
        for name, schedule in T32.items():
            status.update(f"counting and lowering {name}")
            state = State(problem)
            apply_schedule(state, schedule)
            out[name] = count(state)
    return out


def by_kind_table(counts: dict[str, Counts]) -> Table:
    """Three rows a schedule: how many of each kind stand in the state, the Program and StableHLO."""
    occurring = set().union(*(found.decided + found.program + found.stablehlo for found in counts.values()))
    kinds = [kind for kind in by_kind({}) if any(kind == key[0] for key in occurring)]
    table = Table(title="collectives of a step by kind", caption="No other kind occurs.")
    for column in ("schedule", "counted in"):
        table.add_column(column)
    for kind in kinds:
        table.add_column(kind.replace("_", " "), justify="right")
    for name, found in counts.items():
        places = {"state": found.decided, "Program": found.program, "StableHLO": found.stablehlo}
        for place, (where, counter) in enumerate(places.items()):
            cells = [str(by_kind(counter)[kind]) for kind in kinds]
            table.add_row(name if place == 0 else "", where, *cells, style="" if found.agree else "red")
        table.add_section()
    return table


def by_axes_table(counts: dict[str, Counts]) -> Table:
    """A row for each schedule, kind and set of axes: how many, and their bytes in full along the axes."""
    table = Table(title="the same by mesh axes (bytes of the arrays in full along the axes)")
    for column in ("schedule", "kind", "axes"):
        table.add_column(column)
    for column in ("count", "GB in all"):
        table.add_column(column, justify="right")
    for name, found in counts.items():
        rows: dict[tuple[str, str], tuple[int, int]] = {}
        for (kind, axes, nbytes), number in sorted(found.program.items()):
            before = rows.get((kind, ", ".join(axes)), (0, 0))
            rows[kind, ", ".join(axes)] = (before[0] + number, before[1] + number * nbytes)
        for place, ((kind, axes_text), (number, total)) in enumerate(rows.items()):
            table.add_row(name if place == 0 else "", kind, axes_text, str(number), f"{total / 1e9:.2f}")
        table.add_section()
    return table


def disagreements(counts: dict[str, Counts]) -> list[str]:
    """A line for every collective that is not counted alike."""
    lines = []
    for name, found in counts.items():
        for key in sorted(found.decided.keys() | found.program.keys() | found.stablehlo.keys()):
            numbers = (found.decided[key], found.program[key], found.stablehlo[key])
            if len(set(numbers)) > 1:
                kind, axes, nbytes = key
                lines.append(
                    f"{name}: {kind} over {', '.join(axes)} of {nbytes} bytes: {numbers[0]} in the state, "
                    f"{numbers[1]} in the Program, {numbers[2]} in StableHLO"
                )
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status, 1 if the counts disagree."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.collectives",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--layers", type=int, default=32, help="layers of the model (default: 32, as published)")
    parser.add_argument("--json", action="store_true", help="print the counts by kind as JSON, as the last line")
    arguments = parser.parse_args(argv)
    if arguments.layers < 1:
        parser.error(f"--layers must be at least 1, not {arguments.layers}")
    counts = count_t32(arguments.layers, Console(stderr=True))
    console = Console()
    console.print(by_kind_table(counts), by_axes_table(counts))
    for line in disagreements(counts):
        print(f"disagreement: {line}", file=sys.stderr)
    if arguments.json:
        print(json.dumps({"t32": {name: by_kind(found.program) for name, found in counts.items()}}))
    return 0 if all(found.agree for found in counts.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
