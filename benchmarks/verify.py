"""Same answer, same collectives: every expert schedule, a searched plan and random states, executed in tiny.

Each program runs three ways on 8 host devices: as it was written, as the explicit SPMD program, and under
``jax.jit`` with the plan's shardings. Collectives are compared between the decided state, the Program and the
lowered StableHLO, by kind, axes and bytes.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from autopart.benchmarks.collectives.counts import decided_collectives
from autopart.benchmarks.schedules import BATCH, EXPERTS, MODEL, Schedules
from autopart.costmodel.mesh import Mesh
from autopart.errors import VerificationError
from autopart.game.actions import action_table
from autopart.game.partition_game import PartitionGame
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.plan.plan import Plan, plan_of
from autopart.plan.verify import HOST_DEVICES, check_collectives, execute
from autopart.planner.api import partition_graph
from autopart.planner.auto import Auto
from autopart.program.step import Step
from autopart.program.trace import trace_step
from autopart.search import Budget

EXAMPLES = """\
examples:
  python -m benchmarks.verify                      every program, a row each (half an hour)
  python -m benchmarks.verify --models moe gns     those of some models
  python -m benchmarks.verify --json | tail -1     {"programs": ..., "wrong_answers": 0, "wrong_collectives": 0, ...}
"""
MESH = Mesh({BATCH: 4, MODEL: 2}, "cpu")
RANDOM_STATES = 3
RANDOM_DEPTH = 5


@dataclass(frozen=True)
class Row:
    """One verified program.

    Attributes:
        name: model and schedule.
        collectives: by kind, as the lowered program has them.
        error: largest relative difference of an output; infinite where outputs differ by more than allowed.
        fault: what was wrong, or nothing.
        kind: ``answer`` or ``collectives`` if something was wrong.
    """

    name: str
    collectives: dict[str, int]
    error: float
    fault: str = ""
    kind: str = ""


def models() -> dict[str, tuple[Callable[[], Step], Schedules]]:
    """Name -> how to make its tiny step, and its expert schedules."""

    def tiny(model: str, **fields: Any) -> tuple[Callable[[], Step], Schedules]:
        make, schedules = EXPERTS[model]
        return functools.partial(make, preset="tiny", **fields), schedules

    return {
        "mlp": tiny("mlp"),
        "t32": tiny("t32", remat=False),
        "t32 remat": tiny("t32", remat=True),
        "t32 scan": tiny("t32_scan"),
        "t48": tiny("t48"),
        "llama3_8b": tiny("llama3_8b"),
        "it32": tiny("it32"),
        "it32 while": tiny("it32", loop="while"),
        "it32_mq": tiny("it32_mq"),
        "unet": tiny("unet"),
        "gns": tiny("gns"),
        "moe": tiny("moe"),
        "mixtral": tiny("mixtral"),
        "resnet": tiny("resnet"),
    }


def plans(step: Step, schedules: Schedules, simulations: int) -> Iterator[tuple[str, Plan]]:
    """Replicated, the expert schedules, a searched plan, and random valid states."""
    graph = trace_step(step)
    problem = Problem.of(graph, MESH)
    yield "replicated", plan_of(problem, ())
    for name, schedule in schedules.items():
        yield name, plan_of(problem, schedule)
    yield "searched", partition_graph(graph, MESH, tactics=[Auto(budget=Budget(simulations))])
    table = action_table(problem, MESH.axis_names, State(problem))
    for seed in range(RANDOM_STATES):
        game, rng = PartitionGame(State(problem), table), np.random.default_rng(seed)
        for _ in range(RANDOM_DEPTH):
            if actions := game.actions():
                game.apply(actions[int(rng.integers(len(actions)))])
        yield f"random {seed}", plan_of(problem, game.tactics())


def check(name: str, step: Step, plan: Plan) -> Row:
    """Executes one plan and compares."""
    try:
        counts = check_collectives(plan)
        if decided_collectives(plan.state) != plan.program.collective_counts():
            raise VerificationError("the decided state and the Program count different collectives")
    except VerificationError as error:
        return Row(name, {}, float("nan"), str(error), "collectives")
    try:
        explicit, jitted = execute(step, plan)
    except VerificationError as error:
        return Row(name, counts, float("inf"), str(error), "answer")
    return Row(name, counts, max(row.error for row in (*explicit, *jitted)))


def rows_table(rows: Sequence[Row]) -> Table:
    """A row a program."""
    axes = " x ".join(f"{axis} {size}" for axis, size in MESH.axes.items())
    table = Table(title=f"Executed on {HOST_DEVICES} host devices ({axes})", title_justify="left")
    for column in ("program", "largest difference", "collectives", ""):
        table.add_column(column)
    for row in rows:
        kinds = ", ".join(f"{n} {kind}" for kind, n in row.collectives.items() if n) or "none"
        table.add_row(row.name, f"{row.error:.1e}", kinds, row.fault)
    return table


def document(rows: Sequence[Row]) -> dict[str, object]:
    """The figures as plain JSON values."""
    total: Counter[str] = Counter()
    for row in rows:
        total.update(row.collectives)
    return {
        "programs": len(rows),
        "wrong_answers": sum(row.kind == "answer" for row in rows),
        "wrong_collectives": sum(row.kind == "collectives" for row in rows),
        "largest_difference": max(row.error for row in rows),
        "collectives": dict(total),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status: 1 if anything was wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.verify",
        description="Executes tiny presets under every schedule on 8 host devices and compares them with the original.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--models", nargs="+", default=list(models()), choices=list(models()), help="default: all")
    parser.add_argument("--simulations", type=int, default=500, help="of the searched plan (default: 500)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, as the last line")
    arguments = parser.parse_args(argv)
    rows = []
    with Console(stderr=True).status("") as status:
        for model in arguments.models:
            make, schedules = models()[model]
            step = make()
            for name, plan in plans(step, schedules, arguments.simulations):
                status.update(f"{model}: {name}")
                rows.append(check(f"{model}: {name}", step, plan))
    Console(emoji=False).print(rows_table(rows))
    figures = document(rows)
    if arguments.json:
        print(json.dumps(figures))
    return 1 if figures["wrong_answers"] or figures["wrong_collectives"] else 0


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", HOST_DEVICES)
    sys.exit(main())
