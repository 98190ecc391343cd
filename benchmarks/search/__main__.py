"""``python -m benchmarks.search``: how often, and how soon, searches reach the best of the experts' schedules."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from autopart.benchmarks.search.cases import MESHES, MODELS, case_of
from autopart.benchmarks.search.curves import write
from autopart.benchmarks.search.summary import Row, table
from autopart.benchmarks.search.trial import try_once
from autopart.search import STRATEGIES

DESCRIPTION = """\
Searches models at full size with every strategy at the same number of evaluated states, and compares with the best of
the experts' schedules under the goals: fit, then be fast, then be small. That schedule is not among the known
compositions from which the search starts, nor is one that comes to the same; with --from-nothing none is.
Seconds are those until a plan no worse than it, tracing included.
"""
EXAMPLES = """\
examples:
  python -m benchmarks.search --models t32 --strategies mcts --seeds 3      (a minute)
  python -m benchmarks.search --strategies mcts                             all models, 20 seeds (an hour)
  python -m benchmarks.search --json | tail -1                              all strategies, for a script (hours)
  python -m benchmarks.search --models t32 moe --plots plots                curves, PNG and HTML
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    out = argparse.ArgumentParser(
        prog="python -m benchmarks.search", description=DESCRIPTION, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    able = [name for name in STRATEGIES if name != "exhaustive"]
    out.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), help="default: all")
    out.add_argument("--meshes", nargs="+", choices=list(MESHES), default=list(MESHES), help="default: all")
    out.add_argument("--strategies", nargs="+", choices=able, default=able, help="default: all")
    out.add_argument("--seeds", type=int, default=20, help="runs of each (default: 20)")
    out.add_argument("--budget", type=int, default=2000, help="evaluated states of a run (default: 2000)")
    out.add_argument("--from-nothing", action="store_true", help="no known composition is looked at first")
    out.add_argument("--preset", choices=("full", "tiny"), default="full", help="sizes (default: full)")
    out.add_argument("--plots", type=Path, help="folder for curves (needs pip install 'autopart[plots]')")
    out.add_argument("--json", action="store_true", help="print the figures as JSON, as the last line")
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status."""
    options = parser().parse_args(argv)
    if options.seeds < 1 or options.budget < 1:
        parser().error("--seeds and --budget must be at least 1")
    rows: list[Row] = []
    terminal = Console(stderr=True)
    with terminal.status("") as status:
        for model in options.models:
            for mesh in options.meshes:
                status.update(f"{model} on {mesh}: tracing, and its experts' schedules")
                case = case_of(model, mesh, options.preset)
                for strategy in options.strategies:
                    trials = []
                    for seed in range(options.seeds):
                        status.update(f"{model} on {mesh}: {strategy}, seed {seed}")
                        trials.append(try_once(case, strategy, seed, options.budget, options.from_nothing))
                    rows.append(Row(case, strategy, tuple(trials)))
                    terminal.print(json.dumps(rows[-1].document()), markup=False, soft_wrap=True)
    Console().print(table(rows))
    if options.plots is not None:
        print(*write(rows, options.plots), sep="\n")
    if options.json:
        print(json.dumps([row.document() for row in rows]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
