"""Axis sizes that are searched, beside searches on given ones at the same number of evaluated states."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from autopart.benchmarks.schedules import BATCH, EXPERTS, MODEL
from autopart.costmodel.mesh import Mesh
from autopart.errors import InfeasibleError
from autopart.partitioning.mesh_shapes import AnyMesh, shape_text
from autopart.plan.plan import Plan
from autopart.planner.api import partition_graph
from autopart.planner.auto import Auto
from autopart.program.graph import Graph
from autopart.program.trace import trace_step
from autopart.search import Budget
from autopart.text.quantities import bytes_text, seconds_text

DESCRIPTION = """\
Searches models for a number of devices: once over all mesh shapes, and on given shapes, each time with the same budget
of evaluated states in total. Goals: fit in memory, then be fast, then be small.
"""
EXAMPLES = """\
examples:
  python -m benchmarks.mesh_shapes                                     t32, unet, it32 for 32 TPU v3 (minutes)
  python -m benchmarks.mesh_shapes --models moe --device tpu_v4
  python -m benchmarks.mesh_shapes --json | tail -1                    the figures, for a script
"""
ANY: Final = "auto"


@dataclass(frozen=True)
class Trial:
    """One search.

    Attributes:
        seed: of its random numbers.
        plan: what it found; the nearest where nothing fits.
        fits: whether it respects the limits.
        seconds: wall time of it, the trace not included.
    """

    seed: int
    plan: Plan
    fits: bool
    seconds: float


@dataclass(frozen=True)
class Row:
    """The searches of a model on one shape, or on any.

    Attributes:
        model, asked: by name; ``auto`` for any shape.
        trials: one for each seed.
    """

    model: str
    asked: str
    trials: tuple[Trial, ...]

    def document(self) -> dict[str, Any]:
        """The figures as plain JSON values."""
        figures = [trial.plan.metrics for trial in self.trials]
        return {
            "model": self.model,
            "mesh": self.asked,
            "found": [shape_text(trial.plan.problem.mesh.axis_sizes) for trial in self.trials],
            "step_s": [m["step_s"] for m in figures],
            "peak_memory_bytes": [m["peak_memory_bytes"] for m in figures],
            "fits": [trial.fits for trial in self.trials],
            "states": [trial.plan.search["simulations"] for trial in self.trials],
            "seconds": [trial.seconds for trial in self.trials],
            "shapes": [trial.plan.search.get("shapes", []) for trial in self.trials],
        }


def search(graph: Graph, mesh: Mesh | AnyMesh, seed: int, budget: int) -> Trial:
    """One search of a program."""
    begin, fits = time.perf_counter(), True
    try:
        plan = partition_graph(graph, mesh, tactics=[Auto(budget=Budget(budget), seed=seed)])
    except InfeasibleError as error:
        plan, fits = error.plan, False
    return Trial(seed, plan, fits, time.perf_counter() - begin)


def table(rows: Sequence[Row]) -> Table:
    """A row for each model and mesh: medians over the seeds."""
    out = Table(title="one budget: any shape, and given ones", title_justify="left")
    for column in ("model", "mesh", "found"):
        out.add_column(column)
    for column in ("a step", "slowest seed", "a device", "states", "seconds"):
        out.add_column(column, justify="right")
    for row in rows:
        found = row.document()
        fits = "" if all(found["fits"]) else " (does not fit)"
        out.add_row(
            row.model, row.asked, ", ".join(dict.fromkeys(found["found"])),
            seconds_text(statistics.median(found["step_s"])), seconds_text(max(found["step_s"])),
            bytes_text(statistics.median(found["peak_memory_bytes"])) + fits,
            f"{max(found['states'])}", f"{statistics.median(found['seconds']):.1f}",
        )  # fmt: skip
    return out


def shapes(row: Row) -> Table:
    """What the first seed's search over all shapes saw."""
    out = Table(title=f"{row.model}: shapes of seed {row.trials[0].seed}", title_justify="left")
    out.add_column("mesh")
    for column in ("states", "a step", "a device"):
        out.add_column(column, justify="right")
    out.add_column("")
    for seen in row.trials[0].plan.search["shapes"]:
        figures, sizes = seen["metrics"], shape_text(list(seen["axes"].values()))
        cells = (seconds_text(figures["step_s"]), bytes_text(figures["peak_memory_bytes"])) if figures else ("", "")
        out.add_row(sizes, str(seen["states"]), *cells, seen.get("refused", ""))
    return out


def parser() -> argparse.ArgumentParser:
    """The command line."""
    out = argparse.ArgumentParser(
        prog="python -m benchmarks.mesh_shapes", description=DESCRIPTION, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    out.add_argument("--models", nargs="+", choices=list(EXPERTS), default=["t32", "unet", "it32"], help="by name")
    out.add_argument("--devices", type=int, default=32, help="how many (default: 32)")
    out.add_argument("--device", default="tpu_v3", help="profile (default: tpu_v3)")
    out.add_argument("--beside", nargs="*", default=["16x2", "8x4"], metavar="AxB", help="given (default: 16x2 8x4)")
    out.add_argument("--seeds", type=int, default=3, help="searches of each (default: 3)")
    out.add_argument("--budget", type=int, default=2000, help="evaluated states of a search (default: 2000)")
    out.add_argument("--preset", choices=("full", "tiny"), default="full", help="sizes (default: full)")
    out.add_argument("--json", action="store_true", help="print the figures as JSON, as the last line")
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status."""
    options = parser().parse_args(argv)
    if options.seeds < 1 or options.budget < 1:
        parser().error("--seeds and --budget must be at least 1")
    meshes: dict[str, Mesh | AnyMesh] = {ANY: AnyMesh(options.devices, options.device, (BATCH, MODEL))}
    for text in options.beside:
        sizes = [int(size) for size in text.split("x")]
        meshes[text] = Mesh(dict(zip((BATCH, MODEL), sizes, strict=True)), options.device)
    rows: list[Row] = []
    progress = Console(stderr=True)
    with progress.status("") as status:
        for model in options.models:
            status.update(f"{model}: tracing")
            graph = trace_step(EXPERTS[model][0](options.preset))
            for asked, mesh in meshes.items():
                trials = []
                for seed in range(options.seeds):
                    status.update(f"{model} on {asked}: seed {seed}")
                    trials.append(search(graph, mesh, seed, options.budget))
                rows.append(Row(model, asked, tuple(trials)))
                progress.print(json.dumps(rows[-1].document()), markup=False, soft_wrap=True)
    terminal = Console()
    terminal.print(table(rows))
    for row in rows:
        if row.asked == ANY:
            terminal.print(shapes(row))
    if options.json:
        print(json.dumps([row.document() for row in rows]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
