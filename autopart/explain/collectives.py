"""The collectives of a plan, each with a short name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from autopart.emit import Move
from autopart.errors import PlanError
from autopart.explain.causes import Cause, causes_of, reader_of, why_read_otherwise
from autopart.explain.names import GRADIENT, Place
from autopart.explain.subject import Subject
from autopart.program import matcher
from autopart.text import Part, Readable, bytes_text, seconds_text

PREFIXES: Mapping[str, str] = MappingProxyType(
    {
        "all_reduce": "ar",
        "all_gather": "ag",
        "reduce_scatter": "rs",
        "all_to_all": "aa",
        "collective_permute": "cp",
    }
)
"""Kind -> how the names of its collectives begin."""


@dataclass(frozen=True, repr=False)
class Collective(Readable):
    """One collective as it stands in the program.

    Attributes:
        id: short name: kind and place among those of its kind in program order, e.g. ``ar12``.
        kind: a name of ``autopart.costmodel.collectives.KIND_NAMES``.
        axes: mesh axes that take part.
        tensor: path of the argument or name of the value that it moves or completes; may be empty.
        shape: dimensions of the unpartitioned value.
        dtype: its element type.
        dim: dimension that is gathered, scattered or exchanged; -1 of an all_reduce.
        full_bytes: bytes of the value in full along the axes, for one run.
        seconds: estimated time of one run.
        runs: how often it runs in a step.
        made: where the value is made.
        read: where what it makes is read first; ``None``: it completes the value, or the step returns it.
        why_read: why the reader does not take the value as it lies; empty of a reduction.
        causes: the actions that cause it, axis by axis.
    """

    id: str
    kind: str
    axes: tuple[str, ...]
    tensor: str
    shape: tuple[int, ...]
    dtype: str
    dim: int
    full_bytes: int
    seconds: float
    runs: int
    made: Place
    read: Place | None
    why_read: str
    causes: tuple[Cause, ...]

    @property
    def step_s(self) -> float:
        """Seconds of all its runs in a step."""
        return self.seconds * self.runs

    @property
    def what(self) -> str:
        """The tensor, or where it has no name, of which op it is the result."""
        return self.tensor or f"the result of {self.made}"

    @property
    def place(self) -> Place:
        """The line to look at: of a reduction where it sums, of others where the value is read."""
        if self.why_read:
            return self.read or self.made
        return self.causes[0].place if self.causes else self.made

    def lines(self) -> list[str]:
        """It in words: what, where, at what cost, why it is read otherwise, and its causes."""
        shape = ",".join(str(size) for size in self.shape)
        dim = f", dimension {self.dim}" if self.dim >= 0 else ""
        lines = [
            f"{self.id}: {self.kind} over {', '.join(self.axes)} of {self.what} {self.dtype}[{shape}]{dim}",
            f"  at       {self.place}",
            f"  cost     {bytes_text(self.full_bytes)}, {seconds_text(self.seconds)} a run, {self.runs} a step",
        ]
        lines += [f"  made     {self.made}"] if self.made != self.place and self.tensor != self.made.at else []
        lines += [f"  read     {self.read}; {self.why_read}"] if self.read and self.why_read else []
        lines += [f"  returned {self.why_read}"] if self.why_read and not self.read else []
        return [*lines, *(line for cause in self.causes for line in cause.lines())]

    def parts(self) -> Iterable[Part]:
        """Its lines."""
        yield "\n".join([*self.lines(), ""])


def moves_of(subject: Subject) -> dict[str, Move]:
    """Short name -> collective, in program order; those on axes of one device move nothing and are left out."""
    counts, found = dict.fromkeys(PREFIXES, 0), dict[str, Move]()
    for move in subject.program.collectives():
        if any(subject.problem.mesh.axes[axis] > 1 for axis in move.axes):
            counts[move.kind] += 1
            found[f"{PREFIXES[move.kind]}{counts[move.kind]}"] = move
    return found


def collective_of(subject: Subject, name: str, move: Move) -> Collective:
    """A collective in full."""
    value, reader = subject.problem.graph.values[move.value], reader_of(subject, move)
    return Collective(
        name, move.kind, move.axes, subject.name_of(move.value), value.shape, str(value.dtype), move.dim,
        move.full_bytes, move.seconds, move.trips, subject.place_of(value.producer),
        subject.place_of(reader) if reader >= 0 else None, why_read_otherwise(subject, move),
        causes_of(subject, move),
    )  # fmt: skip


def selected(subject: Subject, text: str) -> list[Collective]:
    """The collectives that a filter ``KIND:AXIS:PATH`` names, in program order; empty parts and ``*`` take all.

    Args:
        subject: the plan.
        text: e.g. ``all_gather``, ``all_gather:model``, ``:batch``, ``::params/layers/*/w``.

    Raises:
        PlanError: an unknown kind or axis.
    """
    kind, axis, path = [part.strip() for part in (*text.split(":", 2), "", "")[:3]]
    if kind not in ("", "*", *PREFIXES):
        near = difflib.get_close_matches(kind, list(PREFIXES), n=1, cutoff=0.0)[0]
        raise PlanError(f"no kind of collective '{kind}'; did you mean {near}? There is {', '.join(PREFIXES)}.")
    if axis not in ("", "*", *subject.axis_names):
        raise PlanError(f"no mesh axis '{axis}'; the mesh has {', '.join(subject.axis_names)}")
    pattern = matcher(path) if path not in ("", "*") else None
    return [
        collective_of(subject, name, move)
        for name, move in moves_of(subject).items()
        if kind in ("", "*", move.kind)
        and (axis in ("", "*") or axis in move.axes)
        and (pattern is None or pattern.fullmatch(subject.name_of(move.value).removeprefix(GRADIENT)))
    ]
