"""What each tactic did, in a table."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from autopart.cli.tactic_table import show_tactics
from autopart.explain.figures import more_collectives
from autopart.explain.tactic_effects import changed
from autopart.plan.plan import plan_of
from autopart.tactics.labels import label, title
from autopart.tactics.manual import FIRST_DIVISIBLE_DIM, Atomic, Manual, Tactic
from autopart.tactics.resolve import Resolve
from autopart.tactics.strategies import DataParallel
from autopart.text.quantities import bytes_text
from tests.autopart.tiny import tiny

SCHEDULE = (
    DataParallel("batch"),
    Atomic(("params/layers/0/w",), "model"),
    Manual({"params/layers/{0,2}/w": 1}, "batch"),
)


def test_every_tactic_has_a_row_with_the_figures_after_it() -> None:
    plan, file = plan_of(tiny("mlp"), SCHEDULE), io.StringIO()
    show_tactics(Console(file=file, width=100), plan)
    lines = [" ".join(line.split()) for line in file.getvalue().splitlines()]
    untiled = plan_of(tiny("mlp"), [])
    reports = [untiled.report, *plan.reports]
    rows = [next(line for line in lines if line.startswith(name)) for name in (
        "nothing tiled", "1 data parallel on batch", "2 Atomic on model", "3 Manual on batch")]  # fmt: skip
    for row, report in zip(rows, reports, strict=True):
        assert bytes_text(report.metrics["peak_memory_bytes"]) in row
    assert rows[1].endswith(f"+{plan.reports[0].collectives['all_reduce']} all_reduce")
    assert rows[2].endswith("as before")
    more = reports[1].metrics["peak_memory_bytes"] - reports[0].metrics["peak_memory_bytes"]
    [tiles] = [line for line in lines if line.startswith("batch/x: 0")]  # What the strategy came to.
    assert tiles.startswith(f"batch/x: 0 {'-' if more < 0 else '+'}{bytes_text(abs(more))}")


def test_collectives_that_came_and_went() -> None:
    assert changed(more_collectives({"a": 3, "b": 1}, {"a": 1, "b": 1, "c": 2})) == "-2 a\n+2 c"
    assert changed(more_collectives({"a": 3}, {"a": 3})) == "as before"


@pytest.mark.parametrize(
    ("tactic", "tiles", "words"),
    [
        (Manual({"x": 0}, "data", "a name"), "", ["a name on data", "x: 0"]),
        (Manual(dict.fromkeys("abcde", FIRST_DIVISIBLE_DIM), "data"), "",
         ["Manual on data", *(f"{p}: FIRST_DIVISIBLE_DIM" for p in "abc"), "and 2 more"]),
        (Atomic(("x", "y"), "model"), "", ["Atomic on model", "x", "y"]),
        (DataParallel("data"), "", ["data parallel on data"]),
        (DataParallel("data"), "x: 0, y: 0", ["data parallel on data", "x: 0", "y: 0"]),
    ],
)  # fmt: skip
def test_a_tactic_in_a_few_lines(tactic: Tactic, tiles: str, words: list[str]) -> None:
    assert label(tactic, tiles) == "\n  ".join(words)


@pytest.mark.parametrize(
    ("tactic", "words"),
    [
        (Manual({"x": 0}, "data", "a name"), "a name"),
        (Manual({"x": 0, "y": FIRST_DIVISIBLE_DIM, "z": 1}, "data"), "x: 0 and 2 more"),
        (Atomic(("x",), "model"), "x whole"),
        (Resolve("attend: dot_general", "k", "model"), "attend: dot_general: k"),
        (DataParallel("data"), "data parallel"),
    ],
)
def test_a_tactic_in_a_few_words(tactic: Tactic, words: str) -> None:
    assert title(tactic) == words
