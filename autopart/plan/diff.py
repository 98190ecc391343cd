"""Two saved plans side by side: tactics, layouts, collectives and figures."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from autopart.emit import ArrayLayout, CollectiveKey, Constraint, spec_text
from autopart.plan.saved import SavedPlan
from autopart.tactics import Tactic, to_json

ValueKey: TypeAlias = tuple[str, str, str, str]
"""File and function, primitive, name and type of values inside a program; lines shift with every edit."""


@dataclass(frozen=True)
class Change:
    """Something that both plans have, and differs.

    Attributes:
        path: where it is.
        before, after: how it lies in each plan, or what type it has.
    """

    path: str
    before: str
    after: str


@dataclass(frozen=True)
class Traffic:
    """Collectives of a kind over some axes, in a step of each plan.

    Attributes:
        kind, axes: which.
        counts: how often they run.
        nbytes: bytes of what they move, in full.
    """

    kind: str
    axes: tuple[str, ...]
    counts: tuple[int, int]
    nbytes: tuple[int, int]


@dataclass(frozen=True)
class PlanDiff:
    """What differs from plan ``a`` to plan ``b``.

    Attributes:
        a, b: the plans.
        tactics: (``" "``, ``"-"`` or ``"+"``, tactic): in both, in ``a`` only, in ``b`` only, in order.
        arguments, outputs: those that lie in another way; an output that becomes an argument is not told twice.
        inside: values inside that lie in another way, by line, primitive and type.
        types: arguments of another shape or dtype.
        only_a, only_b: arguments of one plan only: path -> type.
        traffic: collectives, those that differ and those that do not.
        by_size: the same by kind, axes and full bytes: runs in each plan, where they differ.
        metrics: name -> figure in each plan.
    """

    a: SavedPlan
    b: SavedPlan
    tactics: tuple[tuple[str, Tactic], ...]
    arguments: tuple[Change, ...]
    outputs: tuple[Change, ...]
    inside: tuple[Change, ...]
    types: tuple[Change, ...]
    only_a: Mapping[str, str]
    only_b: Mapping[str, str]
    traffic: tuple[Traffic, ...]
    by_size: Mapping[CollectiveKey, tuple[int, int]]
    metrics: Mapping[str, tuple[float, float]]

    @property
    def same_program(self) -> bool:
        """Whether both are plans of one program."""
        return self.a.fingerprint == self.b.fingerprint

    @property
    def same_mesh(self) -> bool:
        """Whether both are plans for one mesh."""
        return self.a.mesh == self.b.mesh

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain values."""

        def changes(rows: Sequence[Change]) -> list[dict[str, str]]:
            return [vars(row) for row in rows]

        return {
            "same_program": self.same_program,
            "same_mesh": self.same_mesh,
            "meshes": [self.a.mesh.to_json(), self.b.mesh.to_json()],
            "operations": [self.a.operations, self.b.operations],
            "tactics": [{"in": _SIDES[side], **to_json(tactic)} for side, tactic in self.tactics],
            "moved": {"arguments": changes(self.arguments), "outputs": changes(self.outputs),
                      "inside": changes(self.inside)},
            "retyped": changes(self.types),
            "only_a": dict(self.only_a),
            "only_b": dict(self.only_b),
            "collectives": [
                {"kind": kind, "axes": list(axes), "full_bytes": nbytes, "runs": list(runs)}
                for (kind, axes, nbytes), runs in sorted(self.by_size.items())
            ],
            "metrics": {name: list(pair) for name, pair in self.metrics.items()},
        }  # fmt: skip


_SIDES = {" ": "both", "-": "a", "+": "b"}


def compare_plans(a: SavedPlan, b: SavedPlan) -> PlanDiff:
    """What differs from ``a`` to ``b``; of different programs what can be compared, path by path."""
    outputs = [
        row for row in _moved(a.outputs, b.outputs) if row.path not in a.arguments or row.path not in b.arguments
    ]  # fmt: skip
    return PlanDiff(
        a, b, _tactics(a.schedule, b.schedule), _moved(a.arguments, b.arguments), tuple(outputs),
        _moved_inside(a.constraints, b.constraints), _retyped(a.arguments, b.arguments),
        {name: row.type_text for name, row in a.arguments.items() if name not in b.arguments},
        {name: row.type_text for name, row in b.arguments.items() if name not in a.arguments},
        _traffic(a.runs, b.runs), _by_size(a.runs, b.runs),
        {name: (value, b.metrics[name]) for name, value in a.metrics.items() if name in b.metrics},
    )  # fmt: skip


