#!/usr/bin/env python
"""Fuzzes the partitioner: random programs in random states must give the same answer with the counted collectives."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from autopart.benchmarks.fuzz.pool import outcomes
from autopart.benchmarks.fuzz.snippet import snippet
from autopart.benchmarks.fuzz.tally import Tally

EXAMPLES = """\
examples:
  python scripts/fuzz.py --programs 2000 --seed 1     what the README reports
  python scripts/fuzz.py --seconds 600 --seed 7       as many as fit in ten minutes
  python scripts/fuzz.py --seed 1 --start 412 --programs 1     one program again
"""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--programs", type=int, help="how many (default: 200, or as many as fit in --seconds)")
    parser.add_argument("--seconds", type=float, help="stop after about so long")
    parser.add_argument("--seed", type=int, default=0, help="of all programs (default: 0)")
    parser.add_argument("--start", type=int, default=0, help="number of the first program (default: 0)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--shrink", type=float, default=60.0, help="seconds to shrink a failure for (default: 60)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, as the last line")
    arguments = parser.parse_args(argv)
    if min(arguments.workers, 1 if arguments.programs is None else arguments.programs) < 1:
        parser.error("--workers and --programs must be at least 1")
    if min(arguments.start, arguments.seed) < 0:
        parser.error("--seed and --start must not be negative")
    if arguments.programs is None and arguments.seconds is None:
        arguments.programs = 200
    return arguments


def numbers(arguments: argparse.Namespace) -> Iterator[int]:
    """Which programs are judged, until they are enough or the time is up."""
    end = time.monotonic() + (arguments.seconds or float("inf"))
    for done, number in enumerate(itertools.count(arguments.start)):
        if done == arguments.programs or time.monotonic() > end:
            return
        yield number


def fuzz(arguments: argparse.Namespace, console: Console) -> Tally:
    """Judges the programs with a progress bar; Ctrl-C ends it early with what was found so far."""
    tally = Tally()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("fuzzing", total=arguments.programs)
        try:
            for outcome in outcomes(arguments.seed, numbers(arguments), arguments.workers, arguments.shrink):
                tally.add(outcome)
                progress.update(task, advance=1, description=f"{tally.faults} faults, {tally.crashes} crashes")
        except KeyboardInterrupt:
            console.print("stopped early; this is what was found so far")
    return tally


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the fuzzer; returns the exit status: 1 if anything was wrong."""
    arguments = parse(argv)
    tally = fuzz(arguments, Console(stderr=True))
    for outcome in tally.failures:
        print(f"# program {outcome.number} of seed {arguments.seed}: {outcome.verdict}")
        assert outcome.failed is not None
        print(snippet(outcome.failed, outcome.verdict))
    Console(emoji=False).print(tally.table())
    if arguments.json:
        print(json.dumps(tally.document()))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
