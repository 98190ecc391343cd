"""Collectives of ``plan.jit()`` as XLA's CPU compiler places them, beside those of the plan's Program.

Every tiny model is compiled under every expert schedule for 8 host devices, with the pass that combines all_reduces
turned off. Counted are the collectives in the optimised HLO by kind, mesh axes and full bytes. Where they are others
than the Program's, the kind of difference is named; docs/jit.md explains each with an example.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import jax
from rich.console import Console

from autopart.lower import CollectiveKey
from autopart.plan import Plan
from autopart.verify import HOST_DEVICES
from benchmarks.accuracy import differences as named
from benchmarks.accuracy import hlo, reader
from benchmarks.accuracy.agreement import Comparison, kinds_table, programs_table, section
from benchmarks.accuracy.compilers import CPU, ONE_FOR_EACH_ARRAY
from benchmarks.accuracy.description import Description
from benchmarks.accuracy.programs import TINY
from benchmarks.accuracy.verdict import DONE, Verdict
from benchmarks.schedules import BATCH, EXPERTS, MODEL
from costmodel.mesh import Mesh

DESCRIPTION = """\
Compiles plan.jit() of the tiny models under every expert schedule for 8 host devices and compares the compiler's
collectives with the plan's. Exits with 1 if a difference is of a kind that docs/jit.md does not explain.
"""
EXAMPLES = """\
examples:
  python -m benchmarks.jit_agreement                     every program, a row each (ten minutes)
  python -m benchmarks.jit_agreement --models mlp it32   those of some models
  python -m benchmarks.jit_agreement --json | tail -1    {"programs": ..., "equal": ..., "by_kind": ..., ...}
"""
MESH: Final = Mesh({BATCH: 4, MODEL: 2}, "cpu")

EXPLAINED: Final = frozenset(
    (named.WHOLE_SUM, named.REPEATED, named.ADDED, named.OTHER_DTYPE, named.OTHER_BYTES, named.TWO_STEPS)
)
"""Kinds of difference of which docs/jit.md speaks."""


def compiled_collectives(plan: Plan, args: tuple[Any, ...]) -> Counter[CollectiveKey]:
    """The collectives that XLA's CPU compiler places in ``plan.jit()``; one for each array."""
    placed = jax.tree.map(lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), args, plan.in_shardings)
    step: Any = plan.jit()
    text = step.lower(*placed).compile(compiler_options=dict(ONE_FOR_EACH_ARRAY[CPU])).as_text()
    return reader.collectives(hlo.parse(text), plan.problem.mesh)


def programs(models: Sequence[str]) -> Iterator[Description]:
    """The models' tiny steps under their expert schedules."""
    for name in models:
        model = TINY[name]
        for schedule, tactics in EXPERTS[model.key][1].items():
            yield Description(f"{name} {schedule}", model.key, model.fields, MESH, tactics)


def compare(program: Description) -> Comparison:
    """Compiles one program and counts on both sides."""
    plan = program.plan()
    found = compiled_collectives(plan, program.step.args)
    return Comparison(program.name, plan.program.collective_counts(), Verdict(DONE, collectives=found))


def document(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """The figures as plain JSON values.

    A host CPU has no reduce_scatter: programs that differ in nothing else are counted too.
    """
    whole = section(comparisons)
    but_for_scatters = sum(set(one.differences) <= {named.WHOLE_SUM} for one in comparisons)
    kept = ("programs", "equal", "collectives", "agreeing", "differences", "by_kind")
    return {**{name: whole[name] for name in kept}, "equal_but_for_reduce_scatters": but_for_scatters}


def unexplained(figures: Mapping[str, Any]) -> list[str]:
    """Kinds of difference in a document of which docs/jit.md says nothing."""
    return sorted(figures["differences"].keys() - EXPLAINED)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status, 1 if a difference is of no explained kind."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.jit_agreement",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--models", nargs="+", default=list(TINY), choices=list(TINY), help="default: all")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, as the last line")
    arguments = parser.parse_args(argv)
    comparisons = []
    with Console(stderr=True).status("") as status:
        for program in programs(arguments.models):
            status.update(program.name)
            comparisons.append(compare(program))
    console, title = Console(), "plan.jit() after XLA's CPU compiler"
    console.print(programs_table(title, comparisons), kinds_table(f"{title}, by kind", comparisons))
    figures = document(comparisons)
    unknown = unexplained(figures)
    for name in unknown:
        print(f"unexplained: '{name}'", file=sys.stderr)
    if arguments.json:
        print(json.dumps(figures))
    return 1 if unknown else 0


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", HOST_DEVICES)
    sys.exit(main())
