"""``python -m benchmarks.gap``: how far searches end from what is proven to be the best."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from autopart.benchmarks.gap.blocks import BLOCKS, MESHES, BlockGap, block_gap
from autopart.benchmarks.gap.programs import SMALL
from autopart.benchmarks.gap.small import SHAPES, SmallGap, small_gap

DESCRIPTION = """\
Small programs: every state of the game is looked at (or ruled out by a bound), and the search's answer is compared with
the best. Whole layers: an integer program over tables of costs gives the best choice for every single op; the search's
answer is compared with it where devices do one thing at a time, which is what the tables price.
"""
EXAMPLES = """\
examples:
  python -m benchmarks.gap --shapes 4 --blocks                 small programs on one axis (a minute)
  python -m benchmarks.gap --programs embedding head --blocks --seeds 5
  python -m benchmarks.gap --programs --blocks "t32, 1 layer" --json | tail -1
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    out = argparse.ArgumentParser(
        prog="python -m benchmarks.gap", description=DESCRIPTION, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    out.add_argument("--programs", nargs="*", choices=list(SMALL), default=list(SMALL), help="default: all")
    out.add_argument(
        "--shapes", nargs="+", choices=list(SHAPES), default=list(SHAPES), help="of programs; default: all"
    )
    out.add_argument("--blocks", nargs="*", choices=list(BLOCKS), default=list(BLOCKS), help="default: all")
    out.add_argument("--meshes", nargs="+", choices=list(MESHES), default=list(MESHES), help="of blocks; default: all")
    out.add_argument("--seeds", type=int, default=5, help="searches of each (default: 5)")
    out.add_argument("--budget", type=int, default=2000, help="evaluated states of a search (default: 2000)")
    out.add_argument("--limit", type=float, default=600.0, help="seconds that an enumeration may take (default: 600)")
    out.add_argument("--json", action="store_true", help="print the figures as JSON, as the last line")
    return out


def small_table(rows: Sequence[SmallGap]) -> Table:
    """A row for each small program."""
    out = Table(title="small programs: step time above the best of all states")
    for column in ("program", "mesh", "states", "proven", "optimum, ms", "gap of each seed"):
        out.add_column(column, justify="left" if column in ("program", "mesh") else "right")
    for row in rows:
        gaps = "  ".join(f"{seconds / row.optimum_s - 1:.2%}" for seconds, _ in row.searches)
        out.add_row(
            row.program, row.mesh, str(row.states), "yes" if row.proven else "no", f"{1e3 * row.optimum_s:.4f}", gaps
        )
    return out


def block_table(rows: Sequence[BlockGap]) -> Table:
    """A row for each block."""
    out = Table(title="whole layers: seconds above the optimum of the tables")
    columns = (
        "program",
        "mesh",
        "optimum, s",
        "proven",
        "solver, s",
        "op by op",
        "schedule",
        "search",
        "on the tables",
    )
    for column in columns:
        out.add_column(column, justify="left" if column in ("program", "mesh") else "right")
    for row in rows:
        found, tabled = row.document(), row.document()["table_gap"]
        out.add_row(
            row.program, row.mesh, f"{row.optimum_s:.5f}", "yes" if row.proven else "no", f"{row.solver_s:.1f}",
            f"{row.gap(row.op_by_op):.2%}", f"{row.gap(row.schedule):.2%}", f"{found['gap']:.2%}",
            "-" if tabled is None else f"{tabled:.2%}",
        )  # fmt: skip
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status."""
    options = parser().parse_args(argv)
    if options.seeds < 1 or options.budget < 1 or not options.limit > 0:
        parser().error("--seeds and --budget must be at least 1, --limit above 0")
    seeds, terminal = range(options.seeds), Console(stderr=True)
    small: list[SmallGap] = []
    blocks: list[BlockGap] = []
    with terminal.status("") as status:
        for program, shape in itertools.product(options.programs, options.shapes):
            status.update(f"{program} on {shape}")
            small.append(small_gap(program, shape, seeds, options.budget, options.limit))
            terminal.print(json.dumps(small[-1].document()), markup=False, soft_wrap=True)
        for program in options.blocks:
            for mesh in options.meshes:
                status.update(f"{program} on {mesh}")
                blocks.append(block_gap(program, mesh, seeds, options.budget))
                terminal.print(json.dumps(blocks[-1].document()), markup=False, soft_wrap=True)
    if small:
        Console().print(small_table(small))
    if blocks:
        Console().print(block_table(blocks))
    if options.json:
        print(json.dumps([*(row.document() for row in small), *(row.document() for row in blocks)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
