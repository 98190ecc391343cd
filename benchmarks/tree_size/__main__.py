"""``python -m benchmarks.tree_size``: branching factor, nodes and edges with each analysis on and off."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from autopart.benchmarks.tree_size.cases import MODELS, SETS, SMALL, problem_of
from autopart.benchmarks.tree_size.measure import Row, measure

DESCRIPTION = """\
Walks the tree of actions of programs, every state once, with all analyses, without each of them, and without any; and
searches as often with equal budgets. Models of the zoo are looked at to a depth of two, small programs to the end.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    out = argparse.ArgumentParser(prog="python -m benchmarks.tree_size", description=DESCRIPTION)
    out.add_argument("--programs", nargs="+", choices=(*SMALL, *MODELS), default=[*SMALL, *MODELS], help="default: all")
    out.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS), help="default: all")
    out.add_argument("--depth", type=int, default=2, help="of the trees of models (default: 2)")
    out.add_argument("--most", type=int, default=20_000, help="states after which a walk ends (default: 20,000)")
    out.add_argument("--seeds", type=int, default=3, help="searches of each (default: 3)")
    out.add_argument("--budget", type=int, default=500, help="evaluated states of a search (default: 500)")
    out.add_argument("--preset", choices=("full", "tiny"), default="full", help="sizes of models (default: full)")
    out.add_argument("--json", action="store_true", help="print the figures as JSON, as the last line")
    return out


def table_of(rows: Sequence[Row]) -> Table:
    """A row for each program and set of analyses."""
    out = Table(title="the tree with analyses on and off")
    for column in ("program", "analyses"):
        out.add_column(column)
    for column in ("root", "mean", "nodes", "edges", "states to prove", "states/s", "step"):
        out.add_column(column, justify="right")
    for row in rows:
        mark = "" if row.tree.complete else "+"
        out.add_row(
            row.program, row.analyses, str(row.tree.root), f"{row.tree.mean:.1f}", f"{row.tree.nodes}{mark}",
            f"{row.tree.edges}{mark}", str(row.states) if row.proven else "-", f"{row.states_per_s:.0f}",
            f"{row.step_s * 1e3:.3f} ms",
        )  # fmt: skip
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status."""
    options = parser().parse_args(argv)
    if min(options.depth, options.most, options.seeds, options.budget) < 1:
        parser().error("--depth, --most, --seeds and --budget must be at least 1")
    rows: list[Row] = []
    with Console(stderr=True).status("") as status:
        for program in options.programs:
            problem = problem_of(program, options.preset)
            depth = None if program in SMALL else options.depth
            for name in options.sets:
                status.update(f"{program}: {name}")
                some = (depth, options.most, options.seeds, options.budget)
                rows.append(measure(program, name, problem, SETS[name], *some))
    Console().print(table_of(rows))
    if options.json:
        print(json.dumps([row.document() for row in rows]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
