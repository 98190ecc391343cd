"""Our table of sharding rules beside Shardy's, for every primitive that is lowered to ops of which Shardy has rules.

Ops are taken from programs: those that name each primitive, the models' tiny presets, and random ones. Each is
lowered by itself to StableHLO, on which Shardy's own pass, in the installed jaxlib, writes its rules. Both rules
are compared dimension by dimension: which dimensions are tied, how fine they may be cut, and what the op then does.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Iterator, Sequence

import jax
from rich.console import Console
from rich.table import Table

from autopart.benchmarks.fuzz.generate import generate
from autopart.benchmarks.schedules import EXPERTS
from autopart.benchmarks.shardy.comparison import Comparison, Row, compare
from autopart.benchmarks.shardy.instances import instances, line_graphs
from autopart.benchmarks.shardy.reasons import REASONS
from autopart.benchmarks.shardy.verdict import Verdict
from autopart.program.graph import Graph
from autopart.program.trace import trace, trace_step

DESCRIPTION = """\
Compares our sharding rules with those of Shardy, the partitioner in jaxlib: who ties more dimensions, and why.
Exits with 1 if a difference has no reason in benchmarks/shardy/reasons.py.
"""
EXAMPLES = """\
examples:
  python -m benchmarks.shardy_rules                     the table (a quarter of a minute)
  python -m benchmarks.shardy_rules --differences       only where the rules differ, with every way in which they do
  python -m benchmarks.shardy_rules --json | tail -1    {"primitives": ..., "equal": ..., "unexplained": 0}

how to read a rule: letters name factors, dimensions of one letter are cut alike; "_" stays whole; "(i j)" is a
dimension whose major part is i and minor part j; "sum={k}": where k is cut, parts of the result are summed.
"""
RANDOM_PROGRAMS = 20


def programs(random: int) -> Iterator[Graph]:
    """The traced programs whose ops are compared."""
    yield from line_graphs()
    for make, _ in EXPERTS.values():
        yield trace_step(make(preset="tiny"))
    for seed in range(random):
        program = generate((seed,))
        yield trace(program.function(), *program.arguments())


def row_cells(row: Row) -> list[list[str]]:
    """A line of the table for each set of differences."""
    lines = []
    for example in sorted(row.examples.values(), key=lambda example: len(example.differences)):
        ways = "; ".join(sorted(difference.value[0] for difference in example.differences))
        lines.append([str(example.shapes), example.ours, example.shardys, ways or "equal"])
    return lines


def table(found: Comparison, only_differences: bool) -> Table:
    """A row a primitive; with ``only_differences`` one for each way in which the rules of a primitive differ."""
    out = Table(title=f"our rules beside Shardy's (jaxlib of JAX {jax.__version__})", title_justify="left")
    names = ["primitive", "shapes", "ours", "Shardy's", "difference" if only_differences else "verdict", "why"]
    for name in names:
        out.add_column(name, overflow="fold")
    for row in found.rows.values():
        if only_differences and row.verdict is Verdict.EQUAL:
            continue
        why = REASONS[row.primitive].text if row.primitive in REASONS else ""
        style = "red" if row.unexplained else ""
        if only_differences:
            for number, cells in enumerate(row_cells(row)):
                out.add_row("" if number else row.primitive, *cells, "" if number else why, style=style)
            out.add_section()
        else:
            example = row.clearest
            out.add_row(
                row.primitive, str(example.shapes), example.ours, example.shardys, row.verdict.value, why, style=style
            )
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status, 1 if a difference is unexplained."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.shardy_rules",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--differences", action="store_true", help="show every way in which rules differ, and no other")
    parser.add_argument("--random", type=int, default=RANDOM_PROGRAMS, help="random programs (default: 20)")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON, as the last line")
    arguments = parser.parse_args(argv)
    if arguments.random < 0:
        parser.error(f"--random must not be negative, but is {arguments.random}")
    with Console(stderr=True).status("lowering every op by itself, and asking Shardy"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Primitives without a rule are not what is compared.
        found = compare(instances(programs(arguments.random)))
    console = Console()
    console.print(table(found, arguments.differences))
    console.print("Shardy has no rule for, or XLA no op of: " + ", ".join(found.without))
    if found.aborted:
        console.print("Shardy aborted its process at: " + ", ".join(found.aborted))
    for row in found.rows.values():
        for difference in sorted(row.unexplained, key=lambda difference: difference.name):
            print(f"unexplained: {row.primitive}: {difference.value[0]}", file=sys.stderr)
    counts = found.counts()
    if arguments.json:
        print(json.dumps(counts))
    return 1 if counts["unexplained"] else 0


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    sys.exit(main())
