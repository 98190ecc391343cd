"""``python -m benchmarks.collectives``: counts, compares, derives, and writes docs/collectives.md."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import jax
from rich.console import Console

from autopart.benchmarks.collectives import document, tables
from autopart.benchmarks.collectives.programs import FULL, TINY, Asked
from autopart.benchmarks.collectives.rows import JUDGES, XLA, rows
from autopart.benchmarks.schedules import EXPERTS
from autopart.plan.verify import HOST_DEVICES

DESCRIPTION = """\
Counts the collectives of every model under every expert schedule three times (in the partition state, in the explicit
SPMD Program, and in its StableHLO), and beside them those that XLA places for the same shardings: plan.jit(), compiled
for as many host devices as the mesh has, as XLA's partitioner leaves it. Says where the counts of T32 and IT32 come
from, in terms of the number of layers. Exits with 1 if the three counts differ, or differ from what is derived, or if a
schedule does not fit its model.
"""
EXAMPLES = """\
examples:
  python -m benchmarks.collectives                                    all at full size (an hour, most of it XLA's)
  python -m benchmarks.collectives --models t32 --compiler none       T32 without a compiler (half a minute)
  python -m benchmarks.collectives --schedules '*Z3*' --layers 2      those with ZeRO-3, of shallow models
  python -m benchmarks.collectives --preset tiny --remat              all in tiny, on 8 devices (ten minutes)
  python -m benchmarks.collectives --json | tail -1                   everything, for a script
  python -m benchmarks.collectives --markdown docs/collectives.md     the page of the docs
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    out = argparse.ArgumentParser(
        prog="python -m benchmarks.collectives",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    out.add_argument("--models", nargs="+", default=list(EXPERTS), choices=list(EXPERTS), help="default: all")
    out.add_argument("--schedules", nargs="+", default=["*"], help="globs over names of schedules (default: all)")
    out.add_argument("--preset", choices=(FULL, TINY), default=FULL, help="sizes (default: full, on 16x2 TPU v3)")
    out.add_argument("--layers", type=int, help="of models that have layers (default: as the preset says)")
    out.add_argument("--remat", action="store_true", help="recompute activations where the preset does")
    out.add_argument(
        "--compiler", choices=(*JUDGES, "none"), default=XLA,
        help="whose collectives stand beside: xla (default), shardy (its explicit reshards; quick), or none",
    )  # fmt: skip
    out.add_argument("--cache", type=Path, help="folder in which what XLA compiled is kept and found again")
    out.add_argument("--json", action="store_true", help="print everything as JSON, as the last line")
    out.add_argument("--markdown", type=Path, help="file to write as a page of the docs")
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status, 1 if a promise was not kept."""
    arguments = parser().parse_args(argv)
    if arguments.layers is not None and arguments.layers < 1:
        parser().error(f"--layers must be at least 1, not {arguments.layers}")
    compiler = None if arguments.compiler == "none" else arguments.compiler
    asked = Asked(arguments.models, arguments.schedules, arguments.preset, arguments.layers, arguments.remat)
    if not asked.programs():
        parser().error(f"no schedule of {', '.join(asked.models)} matches {' '.join(asked.schedules)}")
    with Console(stderr=True).status("describing the programs") as status:
        found = rows(asked, compiler, arguments.cache, status.update)
    console = Console(emoji=False)
    for table in (
        tables.kinds(found, compiler),
        tables.axes(found, compiler),
        tables.loops(found),
        tables.derived(found),
    ):
        if table is not None:
            console.print(table.rich())
    faults = document.faults(found)
    for line in faults:
        print(line, file=sys.stderr)
    if arguments.markdown is not None:
        arguments.markdown.write_text(document.markdown(asked, found, compiler), encoding="utf-8")
    if arguments.json:
        print(json.dumps(document.document(asked, found, compiler)))
    return 1 if faults else 0


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", HOST_DEVICES)
    sys.exit(main())
