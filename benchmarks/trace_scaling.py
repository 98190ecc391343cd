"""How the seconds of each part of partitioning grow with a program's leaves, conditions and barriers.

Three kinds of programs that stress what is looked up once an item: a step over many small leaves that are carried over,
many conditions one after the other, and many joint barriers. Per item the seconds must stay about the same: what grows
with a program compares everything with everything.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import jax
import jax.numpy as jnp
from rich.console import Console
from rich.table import Table

from autopart.benchmarks.partitioning_time import JAX_TRACE, Seconds, clock
from autopart.costmodel.mesh import Mesh
from autopart.emit.jit import constrained
from autopart.emit.lower import lower
from autopart.emit.spmd import spmd
from autopart.partitioning.jax_mesh import abstract_mesh
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.step import Step
from autopart.program.trace import trace_step
from autopart.text.quantities import seconds_text

DESCRIPTION = """\
Times JAX's own trace and the parts of partitioning on programs of growing size: leaves that are carried over,
conditions, and joint barriers. Seconds per item must be about the same in every row of a kind.
"""
EXAMPLES = """\
examples:
  python -m benchmarks.trace_scaling                        all kinds, to the trace
  python -m benchmarks.trace_scaling --all                  the parts after the trace too (minutes)
  python -m benchmarks.trace_scaling --kind leaves --json | tail -1
"""

OURS: Final = "graph"
"""What ``autopart.trace`` takes; JAX knows the trace of a function that it has traced, so that it is ours alone."""

REST: Final = ("Problem", "State, metrics", "Program", "jaxpr of spmd()", "jaxpr of jit()")
"""The parts after the trace, in order."""


def leaves(count: int) -> Step:
    """An update of so many small arrays of different names, in one dictionary and not all of it carried whole."""

    def step(params: dict[str, Any], scale: Any) -> tuple[dict[str, Any], Any]:
        new = {name: array * scale for name, array in params.items()}
        return {**new, "total": scale + 1.0}, scale

    params = {f"w{i}": jax.ShapeDtypeStruct((8,), jnp.float32) for i in range(count)}
    return Step(step, (params, jax.ShapeDtypeStruct((), jnp.float32)), donate_argnums=(0,))


def conditions(count: int) -> Step:
    """So many conditions, one after the other."""

    def step(x: Any, test: Any) -> Any:
        for _ in range(count):
            x = jax.lax.cond(test, jnp.sin, jnp.cos, x)
        return x

    return Step(step, (jax.ShapeDtypeStruct((8,), jnp.float32), jax.ShapeDtypeStruct((), jnp.bool_)))


def barriers(count: int) -> Step:
    """So many joint barriers over two arrays, one after the other."""

    def step(x: Any, y: Any) -> tuple[Any, Any]:
        for _ in range(count):
            x, y = jax.lax.optimization_barrier((jnp.sin(x), jnp.cos(y)))
        return x, y

    one = jax.ShapeDtypeStruct((8,), jnp.float32)
    return Step(step, (one, one))


KINDS: Final[dict[str, tuple[Callable[[int], Step], tuple[int, ...]]]] = {
    "leaves": (leaves, (1_000, 5_000, 10_000, 20_000)),
    "conditions": (conditions, (100, 400, 800, 1_600)),
    "barriers": (barriers, (500, 2_000, 4_000, 8_000)),
}
"""What grows -> the program of a size, and the sizes."""


@dataclass(frozen=True)
class Row:
    """A program that was timed.

    Attributes:
        kind: what grows.
        count: how many of these.
        jax_s: seconds of JAX's own trace.
        ours_s: seconds from there to our graph.
        rest_s: seconds of each part after that which was timed.
    """

    kind: str
    count: int
    jax_s: float
    ours_s: float
    rest_s: Seconds

    @property
    def ratio(self) -> float:
        """Ours over JAX's."""
        return self.ours_s / self.jax_s

    @property
    def per_item_s(self) -> float:
        """Seconds of ours per item."""
        return self.ours_s / self.count


def measure(kind: str, count: int, with_rest: bool) -> Row:
    """Times a program; the parts after the trace only with ``with_rest``."""
    step, taken = KINDS[kind][0](count), Seconds()
    clock(taken, JAX_TRACE, lambda: jax.make_jaxpr(step.fn, return_shape=True)(*step.args))
    graph = clock(taken, OURS, lambda: trace_step(step))
    jax_s, ours_s = taken.pop(JAX_TRACE), taken.pop(OURS)
    if with_rest:
        problem = clock(taken, REST[0], lambda: Problem.of(graph, Mesh({"data": 2}, "cpu")))
        state = State(problem)
        clock(taken, REST[1], state.metrics)
        program = clock(taken, REST[2], lambda: lower(state))
        devices = abstract_mesh(state.problem.mesh)
        clock(taken, REST[3], lambda: jax.make_jaxpr(spmd(program, devices))(*step.args))
        clock(taken, REST[4], lambda: jax.make_jaxpr(constrained(program, devices))(*step.args))
    return Row(kind, count, jax_s, ours_s, taken)


def document(rows: Sequence[Row]) -> dict[str, Any]:
    """The figures as plain JSON values; ``growth``: the largest seconds per item of a kind over those of its first."""
    growth: dict[str, float] = {}
    for row in rows:
        first = next(one for one in rows if one.kind == row.kind)
        growth[row.kind] = max(growth.get(row.kind, 0.0), row.per_item_s / first.per_item_s)
    return {
        "rows": [{**asdict(row), "ratio": row.ratio, "per_item_s": row.per_item_s} for row in rows],
        "growth": growth,
    }


def scaling_table(rows: Sequence[Row]) -> Table:
    """A row a program."""
    rest = [part for part in REST if any(part in row.rest_s for row in rows)]
    table = Table(title="Seconds of tracing, per item after JAX's own", title_justify="left")
    for column in ("what grows", "count", "JAX's", "ours", "ratio", "ours per item", *rest):
        table.add_column(column, justify="left" if column == "what grows" else "right")
    for row in rows:
        table.add_row(
            row.kind, f"{row.count:,}", seconds_text(row.jax_s), seconds_text(row.ours_s), f"{row.ratio:.2f}",
            seconds_text(row.per_item_s), *(seconds_text(row.rest_s[part]) for part in rest),
        )  # fmt: skip
    return table


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.trace_scaling",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="what grows (default: each)")
    parser.add_argument("--sizes", type=int, nargs="+", metavar="N", help="how many, instead of the usual sizes")
    parser.add_argument("--all", action="store_true", help="time the parts after the trace too")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, as the last line")
    arguments = parser.parse_args(argv)
    if arguments.sizes and min(arguments.sizes) < 1:
        parser.error("--sizes must be at least 1")
    rows = []
    with Console(stderr=True).status("") as status:
        for kind in arguments.kind or KINDS:
            for count in arguments.sizes or KINDS[kind][1]:
                status.update(f"{count:,} {kind}")
                rows.append(measure(kind, count, arguments.all))
    Console().print(scaling_table(rows))
    if arguments.json:
        print(json.dumps(document(rows)))
    return 0


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    sys.exit(main())
