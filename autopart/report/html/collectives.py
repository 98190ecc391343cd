"""The collectives of a step: a table that the browser sorts, filters and draws, the rows in sight only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autopart.emit import Move
from autopart.explain import Collective, CollectiveRow, Place, collective_of, moves_of
from autopart.report.html.colours import colour_of
from autopart.report.html.reported import Reported, Section, note
from autopart.text import data, element

DATA = "collectives-data"


def collectives(about: Reported) -> Section:
    """The table; without collectives a sentence."""
    if not about.explained.collectives:
        return Section("collectives", "Collectives", [note("The plan has no collectives.")], {})
    parts = [
        element("div", class_="rows", id="collectives-table"),
        data(DATA, _plain(about)),
        note(
            "Bytes are those of the whole value along the axes, for one run; seconds those of all its runs in a step, "
            "as if nothing ran beside. A click on a row says where it comes from; autopart explain RUN NAME says what "
            "it would cost to avoid it."
        ),
    ]
    return Section("collectives", "Collectives", parts, {})


def _plain(about: Reported) -> dict[str, Any]:
    """Rows of equal collectives of equal layers, and the colours of the axes that they run over."""
    rows, every, moves = about.explained.collectives, about.subject.axis_names, moves_of(about.subject)
    return {
        "axes": {", ".join(row.axes): colour_of(row.axes, every) for row in rows},
        "rows": [_row(about, row, moves) for row in rows],
    }


def _row(about: Reported, row: CollectiveRow, moves: Mapping[str, Move]) -> dict[str, Any]:
    """A row; ``members`` are the name and the tensor of each."""
    subject = about.subject
    return {
        "kind": row.kind,
        "axes": ", ".join(row.axes),
        "tensor": row.tensor,
        "place": _where(row.place),
        "tactic": "; ".join(f"{action.number} {action.name}" for action in row.actions),
        "bytes": row.full_bytes,
        "runs": row.runs,
        "seconds": row.step_s,
        "members": [[name, subject.name_of(moves[name].value)] for name in row.ids],
        "facts": _facts(collective_of(subject, row.ids[0], moves[row.ids[0]])),
    }


def _where(place: Place) -> str:
    """A place with its line first, for a column that may be cut."""
    return " ".join(text for text in (place.at, place.primitive, "backward" if place.backward else "") if text)


def _facts(one: Collective) -> list[list[str]]:
    """What is said of a row that was clicked, as (what, words); of equal collectives that of the first."""
    shape = ",".join(str(size) for size in one.shape)
    rows = [
        ["value", f"{one.dtype}[{shape}]{f', dimension {one.dim}' if one.dim >= 0 else ''}"],
        ["made", str(one.made)],
    ]
    rows += [["read", str(one.read)]] if one.read else []
    rows += [["because", one.why_read]] if one.why_read else []
    return rows + [
        [f"cause on {c.axis}", f"{c.action}; {c.place}: {c.why}; tiled at {c.origin.seed}"] for c in one.causes
    ]
