"""``python -m benchmarks.accuracy``: runs one backend over the programs and shows what it found."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from autopart.benchmarks.accuracy.errors import JudgeError
from autopart.benchmarks.accuracy.findings import Findings, Options

DESCRIPTION = """\
Compares what autopart predicts with what others say of the same programs: memory, collectives and compute
with compilers, step time with the clock. Docs: docs/accuracy.md.

backends:
  tpu       XLA's TPU compiler, ahead of time and without a TPU: peak memory, collectives, cycles
            (needs the extra `tpu`: pip install 'autopart[tpu]')
  cpu       XLA's CPU compiler for 8 host devices: collectives of plan.spmd() and plan.jit()
  shardy    Shardy's propagation and its explicit reshards, without compiling: collectives of plan.jit()
  measured  the clock, on 8 host devices: step time
"""
EXAMPLES = """\
examples:
  python -m benchmarks.accuracy --backend measured --device device/mine.yaml     step times (ten minutes)
  python -m benchmarks.accuracy --backend tpu                     all programs (a quarter of an hour)
  python -m benchmarks.accuracy --backend tpu --only 't32*v5e*'   those whose names match
  python -m benchmarks.accuracy --backend shardy --programs 5     the first five
  python -m benchmarks.accuracy --backend tpu --json | tail -1    {"peak_memory": {...}, "collectives_spmd": ...}
  python -m benchmarks.accuracy --backend tpu --plots plots       scatter plots, PNG and HTML
"""
BACKENDS = ("tpu", "cpu", "shardy", "measured")


def run(backend: str, options: Options) -> Findings:
    """Runs one backend: the function ``judge`` of the module of its name.

    Raises:
        JudgeError: the judge is not installed.
    """
    module = importlib.import_module(f"autopart.benchmarks.accuracy.{backend}")
    findings = module.judge(options)
    assert isinstance(findings, Findings)
    return findings


def parser() -> argparse.ArgumentParser:
    """The command line."""
    out = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    out.add_argument("--backend", choices=BACKENDS, default="shardy", help="who judges (default: shardy, the fastest)")
    out.add_argument("--programs", type=int, help="at most so many programs (default: all)")
    out.add_argument("--only", default="*", help="glob over the names of programs (default: all)")
    out.add_argument("--cache", type=Path, help="folder in which verdicts are kept and found again")
    out.add_argument("--workers", type=int, choices=(1, 2), default=1, help="judges at the same time (default: 1)")
    out.add_argument(
        "--effort", type=float, default=0.0,
        help="of the TPU compiler for plan.spmd(): 0 as users compile (default), -1 several times as fast with other "
        "cycles",
    )  # fmt: skip
    out.add_argument("--device", help="of measured: a profile, by name or path (default: this host, measured now)")
    out.add_argument("--plots", type=Path, help="folder for scatter plots (needs the extra `plots`)")
    out.add_argument("--json", action="store_true", help="print the figures as JSON, as the last line")
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status: 1 if a promise was not kept, 2 if the judge is missing."""
    arguments = parser().parse_args(argv)
    if arguments.programs is not None and arguments.programs < 1:
        parser().error(f"--programs must be at least 1, not {arguments.programs}")
    try:
        if arguments.plots is not None:
            from autopart.benchmarks.accuracy.plots import require

            require()
        with Console(stderr=True).status("") as status:
            options = Options(
                programs=arguments.programs,
                only=arguments.only,
                cache=arguments.cache,
                workers=arguments.workers,
                effort=arguments.effort,
                device=arguments.device,
                say=status.update,
            )
            findings = run(arguments.backend, options)
    except JudgeError as error:
        print(error, file=sys.stderr)
        return 2
    console = Console(emoji=False)
    for table in findings.tables:
        console.print(table)
    if arguments.plots is not None:
        from autopart.benchmarks.accuracy.plots import write

        for scatter in findings.scatters:
            for path in write(scatter, arguments.plots):
                print(f"written: {path}", file=sys.stderr)
    for fault in findings.faults:
        print(fault, file=sys.stderr)
    if arguments.json:
        print(json.dumps(findings.document))
    return 1 if findings.faults else 0


if __name__ == "__main__":
    sys.exit(main())
