"""Collectives of equal layers in one row, and the table of the rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table

from autopart.explain.collectives import Collective
from autopart.explain.names import Place
from autopart.explain.subject import Action
from autopart.program import starify
from autopart.text import Part, Readable, bytes_text, plain_table, seconds_text

_MOST = 60
"""Rows that are shown of the collectives that a filter names."""


class Collectives(Readable, tuple[Collective, ...]):
    """Those that a filter names, in program order; they show themselves as a table, equal ones in one row."""

    __slots__ = ()

    def parts(self) -> Iterable[Part]:
        """The table."""
        yield rows_table(rows_of(self), _MOST)


@dataclass(frozen=True)
class CollectiveRow:
    """Collectives of which all that matters is equal: those of equal layers."""

    ids: tuple[str, ...]
    kind: str
    axes: tuple[str, ...]
    tensor: str
    place: Place
    actions: tuple[Action, ...]
    full_bytes: int
    seconds: float
    runs: int

    @property
    def step_s(self) -> float:
        """Seconds of all runs of all of them in a step."""
        return self.seconds * self.runs


def rows_of(collectives: Sequence[Collective]) -> list[CollectiveRow]:
    """Equal collectives of equal layers in one row, dearest first."""
    found: dict[tuple[object, ...], list[Collective]] = {}
    for one in collectives:
        actions = tuple(dict.fromkeys(cause.action for cause in one.causes))
        key = (one.kind, one.axes, starify(one.tensor), one.place, actions, one.full_bytes)
        found.setdefault(key, []).append(one)
    rows = [_row(members) for members in found.values()]
    return sorted(rows, key=lambda row: -row.step_s)


def _row(members: Sequence[Collective]) -> CollectiveRow:
    one = members[0]
    tensor = one.tensor if len(members) == 1 else starify(one.tensor)
    actions = tuple(dict.fromkeys(cause.action for cause in one.causes))
    runs = sum(member.runs for member in members)
    return CollectiveRow(
        tuple(m.id for m in members), one.kind, one.axes, tensor, one.place, actions, one.full_bytes, one.seconds, runs
    )


def rows_table(rows: Sequence[CollectiveRow], most: int) -> Table:
    """The first ``most`` rows."""
    table = plain_table("Collectives, dearest first")
    for heading in ("name", "collective", "tactic", "what and where"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "collective")
    for heading in ("runs", "cost"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows[:most]:
        ids = row.ids[0] if len(row.ids) == 1 else f"{row.ids[0]} ×{len(row.ids)}"
        what = "\n".join(text for text in (row.tensor, str(row.place)) if text)
        table.add_row(
            ids, f"{row.kind}\n{', '.join(row.axes)}", ", ".join(str(a.number) for a in row.actions), escape(what),
            str(row.runs), f"{seconds_text(row.step_s)}\n{bytes_text(row.full_bytes)} each",
        )  # fmt: skip
    if len(rows) > most:
        example = f"{rows[most].kind}:{rows[most].axes[0]}"
        table.caption = f"{len(rows) - most} more kinds; a filter shows them, e.g. {example}\n"
    return table
