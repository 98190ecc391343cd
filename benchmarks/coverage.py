"""Which of JAX's primitives have sharding rules, which are always replicated, and why.

The primitives are those of the installed JAX: every object of JAX's class for them that a module of jax or of
its experimental packages of arrays holds. Each must be in one of four places: the table of rules; the trace,
which inlines it, analyses its body, or leaves it out; the list of those that are always replicated, with a reason;
or the list of those that cannot stand in a program over whole arrays. The script exits with 1 if one is in none.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.extend.core as jex
from rich.console import Console
from rich.table import Table

from autopart.sharding.rules.custom import CUSTOM_PARTITIONING
from autopart.sharding.rules.replicated import ALWAYS_REPLICATED, REFUSED, TRACED
from autopart.sharding.rules.table import RULES

DESCRIPTION = """\
Counts JAX's primitives: how many have a sharding rule, how many are handled while tracing, how many are always
replicated and why, and how many cannot stand in a program over whole arrays. Exits with 1 if one is forgotten.
"""
EXAMPLES = """\
examples:
  python -m benchmarks.coverage                     the tables (seconds)
  python -m benchmarks.coverage --names             with the names of all primitives
  python -m benchmarks.coverage --json | tail -1    counts and names, for a script
"""
PACKAGES = ("jax._src.", "jax.experimental.sparse", "jax.experimental.rnn", "jax.experimental.fused")
BACKENDS = ("test", "export", "mosaic", "triton", "tpu", "gpu", "tools", "profiler", "cloud", "distributed")
"""Modules with such a word in their name say how kernels are compiled, or need packages of their own."""


@dataclass(frozen=True)
class Coverage:
    """The names of all primitives, by how they are dealt with.

    Attributes:
        rules: have a sharding rule.
        traced: are inlined, analysed as a region, rewritten or left out; name -> how.
        replicated: are kept whole; name -> why.
        refused: cannot stand in a program over whole arrays; name -> why.
        forgotten: are in no list.
    """

    rules: tuple[str, ...]
    traced: dict[str, str]
    replicated: dict[str, str]
    refused: dict[str, str]
    forgotten: tuple[str, ...]


def primitives() -> dict[str, str]:
    """The name of every primitive of the installed JAX, and a module that holds it."""
    found: dict[str, str] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Old modules warn that they are old.
        for info in pkgutil.walk_packages(jax.__path__, "jax.", onerror=lambda name: None):
            parts = info.name.split(".")
            if not info.name.startswith(PACKAGES) or any(word in part for part in parts for word in BACKENDS):
                continue
            try:
                module = importlib.import_module(info.name)
            except ImportError:
                continue  # Needs a package that is not installed, so no program can hold its primitives.
            for value in vars(module).values():
                if isinstance(value, jex.Primitive):
                    found.setdefault(value.name, info.name)
    return dict(sorted(found.items()))


def coverage() -> Coverage:
    """How each primitive of the installed JAX is dealt with."""
    names = primitives()
    lists = (TRACED, ALWAYS_REPLICATED, REFUSED)
    rules = tuple(name for name in names if name in RULES or name == CUSTOM_PARTITIONING)
    traced, replicated, refused = ({name: why[name] for name in names if name in why} for why in lists)
    known = {*rules, *traced, *replicated, *refused}
    return Coverage(rules, traced, replicated, refused, tuple(name for name in names if name not in known))


def summary(found: Coverage) -> Table:
    """How many primitives are dealt with in which way."""
    table = Table(title=f"primitives of JAX {jax.__version__}")
    table.add_column("dealt with")
    table.add_column("count", justify="right")
    table.add_row("by a sharding rule", str(len(found.rules)))
    table.add_row("while tracing", str(len(found.traced)))
    table.add_row("always replicated", str(len(found.replicated)))
    table.add_row("refused", str(len(found.refused)))
    table.add_row("not at all", str(len(found.forgotten)), style="red" if found.forgotten else "")
    return table


def reasons(title: str, why: dict[str, str], names: bool) -> Table:
    """A row for each reason, with the number of primitives and, if asked, their names."""
    table = Table(title=title)
    table.add_column("it")
    table.add_column("count", justify="right")
    if names:
        table.add_column("primitives")
    for reason, count in Counter(why.values()).most_common():
        members = ", ".join(name for name in why if why[name] == reason)
        table.add_row(reason, str(count), *([members] if names else []))
    return table


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status, 1 if a primitive is in no list."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.coverage",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--names", action="store_true", help="print the names of the primitives too")
    parser.add_argument("--json", action="store_true", help="print counts and names as JSON, as the last line")
    arguments = parser.parse_args(argv)
    found = coverage()
    console = Console()
    console.print(summary(found))
    if arguments.names:
        console.print("with a rule: " + ", ".join(found.rules))
    console.print(reasons("handled while tracing", found.traced, arguments.names))
    console.print(reasons("always replicated, and why", found.replicated, arguments.names))
    console.print(reasons("refused, and why", found.refused, arguments.names))
    for name in found.forgotten:
        print(f"primitive '{name}' is in no list of autopart.rules", file=sys.stderr)
    if arguments.json:
        lists = {
            "rules": list(found.rules), "traced": found.traced, "replicated": found.replicated,
            "refused": found.refused, "forgotten": list(found.forgotten),
        }  # fmt: skip
        counts = {name: len(members) for name, members in lists.items()}
        print(json.dumps({"jax": jax.__version__, "counts": counts, **lists}))
    return 1 if found.forgotten else 0


if __name__ == "__main__":
    sys.exit(main())
