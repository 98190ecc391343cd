"""Throws strategies at a strategy graph; see ``--help``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from autopart.benchmarks.strategy_graph.document import DocumentError, StrategyGraph, read, write
from autopart.benchmarks.strategy_graph.generate import generate
from autopart.benchmarks.strategy_graph.solve import Answer, solve
from autopart.search import STRATEGIES, Budget, SearchError

DESCRIPTION = """\
Chooses an option for each node of a graph so that the costs of nodes and edges sum up to as little as may be. FILE is
JSON: {"nodes": [[cost of each option], ...], "edges": [[i, j, [[cost]]], ...]}, as partitioners export their problem.
"""
EXAMPLES = """\
examples:
  python -m benchmarks.strategy_graph FILE --strategy mcts --budget 2000
  python -m benchmarks.strategy_graph FILE --strategy greedy,beam,mcts,ilp --seeds 5 --json
  python -m benchmarks.strategy_graph FILE --strategy mcts --option root=gumbel --option considered=8
  python -m benchmarks.strategy_graph FILE --generate 100,5,0.02,0      draws the graph and writes FILE first
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.strategy_graph",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("file", type=Path, metavar="FILE")
    made.add_argument("--strategy", default="mcts", help=f"one or more of {', '.join(STRATEGIES)}, with commas")
    made.add_argument("--budget", type=int, default=2000, metavar="N", help="states that a strategy evaluates (2000)")
    made.add_argument("--seconds", type=float, metavar="S", help="seconds that each may take")
    made.add_argument("--seed", type=int, default=0, help="the first seed (0)")
    made.add_argument("--seeds", type=int, default=1, metavar="N", help="how many seeds, one after another (1)")
    made.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="a setting of the strategies (repeat)"
    )
    made.add_argument("--optimum", type=float, metavar="COST", help="the least cost, where it is known")
    made.add_argument("--generate", metavar="NODES,OPTIONS,DENSITY,SEED", help="draw a graph and write FILE")
    made.add_argument("--json", action="store_true", help="print one JSON object")
    return made


def generated(text: str) -> StrategyGraph:
    """The graph that ``--generate`` asks for.

    Raises:
        DocumentError: it is not four figures in range.
    """
    try:
        nodes, options, density, seed = text.split(",")
        figures = int(nodes), int(options), float(density), int(seed)
    except ValueError as error:
        raise DocumentError(f"--generate {text}: must be NODES,OPTIONS,DENSITY,SEED, e.g. 100,5,0.02,0") from error
    return generate(*figures)


def option(text: str) -> tuple[str, Any]:
    """Name and value of an ``--option``; the value is JSON, or else a text.

    Raises:
        SearchError: there is no ``=``.
    """
    name, sign, value = text.partition("=")
    if not sign:
        raise SearchError(f"--option {text}: must be NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def answers(graph: StrategyGraph, asked: argparse.Namespace) -> list[Answer]:
    """One answer for each strategy and seed."""
    options, budget = dict(map(option, asked.option)), Budget(asked.budget, asked.seconds)
    seeds = range(asked.seed, asked.seed + asked.seeds)
    return [solve(graph, name, seed, budget, options) for name in asked.strategy.split(",") for seed in seeds]


def document(asked: argparse.Namespace, graph: StrategyGraph, found: Sequence[Answer]) -> dict[str, Any]:
    """What was found, as plain values: a gap is relative to the optimum where it is known, else to the best bound."""
    proven = [answer.cost for answer in found if answer.proven]
    optimum = asked.optimum if asked.optimum is not None else min(proven, default=None)
    bound = max(answer.bound for answer in found) if optimum is None else optimum
    rows = [asdict(answer) | {"gap": _gap(answer.cost, bound)} for answer in found]
    return {
        "file": asked.file.name,
        "nodes": len(graph.nodes),
        "edges": len(graph.edges),
        "optimum": optimum,
        "bound": bound,
        "answers": rows,
    }


def _gap(cost: float, bound: float) -> float | None:
    return cost / bound - 1 if bound > 0 else 0.0 if cost <= 0 else None


def answers_table(figures: dict[str, Any]) -> Table:
    """A row an answer."""
    known = "optimum" if figures["optimum"] is not None else "lower bound"
    title = f"{figures['file']}: {figures['nodes']} nodes, {figures['edges']} edges, {known} {figures['bound']:g}"
    table = Table(title=title, title_justify="left")
    for column in ("strategy", "seed", "cost", f"above the {known}", "states", "seconds", "stop"):
        table.add_column(column, justify="left" if column in ("strategy", "stop") else "right")
    for row in figures["answers"]:
        gap = row["gap"]
        table.add_row(
            row["strategy"], str(row["seed"]), f"{row['cost']:g}", "" if gap is None else f"{gap:.2%}",
            str(row["states"]), f"{row['seconds']:.2f}", row["stop"],
        )  # fmt: skip
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    asked = parser().parse_args(arguments)
    try:
        if asked.generate is not None:
            write(generated(asked.generate), asked.file)
        graph = read(asked.file)
        figures = document(asked, graph, answers(graph, asked))
    except (DocumentError, SearchError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if asked.json:
        print(json.dumps(figures))
    else:
        Console().print(answers_table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
