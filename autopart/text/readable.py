"""Tables and lines as people read them: in a terminal, by ``print``, and in a notebook."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TypeAlias

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

Part: TypeAlias = str | Table
"""Lines, which are shown as they are however long, or a table, which is made to fit."""

_WIDTH = 112
"""Characters in which tables are made to fit where no terminal says how many there are."""


class Readable(ABC):
    """What shows itself as text: Python, ``print`` and notebooks show what ``show`` writes on a terminal."""

    @abstractmethod
    def parts(self) -> Iterable[Part]:
        """What it says, from top to bottom."""

    def __repr__(self) -> str:
        return text_of(self.parts(), _WIDTH)


def show(terminal: Console, parts: Iterable[Part]) -> None:
    """Writes parts on a terminal, one below the other."""
    for part in parts:
        if isinstance(part, str):
            terminal.print(part, markup=False, soft_wrap=True)
        else:
            terminal.print(part)


def text_of(parts: Iterable[Part], width: int) -> str:
    """Parts as text without colours, their tables in ``width`` characters."""
    out = io.StringIO()
    # In a notebook rich would write to the cell and leave the file empty.
    terminal = Console(
        file=out, width=width, color_system=None, force_jupyter=False, emoji=False, highlight=False
    )  # fmt: skip
    show(terminal, parts)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip().split("\n"))


def plain_table(title: str) -> Table:
    """An empty table as all of them look."""
    return Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
