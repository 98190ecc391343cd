"""``autopart compare RUN...``: several runs in one table in the terminal, as JSON or as one page."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from autopart.cli.run_table import RunRow, rows_of
from autopart.files import write_text
from autopart.text import Markup, Page, Row, address, bytes_text, element, plain_table, seconds_text, table

_HEADINGS = ("run", "model", "mesh", "settings", "a device", "a step", "exposed", "collectives", "tactics", "")
_SHARED = (1, 2, 3)
"""Columns that are left out where they say the same of all runs."""

_NUMBERS = (4, 5, 6, 8)

_BELOW, _PAGE_ONLY = (1, 2, 9), (6, 8)
"""Columns that a terminal shows below the name of the run, and those that it does not show."""

_NAMES = 14
"""Characters in a line that names and settings have at least, where they are as long."""

_MOST_SETTINGS = 6


def compare_runs(folders: Sequence[Path], terminal: Console, page: Path | None, as_json: bool) -> list[RunRow]:
    """Reads the runs, shows them in one table (of each model the fastest that fits first), and writes the page.

    Raises:
        PlanError: a folder holds no run, or the page cannot be written.
    """
    rows = rows_of(folders)
    if as_json:
        terminal.print(json.dumps([dataclasses.asdict(row) for row in rows], indent=1), markup=False, soft_wrap=True)
    else:
        _show(terminal, rows)
    if page is not None:
        write_text(page, page_of(rows, page))
        if not as_json:
            terminal.print(f"Page: {page}", markup=False, soft_wrap=True)
    return rows


def _cells(row: RunRow) -> list[str]:
    """The cells of a run; what has several parts has a line for each."""
    lines = [f"{key}={value}" for key, value in row.settings.items()]
    more = [f"and {len(lines) - _MOST_SETTINGS} more"] if len(lines) > _MOST_SETTINGS else []
    settings = "\n".join([*lines[:_MOST_SETTINGS], *more])
    if row.crashed:
        return [row.name, row.model, row.mesh, settings, *[""] * 5, "crashed"]
    kinds = "\n".join(f"{n} {kind}" for kind, n in row.collectives.items() if n) or "none"
    memory = "" if row.peak_memory_bytes is None else bytes_text(row.peak_memory_bytes)
    step, exposed = ("" if x is None else seconds_text(x) for x in (row.step_s, row.exposed_s))
    note = "failed" if row.failed else "best" if row.best else "" if row.fits else "does not fit"
    return [row.name, row.model, row.mesh, settings, memory, step, exposed, kinds, str(row.tactics), note]


def _columns(rows: Sequence[RunRow]) -> tuple[list[int], str]:
    """The columns to show, and what those that are left out say of all runs."""
    said = {place: {_cells(row)[place] for row in rows if not row.crashed} for place in _SHARED}
    alike = [place for place in _SHARED if len(said[place]) == 1]
    texts = [next(iter(said[place])) for place in alike]
    return [place for place in range(len(_HEADINGS)) if place not in alike], ", ".join(text for text in texts if text)


def _title(rows: Sequence[RunRow], shared: str) -> str:
    runs = f"{len(rows)} run{'s' if len(rows) != 1 else ''}{f' of {shared}' if shared else ''}"
    models = len({row.model for row in rows if row.model})
    return f"{runs}, {'of each model ' if models > 1 else ''}the fastest that fits first"


def _show(terminal: Console, rows: Sequence[RunRow]) -> None:
    """The table; a terminal is narrow, so texts stand below the name and some figures are left to the page."""
    columns, shared = _columns(rows)
    below = [place for place in columns if place in _BELOW]
    columns = [place for place in columns if place not in (*_BELOW, *_PAGE_ONLY)]
    table_rows = [_cells(row) for row in rows]
    for cells in table_rows:
        cells[0] = "\n".join(text for text in (cells[0], *(cells[place] for place in below)) if text)
    shown = plain_table(escape(_title(rows, shared)))
    for place in columns:
        names = place in (0, *_SHARED)
        shown.add_column(
            _HEADINGS[place], overflow="fold", justify="right" if place in _NUMBERS else "left", no_wrap=not names,
            min_width=min(_NAMES, _longest(cells[place] for cells in table_rows)) if names else None,
        )  # fmt: skip
    for row, cells in zip(rows, table_rows, strict=True):
        style = "red" if row.crashed else "bold" if row.best else "" if row.fits else "dim"
        shown.add_row(*(escape(cells[place]) for place in columns), style=style)
    terminal.print(shown)
    for line in _troubles(rows):
        terminal.print(line, markup=False, soft_wrap=True)


def _troubles(rows: Sequence[RunRow]) -> Iterator[str]:
    for row in rows:
        if row.crashed or row.failed:
            yield f"{row.name} {'crashed' if row.crashed else 'failed'}: {row.crashed or row.failed}"


def _longest(cells: Iterable[str]) -> int:
    return max((len(line) for cell in cells for line in cell.split("\n")), default=0)


def page_of(rows: Sequence[RunRow], page_path: Path) -> str:
    """The table as one page that loads nothing, to be written to ``page_path``; runs lead to their reports.

    Names are escaped.
    """
    columns, shared = _columns(rows)
    page = Page("Runs compared")
    page.paragraph(f"{_title(rows, shared)}. Memory and seconds are estimates of one device and one step.")
    body = []
    for row in rows:
        cells = [_lines(text) for text in _cells(row)]
        if row.report:
            cells[0] = element("a", cells[0], href=address(Path(row.report), page_path))
        style = "bad" if row.crashed else "good" if row.best else "" if row.fits else "dim"
        body.append(Row([cells[place] for place in columns], style))
    numbers = [place for place, column in enumerate(columns) if column in _NUMBERS]
    page.add(table([_HEADINGS[place] for place in columns], body, numbers))
    for line in _troubles(rows):
        page.paragraph(line)
    return page.html()


def _lines(text: str) -> str | Markup:
    """A cell with a line for each of several parts, none of them broken."""
    lines = [line.replace(" ", "\N{NO-BREAK SPACE}") for line in text.split("\n")]
    return lines[0] if len(lines) == 1 else Markup("".join(element("div", line).text for line in lines))