def _tactics(a: Sequence[Tactic], b: Sequence[Tactic]) -> tuple[tuple[str, Tactic], ...]:
    before, after = ([json.dumps(to_json(tactic)) for tactic in schedule] for schedule in (a, b))
    out: list[tuple[str, Tactic]] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for kind, a_begin, a_end, b_begin, b_end in matcher.get_opcodes():
        if kind == "equal":
            out += [(" ", tactic) for tactic in a[a_begin:a_end]]
        else:
            out += [("-", tactic) for tactic in a[a_begin:a_end]] + [("+", tactic) for tactic in b[b_begin:b_end]]
    return tuple(out)


def _moved(a: Mapping[str, ArrayLayout], b: Mapping[str, ArrayLayout]) -> tuple[Change, ...]:
    return tuple(
        Change(name, spec_text(row.axes), spec_text(b[name].axes))
        for name, row in a.items()
        if name in b and row.spec != b[name].spec
    )


def _retyped(a: Mapping[str, ArrayLayout], b: Mapping[str, ArrayLayout]) -> tuple[Change, ...]:
    return tuple(
        Change(name, row.type_text, b[name].type_text)
        for name, row in a.items()
        if name in b and row.type_text != b[name].type_text
    )


def _moved_inside(a: Sequence[Constraint], b: Sequence[Constraint]) -> tuple[Change, ...]:
    """Values inside at which data moves in either plan; where in one of them none does, it says so."""
    before, after = _inside(a), _inside(b)
    places = {_key(row): row.at for row in (*b, *a)}  # As in A, where it is in both.
    none = "nothing moves"
    return tuple(
        Change(_words(places[key], key), before.get(key, none), after.get(key, none))
        for key in dict.fromkeys([*before, *after])
        if before.get(key) != after.get(key)
    )


def _inside(rows: Sequence[Constraint]) -> dict[ValueKey, str]:
    """The layouts of the values of a kind, each once: of how many is no matter of how they lie."""
    found: dict[ValueKey, dict[str, None]] = {}
    for row in rows:
        layouts = " -> ".join([spec_text(row.axes), *(spec_text(axes) for axes in row.read_as)])
        found.setdefault(_key(row), {})[layouts] = None
    return {key: "; ".join(texts) for key, texts in found.items()}


def _key(row: Constraint) -> ValueKey:
    file, _, rest = row.at.partition(":")
    kind = f"{row.dtype}[{','.join(str(size) for size in row.shape)}]"
    return f"{file} {rest.partition(' ')[2]}", row.op, row.name, kind


def _words(at: str, key: ValueKey) -> str:
    _, op, name, kind = key
    return f"{at} {op}{f' {name!r}' if name else ''} {kind}"


def _traffic(a: Mapping[CollectiveKey, int], b: Mapping[CollectiveKey, int]) -> tuple[Traffic, ...]:
    def summed(runs: Mapping[CollectiveKey, int], weigh: Callable[[int], int]) -> Counter[tuple[str, tuple[str, ...]]]:
        out: Counter[tuple[str, tuple[str, ...]]] = Counter()
        for (kind, axes, nbytes), count in runs.items():
            out[kind, axes] += count * weigh(nbytes)
        return out

    counts = [summed(runs, lambda nbytes: 1) for runs in (a, b)]
    sizes = [summed(runs, lambda nbytes: nbytes) for runs in (a, b)]
    return tuple(
        Traffic(*key, (counts[0][key], counts[1][key]), (sizes[0][key], sizes[1][key]))
        for key in sorted({*counts[0], *counts[1]})
    )


def _by_size(
    a: Mapping[CollectiveKey, int], b: Mapping[CollectiveKey, int]
) -> dict[CollectiveKey, tuple[int, int]]:  # fmt: skip
    pairs = {key: (a.get(key, 0), b.get(key, 0)) for key in {**a, **b}}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
