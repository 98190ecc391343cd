"""The tables, as plain cells: for people at a terminal, and as Markdown for the docs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import rich.table
from rich.text import Text

from autopart.benchmarks.accuracy.verdict import DONE
from autopart.benchmarks.collectives.rows import NAMES, Row
from autopart.emit.lower import CollectiveKey, by_kind


@dataclass(frozen=True)
class Table:
    """Cells, and which of their columns are numbers.

    Attributes:
        title: what it shows.
        columns: headers.
        cells: a row each; a section begins where the first cell is not empty.
        words: columns, from the left, that are words.
        faulty: numbers of the rows that show something wrong.
    """

    title: str
    columns: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    words: int
    faulty: frozenset[int] = frozenset()

    def rich(self) -> rich.table.Table:
        """For a terminal."""
        table = rich.table.Table(title=self.title, title_justify="left")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="left" if number < self.words else "right")
        for number, row in enumerate(self.cells):
            if number and row[0]:
                table.add_section()
            table.add_row(*map(Text, row), style="red" if number in self.faulty else "")
        return table

    def markdown(self) -> str:
        """As a Markdown table, without the title."""
        rule = ["---"] * self.words + ["---:"] * (len(self.columns) - self.words)
        lines = (self.columns, rule, *self.cells)
        return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def occurring(rows: Sequence[Row]) -> list[str]:
    """The kinds of collective that occur on any side."""
    seen = {key[0] for row in rows for key in (*row.planned, *_found(row))}
    return [kind for kind in by_kind({}) if kind in seen]


def _found(row: Row) -> Counter[CollectiveKey]:
    return Counter() if row.verdict is None else row.verdict.collectives


def _once(names: Sequence[str]) -> list[str]:
    """Names, without those that repeat the one before."""
    return ["" if number and names[number - 1] == name else name for number, name in enumerate(names)]


def kinds(rows: Sequence[Row], compiler: str | None) -> Table:
    """A row a program: collectives by kind as planned, and beside each kind what the compiler has."""
    occur, cells, faulty = occurring(rows), [], set()
    for number, (model, row) in enumerate(zip(_once([row.program.model for row in rows]), rows, strict=True)):
        planned = [str(by_kind(row.planned)[kind]) if row.counts else "-" for kind in occur]
        line = [model, row.schedule]
        if compiler is None:
            line += planned
        else:
            found = _compiled(row, occur)
            line += [cell for pair in zip(planned, found, strict=True) for cell in pair]
            line.append(_difference(row))
        if not row.agree:
            faulty.add(number)
        cells.append(tuple(line))
    columns = [cell for kind in occur for cell in ((kind,) if compiler is None else (kind, compiler))]
    last = () if compiler is None else (f"what differs in {compiler}",)
    beside = "" if compiler is None else f"; {compiler}: the same plan.jit() by {NAMES[compiler]}"
    title = f"Collectives as they stand in state, Program and StableHLO{beside}"
    return Table(title, ("model", "schedule", *columns, *last), tuple(cells), 2, frozenset(faulty))


def _compiled(row: Row, occur: Sequence[str]) -> list[str]:
    if row.verdict is None or row.verdict.status != DONE:
        return ["-"] * len(occur)
    return [str(by_kind(row.verdict.collectives)[kind]) for kind in occur]


def _difference(row: Row) -> str:
    """In words, what the compiler does otherwise; or why one of both sides is missing."""
    if row.fault:
        return row.fault
    if row.verdict is None or row.comparison is None or row.verdict.status == DONE:
        return ", ".join(f"{n} {name}" for name, n in row.comparison.differences.items()) if row.comparison else ""
    return f"{row.verdict.status}: {' '.join(row.verdict.text.split())}"


Totals = dict[tuple[str, tuple[str, ...]], tuple[int, int]]
"""Kind and axes -> how many, and bytes in all."""


def totals(counts: Mapping[CollectiveKey, int]) -> Totals:
    """How many collectives, and their bytes in full along the axes, by kind and axes."""
    out: Totals = {}
    for (kind, axes, nbytes), number in sorted(counts.items()):
        before = out.get((kind, axes), (0, 0))
        out[kind, axes] = (before[0] + number, before[1] + number * nbytes)
    return out


def axes(rows: Sequence[Row], compiler: str | None) -> Table:
    """A row for each program, kind and set of axes: how many, and bytes in full along the axes."""
    cells: list[tuple[str, ...]] = []
    faulty = set()
    for model, row in zip(_once([row.program.model for row in rows]), rows, strict=True):
        planned, found = totals(row.planned), totals(_found(row))
        for place, (kind, names) in enumerate(sorted(planned.keys() | found.keys())):
            sides = (planned, found) if compiler else (planned,)
            figures = [side.get((kind, names), (0, 0)) for side in sides]
            numbers = [text for count, size in figures for text in (str(count), f"{size / 1e9:.3f}")]
            if not row.agree:
                faulty.add(len(cells))
            head = ("" if place else model, "" if place else row.schedule)
            cells.append((*head, kind, ", ".join(names), *numbers))
    beside = (f"{compiler} count", f"{compiler} GB") if compiler else ()
    title = "The same by mesh axes, with the bytes of the arrays in full along the axes"
    return Table(
        title, ("model", "schedule", "kind", "axes", "count", "GB", *beside), tuple(cells), 4, frozenset(faulty)
    )


def loops(rows: Sequence[Row]) -> Table | None:
    """Of programs with loops: collectives as they stand in the text, and as they run in a step."""
    looped = [row for row in rows if row.counts is not None and row.counts.executed != row.counts.program]
    cells = []
    for model, row in zip(_once([row.program.model for row in looped]), looped, strict=True):
        assert row.counts is not None
        text, run = by_kind(row.counts.program), by_kind(row.counts.executed)
        for place, kind in enumerate(kind for kind, number in text.items() if number):
            head = ("" if place else model, "" if place else row.schedule)
            cells.append((*head, kind, str(text[kind]), str(run[kind])))
    if not cells:
        return None
    return Table(
        "Programs with loops: collectives in the text, and run in a step",
        ("model", "schedule", "kind", "in the text", "run"), tuple(cells), 3,
    )  # fmt: skip


def derived(rows: Sequence[Row]) -> Table | None:
    """Of schedules whose law is known: every term with its reason, and the sum beside the count."""
    cells: list[tuple[str, ...]] = []
    faulty = set()
    for row in rows:
        derivation = row.derivation
        if derivation is None:
            continue
        head, counted = f"{row.program.model} {row.schedule}", by_kind(row.planned)
        sums, laws = derivation.counts(), derivation.formulas()
        for kind in [kind for kind in counted if counted[kind] or sums.get(kind)]:
            if counted[kind] != sums.get(kind, 0):
                faulty.add(len(cells))
            law = f"{laws.get(kind, '0')} = {sums.get(kind, 0)}"
            cells.append((head, kind, law, "", str(counted[kind])))
            head = ""
            for term in derivation.terms:
                if term.kind == kind:
                    cells.append(("", "", term.formula, term.why, ""))
    if not cells:
        return None
    return Table(
        "Where counts come from (L layers)", ("schedule", "kind", "law", "reason", "counted"), tuple(cells), 4,
        frozenset(faulty),
    )  # fmt: skip
