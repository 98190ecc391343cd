"""T32 written with a scan over its layers beside the same written out: layouts, cost, and the time of analysis."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from autopart.benchmarks import throughput
from autopart.benchmarks.models import t32
from autopart.benchmarks.schedules import BATCH, MODEL, T32, T32_SCAN
from autopart.costmodel.mesh import Mesh
from autopart.emit.spmd import spec
from autopart.game.actions import action_table
from autopart.game.partition_game import PartitionGame
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.plan.plan import Plan, plan_of
from autopart.planner.api import partition_graph
from autopart.planner.auto import Auto
from autopart.program.trace import trace_step
from autopart.search import Budget

EXAMPLES = """\
examples:
  python -m benchmarks.scan                        T32 at full size, with remat
  python -m benchmarks.scan --simulations 500
  python -m benchmarks.scan --json | tail -1       the figures, for a script
"""
MESH = Mesh({BATCH: 16, MODEL: 2}, "tpu_v3")
SEARCHED = "searched"
Layouts = dict[str, str]
"""Argument, with ``*`` for the number of its layer -> PartitionSpec of one layer's part."""


@dataclass(frozen=True)
class Form:
    """One way to write the model.

    Attributes:
        ops: ops of the graph.
        trace_s: seconds to trace it.
        prepare_s: seconds to make rules, tables and costs of it.
        state_s: mean seconds of one state in random playouts, see ``benchmarks.throughput``.
        plans: by schedule.
    """

    ops: int
    trace_s: float
    prepare_s: float
    state_s: float
    plans: dict[str, Plan]


def measure(scan: bool, layers: int, simulations: int, seconds: float) -> Form:
    """Traces, prepares, plays and plans one form."""
    step = t32.step(scan=scan, layers=layers)
    begin = time.perf_counter()
    graph = trace_step(step)
    traced = time.perf_counter()
    problem = Problem.of(graph, MESH)
    prepared = time.perf_counter()
    game = PartitionGame(State(problem), action_table(problem, MESH.axis_names))
    played = throughput.measure(game, seconds, seed=0)
    plans = {name: plan_of(problem, schedule) for name, schedule in (T32_SCAN if scan else T32).items()}
    plans[SEARCHED] = partition_graph(graph, MESH, tactics=[Auto(budget=Budget(simulations))])
    return Form(len(graph.ops), traced - begin, prepared - traced, played.seconds_per_state, plans)


def layouts(plan: Plan) -> Layouts:
    """Layouts of the arguments of a plan, those of stacked layers as one layer's."""
    graph, found = plan.problem.graph, Layouts()
    taken_apart = plan.problem.stacked[: len(graph.arguments)]
    for argument, stacked, axes in zip(graph.arguments, taken_apart, plan.program.arguments, strict=True):
        whole = "" if not stacked or not axes[0] else f"layers on {axes[0]}; "
        part = axes[1:] if stacked else axes
        name = re.sub(r"(^|/)layers/\d+/", r"\1layers/", argument.name)
        text = whole + str(spec(part))
        found[name] = text if found.get(name, text) == text else f"{found[name]} | {text}"
    return found


def compare(scanned: Form, unrolled: Form) -> dict[str, dict[str, object]]:
    """Per schedule: step seconds and peak bytes of both forms, and the arguments that are laid out differently."""
    rows: dict[str, dict[str, object]] = {}
    for name, plan in scanned.plans.items():
        other = unrolled.plans[name]
        mine, theirs = layouts(plan), layouts(other)
        assert mine.keys() == theirs.keys(), "the same model has the same arguments"
        rows[name] = {
            "step_s": [plan.metrics["step_s"], other.metrics["step_s"]],
            "peak_memory_bytes": [plan.metrics["peak_memory_bytes"], other.metrics["peak_memory_bytes"]],
            "communication_bytes": [plan.metrics["communication_bytes"], other.metrics["communication_bytes"]],
            "different_layouts": sorted(key for key, value in mine.items() if theirs[key] != value),
        }
    return rows


def document(scanned: Form, unrolled: Form) -> dict[str, object]:
    """The figures as plain JSON values; pairs are scan, unrolled."""
    return {
        "ops": [scanned.ops, unrolled.ops],
        "trace_s": [scanned.trace_s, unrolled.trace_s],
        "prepare_s": [scanned.prepare_s, unrolled.prepare_s],
        "state_s": [scanned.state_s, unrolled.state_s],
        "states_faster": unrolled.state_s / scanned.state_s,
        "prepared_faster": (unrolled.trace_s + unrolled.prepare_s) / (scanned.trace_s + scanned.prepare_s),
        "schedules": compare(scanned, unrolled),
    }


def _analysis_table(scanned: Form, unrolled: Form) -> Table:
    table = Table(title="Analysis of T32's train step on 16 x 2 TPU v3", title_justify="left")
    for column in ("form", "ops", "trace s", "prepare s", "µs a state"):
        table.add_column(column, justify="right")
    for name, form in (("scan", scanned), ("unrolled", unrolled)):
        cells = (f"{form.trace_s:.2f}", f"{form.prepare_s:.2f}", f"{form.state_s * 1e6:.0f}")
        table.add_row(name, str(form.ops), *cells)
    return table


def _plans_table(scanned: Form, unrolled: Form) -> Table:
    table = Table(title="Plans: scan / unrolled", title_justify="left")
    for column in ("schedule", "s a step", "ratio", "GiB a device", "layouts that differ"):
        table.add_column(column)
    for name, plan in scanned.plans.items():
        one, other = plan.metrics, unrolled.plans[name].metrics
        mine, theirs = layouts(plan), layouts(unrolled.plans[name])
        different = [key for key, value in mine.items() if theirs[key] != value]
        table.add_row(
            name, f"{one['step_s']:.3f} / {other['step_s']:.3f}", f"{one['step_s'] / other['step_s']:.4f}",
            f"{one['peak_memory_bytes'] / 2**30:.2f} / {other['peak_memory_bytes'] / 2**30:.2f}",
            ", ".join(different) or "none",
        )  # fmt: skip
    return table


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scan",
        description="T32 with its layers scanned beside T32 with its layers written out.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--layers", type=int, default=32, help="depth (default: 32)")
    parser.add_argument("--simulations", type=int, default=2000, help="of the searched plans (default: 2000)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of random playouts of each form (default: 5)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, as the last line")
    arguments = parser.parse_args(argv)
    forms = []
    with Console(stderr=True).status("") as status:
        for scan in (True, False):
            status.update("T32, " + ("scanned" if scan else "unrolled"))
            forms.append(measure(scan, arguments.layers, arguments.simulations, arguments.seconds))
    console = Console(emoji=False)
    console.print(_analysis_table(*forms))
    console.print(_plans_table(*forms))
    if arguments.json:
        print(json.dumps(document(forms[0], forms[1])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
