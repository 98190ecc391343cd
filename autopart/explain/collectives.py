"""The collectives of a plan, each with a short name, and each explained."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from autopart.errors import PlanError
from autopart.explain.causes import Cause, causes_of, reader_of, why_read_otherwise
from autopart.explain.names import Place
from autopart.explain.subject import Action, Subject
from autopart.explain.without import Removal, keeping_whole, removal
from autopart.lower import Move
from autopart.patterns import matcher, starify

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


@dataclass(frozen=True)
class Collective:
    """One collective as it stands in the program.

    Attributes:
        id: short name: kind and place among those of its kind in program order, e.g. ``ar12``.
        kind: a name of ``costmodel.collectives.KIND_NAMES``.
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


@dataclass(frozen=True)
class CollectiveExplanation:
    """A collective, and what it costs to do without it.

    Attributes:
        collective: what it is.
        avoiding: for each action that causes it: the plan without that action, and the plan in which the values from
            which the action's tile comes are kept whole, where they have names.
    """

    collective: Collective
    avoiding: tuple[Removal, ...]


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


def explain_collective(subject: Subject, name: str) -> CollectiveExplanation:
    """A collective by its short name, with what avoiding it costs.

    Raises:
        PlanError: there is none of that name; the message says which there are.
    """
    moves = moves_of(subject)
    if name not in moves:
        kind = {prefix: kind for kind, prefix in PREFIXES.items()}[name.rstrip("0123456789")]
        alike = [other for other in moves if other.rstrip("0123456789") == PREFIXES[kind]]
        raise PlanError(
            f"no collective '{name}': the plan has "
            + (f"{alike[0]} to {alike[-1]}" if len(alike) > 1 else alike[0] if alike else f"no {kind}")
        )
    collective = collective_of(subject, name, moves[name])
    return CollectiveExplanation(collective, tuple(_avoiding(subject, collective, moves[name])))


def _avoiding(subject: Subject, collective: Collective, move: Move) -> Iterator[Removal]:
    for cause in {cause.action: cause for cause in collective.causes}.values():
        axes = {c.axis for c in collective.causes if c.action == cause.action}
        yield removal(subject, cause.action, [move], axes)
        if subject.is_named(cause.origin.seed):
            yield keeping_whole(subject, cause.action, cause.origin.seed, [move], axes)


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
        and (pattern is None or pattern.fullmatch(subject.name_of(move.value).removeprefix("gradient of ")))
    ]


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
