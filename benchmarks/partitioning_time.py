"""How long partitioning takes, beside XLA's compilation of the same step.

T32 at full size under an expert schedule, for 8 host devices. On our side: the function is traced, turned into a
graph, prepared on the mesh, partitioned, decided, lowered to a Program, and emitted as StableHLO of the explicit one.
On XLA's side: the explicit program (``plan.spmd()``) and the one with shardings (``plan.jit()``) are compiled. All runs
several times in one process; the first time kernels are loaded from their cache (after an installation: compiled), and
JAX fills its own caches.

Two shares are given. "all" counts everything on our side. "without JAX's trace" leaves out running the user's function
under JAX's tracers, which ``jax.jit`` does too before it compiles, and which partitioners inside a compiler do not see.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import jax
from rich.console import Console
from rich.table import Table

from autopart.benchmarks.accuracy.description import placed
from autopart.benchmarks.models import t32
from autopart.benchmarks.schedules import BATCH, MODEL, T32
from autopart.costmodel.mesh import Mesh
from autopart.emit.lower import lower
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.plan.plan import plan_of
from autopart.plan.verify import HOST_DEVICES
from autopart.program.trace import trace_step
from autopart.tactics.manual import apply_schedule
from autopart.text.quantities import seconds_text

DESCRIPTION = """\
Times what partitioning T32 takes, part by part, beside XLA's compilation of the same step for 8 host devices: from the
function to the StableHLO of the explicit program. "first" holds what is done once in a process: kernels are loaded
from their cache (after an installation: compiled), and JAX fills its caches. The median of later rounds follows.
"""
EXAMPLES = """\
examples:
  python -m benchmarks.partitioning_time                    32 layers, BP+MP+Z2, three rounds (two minutes)
  python -m benchmarks.partitioning_time --layers 4         of a shallow T32
  python -m benchmarks.partitioning_time --json | tail -1   {"share": ..., "share_without_jax_trace": ..., ...}
"""
MESH: Final = Mesh({BATCH: 4, MODEL: 2}, "cpu")

JAX_TRACE: Final = "JAX's trace of the function"
OURS: Final = (
    JAX_TRACE,
    "graph",
    "tables (Problem)",
    "schedule, propagation",
    "layout, estimates",
    "Program",
    "StableHLO of plan.spmd()",
)
"""The parts of partitioning, in order."""

SPMD, JIT = "XLA: plan.spmd()", "XLA: plan.jit()"
JIT_LOWERING: Final = "StableHLO of plan.jit()"
"""What the other way out takes in place of the explicit program's StableHLO."""

Seconds = dict[str, float]
"""Part -> seconds."""

ResultT = TypeVar("ResultT")


def clock(taken: Seconds, part: str, work: Callable[[], ResultT]) -> ResultT:
    """Does the work and notes the seconds that it took."""
    begin = time.perf_counter()
    result = work()
    taken[part] = time.perf_counter() - begin
    return result


def measure(layers: int, schedule: str) -> Seconds:
    """One round: everything once, from the function to the executables."""
    taken: Seconds = {}

    step = t32.step(layers=layers, remat=False)
    clock(taken, JAX_TRACE, lambda: jax.make_jaxpr(step.fn, return_shape=True)(*step.args))
    graph = clock(taken, OURS[1], lambda: trace_step(step))  # JAX knows the trace of a function that it has traced.
    problem = clock(taken, OURS[2], lambda: Problem.of(graph, MESH))
    state = State(problem)
    clock(taken, OURS[3], lambda: apply_schedule(state, T32[schedule]))
    clock(taken, OURS[4], state.metrics)
    clock(taken, OURS[5], lambda: lower(state))
    plan = plan_of(problem, T32[schedule])
    _ = plan.program
    explicit = jax.jit(
        plan.spmd(), in_shardings=plan.in_shardings, out_shardings=plan.out_shardings,
        donate_argnums=plan.donate_argnums,
    )  # fmt: skip
    arguments = placed(step.args, plan)
    constrained: Any = plan.jit()
    lowered: Any = clock(taken, OURS[6], lambda: explicit.lower(*arguments))
    clock(taken, SPMD, lowered.compile)
    lowered = clock(taken, JIT_LOWERING, lambda: constrained.lower(*arguments))
    clock(taken, JIT, lowered.compile)
    return taken


def document(layers: int, schedule: str, rounds: Sequence[Seconds]) -> dict[str, Any]:
    """The figures as plain JSON values; those of the rounds after the first are medians."""
    first = rounds[0]
    later = {part: statistics.median(one[part] for one in rounds[1:] or rounds) for part in first}
    return {
        "layers": layers,
        "schedule": schedule,
        "rounds": len(rounds),
        "seconds": later,
        "first_seconds": first,
        "partitioning_s": sum(later[part] for part in OURS),
        **shares(later),
        "first": shares(first),
    }


def shares(taken: Seconds) -> dict[str, float]:
    """Partitioning over compilation: of ``plan.spmd()`` and, with ``_jit``, of ``plan.jit()``."""
    ours = sum(taken[part] for part in OURS)
    own = ours - taken[JAX_TRACE]
    return {
        "share": ours / taken[SPMD],
        "share_without_jax_trace": own / taken[SPMD],
        "share_jit": ours / taken[JIT],
        "share_without_jax_trace_jit": own / taken[JIT],
    }


def parts_table(figures: dict[str, Any]) -> Table:
    """A row a part: seconds in the first round and in later ones, and its share of compilation."""
    table = Table(
        title=f"T32 of {figures['layers']} layers, {figures['schedule']}, 8 host devices", title_justify="left"
    )
    for column in ("part", "first", "later", f"of {SPMD}", f"of {JIT}"):
        table.add_column(column, justify="left" if column == "part" else "right")
    first, later = figures["first_seconds"], figures["seconds"]

    def row(name: str, parts: Sequence[str]) -> None:
        begin, after = sum(first[part] for part in parts), sum(later[part] for part in parts)
        of = [f"{after / later[whole]:.1%}" for whole in (SPMD, JIT)]
        table.add_row(name, seconds_text(begin), seconds_text(after), *of)

    for part in OURS:
        row(part, (part,))
    table.add_section()
    row("all", OURS)
    row("without JAX's trace", OURS[1:])
    table.add_section()
    for part in (SPMD, JIT_LOWERING, JIT):
        row(part, (part,))
    return table


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.partitioning_time",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--layers", type=int, default=32, help="layers of the model (default: 32, as published)")
    parser.add_argument("--schedule", default="BP+MP+Z2", choices=list(T32), help="default: BP+MP+Z2")
    parser.add_argument("--rounds", type=int, default=3, help="how often all is done (default: 3)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, as the last line")
    arguments = parser.parse_args(argv)
    if min(arguments.layers, arguments.rounds) < 1:
        parser.error("--layers and --rounds must be at least 1")
    rounds = []
    with Console(stderr=True).status("") as status:
        for number in range(1, arguments.rounds + 1):
            status.update(f"round {number} of {arguments.rounds}")
            rounds.append(measure(arguments.layers, arguments.schedule))
    figures = document(arguments.layers, arguments.schedule, rounds)
    Console().print(parts_table(figures))
    if arguments.json:
        print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", HOST_DEVICES)
    sys.exit(main())
