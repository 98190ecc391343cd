"""``python -m benchmarks.xla_auto``: XLA's auto-sharding beside autopart's search, on the same programs and mesh."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from autopart.benchmarks.accuracy.errors import JudgeError
from autopart.benchmarks.xla_auto import environment
from autopart.benchmarks.xla_auto.asking import NoAnswerError
from autopart.benchmarks.xla_auto.compared import Asking, compare
from autopart.benchmarks.xla_auto.programs import MESHES, PROGRAMS, TINY, described
from autopart.benchmarks.xla_auto.rows import Row, document
from autopart.benchmarks.xla_auto.solver import options_of
from autopart.benchmarks.xla_auto.table import table

DESCRIPTION = """\
Has XLA's auto-sharding (its solver of integer programs) and autopart's search pick shardings of the same programs, for
8 TPU v5e chips and without a TPU, and has both answers compiled by the same TPU compiler: peak memory, cycles,
collectives, and autopart's own estimate of both. The first run makes an environment of its own, with the last JAX and
libtpu that hold the solver (a download of 0.4 GB, 2 GB of disk). Docs: docs/xla_auto.md.
"""
EXAMPLES = """\
examples:
  python -m benchmarks.xla_auto --programs mlp-4         one program (a minute or two)
  python -m benchmarks.xla_auto                          all (half an hour the first time; answers are kept)
  python -m benchmarks.xla_auto --again                  asks XLA anew, for its times: on a machine that is idle else
  python -m benchmarks.xla_auto --json | tail -1         {"programs": ..., "both": ..., "rows": [...]}
"""
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells give it."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    out = argparse.ArgumentParser(
        prog="python -m benchmarks.xla_auto", description=DESCRIPTION, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    every = [*PROGRAMS, *TINY]
    out.add_argument("--programs", nargs="+", choices=every, default=list(PROGRAMS), metavar="NAME",
                     help=f"of {', '.join(every)} (default: all but the tiny)")  # fmt: skip
    out.add_argument("--mesh", choices=list(MESHES), default="4x2", help="devices on batch and model (default: 4x2)")
    out.add_argument("--simulations", type=int, default=500, help="states that autopart looks at (default: 500)")
    out.add_argument("--seed", type=int, default=0, help="of autopart's search (default: 0)")
    out.add_argument("--solver-seconds", type=float, default=120, help="that XLA's solver may take (default: 120)")
    out.add_argument("--memory-gb", type=float, help="that XLA's solver may plan with (default: what it takes unasked)")
    out.add_argument("--timeout", type=float, default=1200, help="seconds that one question may take (default: 1200)")
    out.add_argument("--again", action="store_true", help="ask XLA even if its answer is known, for its time")
    out.add_argument("--cache", type=Path, help="folder of the environment and of answers (default: the user's cache)")
    out.add_argument("--json", action="store_true", help="print the figures as JSON, as the last line")
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark.

    Returns the exit status: 1 if something went without an answer, 2 if the environment cannot be made.
    """
    options = parser().parse_args(argv)
    if options.simulations < 1 or options.seed < 0 or options.solver_seconds < 1 or options.timeout <= 0:
        parser().error("--simulations, --solver-seconds and --timeout must be at least 1, --seed at least 0")
    cache = options.cache or environment.default_cache()
    rows: list[Row] = []
    status = 0
    terminal = Console(stderr=True)
    try:
        with terminal.status("") as shown:

            def say(text: str) -> None:
                shown.update(escape(text))

            how = Asking(
                environment.make(cache / "environment", say), cache / "answers", options.simulations, options.seed,
                options_of(options.solver_seconds, options.memory_gb), options.timeout, options.again, say,
            )  # fmt: skip
            for row in compare([described(name, options.mesh) for name in options.programs], how):
                rows.append(row)
    except (JudgeError, NoAnswerError) as error:
        print(error, file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print("interrupted; XLA's answers so far are kept", file=sys.stderr)
        status = INTERRUPTED
    return _show(rows, options.json) or status


def _show(rows: Sequence[Row], as_json: bool) -> int:
    """Prints what is there; returns 1 if something of it went without an answer."""
    if rows:
        Console(emoji=False).print(table(rows))
    faults = [fault for row in rows for fault in row.faults]
    for fault in faults:
        print(fault, file=sys.stderr)
    if rows and as_json:
        print(json.dumps(document(rows)))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
