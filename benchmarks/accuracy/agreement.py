"""Predicted collectives beside those of a judge: how many programs agree, and how the others differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rich.table import Table

from autopart.benchmarks.accuracy.differences import MEANING, differences
from autopart.benchmarks.accuracy.verdict import DONE, FAILED, Verdict, collectives_to_json
from autopart.emit.lower import CollectiveKey
from autopart.text.quantities import bytes_text


@dataclass(frozen=True)
class Comparison:
    """The collectives of one program.

    Attributes:
        program: its name.
        predicted: as they stand in the Program.
        verdict: what the judge says.
    """

    program: str
    predicted: Counter[CollectiveKey]
    verdict: Verdict

    @cached_property
    def differences(self) -> Counter[str]:
        """How many collectives each kind of difference accounts for."""
        return differences(self.predicted, self.verdict.collectives)

    @property
    def equal(self) -> bool:
        """Whether they agree by kind, axes and bytes."""
        return self.predicted == self.verdict.collectives

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain JSON values."""
        found = self.verdict.collectives
        return {
            "program": self.program,
            "status": self.verdict.status,
            "equal": self.equal,
            "predicted": self.predicted.total(),
            "found": found.total(),
            "differences": dict(self.differences),
            "missing": collectives_to_json(self.predicted - found),
            "extra": collectives_to_json(found - self.predicted),
        }


def section(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """The section of the JSON document: totals, differences by name, kinds side by side, and a row a program."""
    judged = [one for one in comparisons if one.verdict.status == DONE]
    predicted, found = (_sum([one.predicted for one in judged]), _sum([one.verdict.collectives for one in judged]))
    named: Counter[str] = Counter()
    for one in judged:
        named.update(one.differences)
    return {
        "programs": len(judged),
        "equal": sum(one.equal for one in judged),
        "collectives": {"predicted": predicted.total(), "found": found.total()},
        "agreeing": sum((one.predicted & one.verdict.collectives).total() for one in judged),
        "differences": {name: named[name] for name in MEANING if named[name]},
        "by_kind": _by_kind(predicted, found),
        "failed": {one.program: one.verdict.text for one in comparisons if one.verdict.status == FAILED},
        "rows": [one.to_json() for one in judged],
    }


def _sum(counts: Sequence[Counter[CollectiveKey]]) -> Counter[CollectiveKey]:
    total: Counter[CollectiveKey] = Counter()
    for one in counts:
        total.update(one)
    return total


def _by_kind(predicted: Counter[CollectiveKey], found: Counter[CollectiveKey]) -> dict[str, dict[str, int]]:
    kinds = sorted({key[0] for key in (*predicted, *found)})
    return {
        kind: {
            "predicted": _of_kind(predicted, kind).total(),
            "found": _of_kind(found, kind).total(),
            "predicted_bytes": _bytes(_of_kind(predicted, kind)),
            "found_bytes": _bytes(_of_kind(found, kind)),
        }
        for kind in kinds
    }


def _of_kind(counts: Counter[CollectiveKey], kind: str) -> Counter[CollectiveKey]:
    return Counter({key: count for key, count in counts.items() if key[0] == kind})


def _bytes(counts: Counter[CollectiveKey]) -> int:
    return sum(key[2] * count for key, count in counts.items())


def programs_table(title: str, comparisons: Sequence[Comparison]) -> Table:
    """A row a program: how many collectives on both sides, and how they differ."""
    table = Table(title=title, title_justify="left")
    for column in ("program", "predicted", "found", "differences"):
        table.add_column(column, justify="right" if column in ("predicted", "found") else "left")
    for one in comparisons:
        if one.verdict.status == DONE:
            how = "equal" if one.equal else ", ".join(f"{n} {name}" for name, n in one.differences.items())
            cells = (str(one.predicted.total()), str(one.verdict.collectives.total()), how)
        else:
            cells = (str(one.predicted.total()), "", f"{one.verdict.status}: {one.verdict.text}")
        table.add_row(one.program, *cells, style="" if one.equal else "yellow")
    return table


def kinds_table(title: str, comparisons: Sequence[Comparison]) -> Table:
    """A row a kind of collective: how many, and their bytes in full along the axes."""
    table = Table(title=title, title_justify="left")
    for column in ("kind", "predicted", "found", "bytes predicted", "bytes found"):
        table.add_column(column, justify="left" if column == "kind" else "right")
    for kind, row in section(comparisons)["by_kind"].items():
        sizes = (bytes_text(row["predicted_bytes"]), bytes_text(row["found_bytes"]))
        table.add_row(kind, str(row["predicted"]), str(row["found"]), *sizes)
    return table
