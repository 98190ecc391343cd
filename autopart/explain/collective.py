"""A collective explained: what it is, and what it would cost to do without it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from autopart.emit import Move
from autopart.errors import PlanError
from autopart.explain.collectives import PREFIXES, Collective, collective_of, moves_of
from autopart.explain.removal import Removal, keeping_whole, removal
from autopart.explain.subject import Subject
from autopart.text import Part, Readable


@dataclass(frozen=True, repr=False)
class CollectiveExplanation(Readable):
    """A collective, and what it costs to do without it.

    Attributes:
        collective: what it is.
        avoiding: for each action that causes it: the plan without that action, and the plan in which the values from
            which the action's tile comes are kept whole, where they have names.
    """

    collective: Collective
    avoiding: tuple[Removal, ...]

    def parts(self) -> Iterable[Part]:
        """The collective, and the ways to avoid it; of those that come to the same it says so once."""
        lines = self.collective.lines()
        ways: dict[tuple[str, ...], list[str]] = {}
        for change in self.avoiding:
            ways.setdefault(change.outcome(self.collective.axes), []).append(change.change)
        for outcome, changes in ways.items():
            how = ", or\n           ".join(changes)
            lines += [f"  avoid    {how}: {outcome[0]}", *(f"           {line}" for line in outcome[1:])]
        yield "\n".join([*lines, ""])


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
