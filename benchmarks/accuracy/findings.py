"""What a backend is asked and what it gives back: figures, tables and scatter plots."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from rich.table import Table


class Named(Protocol):
    """What has a name."""

    @property
    def name(self) -> str:
        """What tables call it."""


NamedT = TypeVar("NamedT", bound=Named)


@dataclass(frozen=True)
class Options:
    """What the user asked of a backend.

    Attributes:
        programs: how many programs at most; all if ``None``.
        only: glob over the names of programs.
        cache: folder of verdicts that are known already.
        workers: judges that run at the same time.
        effort: of the TPU compiler, from -1 (quick) to 1; 0 is what it does unasked.
        device: device profile for step times, by name or path; the host is measured if ``None``.
        say: tells people what is being done.
    """

    programs: int | None = None
    only: str = "*"
    cache: Path | None = None
    workers: int = 1
    effort: float = 0.0
    device: str | None = None
    say: Callable[[str], None] = lambda text: None

    def chosen(self, programs: Iterable[NamedT]) -> list[NamedT]:
        """What was asked for of descriptions, or of cases yet to be described: the first ``programs`` that match."""
        matching = [one for one in programs if fnmatch.fnmatchcase(one.name, self.only)]
        return matching[: self.programs]


@dataclass(frozen=True)
class Point:
    """One program in a scatter plot.

    Attributes:
        program: its name.
        group: what its colour stands for, such as the model.
        predicted, judged: the two figures, both positive.
    """

    program: str
    group: str
    predicted: float
    judged: float


@dataclass(frozen=True)
class Scatter:
    """A plot of predictions against a judge, on logarithmic axes.

    Attributes:
        name: of its files.
        title: what is compared, and how well it agrees.
        predicted, judged: what the axes say, units included.
        points: the programs.
        diagonal: whether both axes have one unit, so that a line shows where they agree.
    """

    name: str
    title: str
    predicted: str
    judged: str
    points: tuple[Point, ...]
    diagonal: bool = True


@dataclass(frozen=True)
class Findings:
    """What a backend found.

    Attributes:
        document: sections of the JSON document by name; plain values.
        tables: for people.
        scatters: for ``--plots``.
        faults: a line for each promise that was not kept; the benchmark then exits with 1.
    """

    document: dict[str, Any]
    tables: tuple[Table, ...]
    scatters: tuple[Scatter, ...] = ()
    faults: tuple[str, ...] = field(default=())
