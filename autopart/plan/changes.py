"""What differs between the program that a plan was made for and the one at hand, and what of the plan still applies."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from autopart.costmodel.mesh import Mesh
from autopart.emit import ArrayLayout, argument_layouts, spec_text
from autopart.errors import TacticError
from autopart.partitioning import Problem, State
from autopart.plan.plan import Plan, plan_of
from autopart.program import Graph, bundled, starify
from autopart.sharding import Steps
from autopart.tactics import Atomic, Manual, Tactic

MISSING, NEW, RENAMED, SHAPE, DTYPE, DONATION = "missing", "new", "renamed", "shape", "dtype", "donation"

_SIMILAR = 0.5
"""How alike two paths are at least that may be one argument under two names (``difflib``'s ratio)."""


@dataclass(frozen=True)
class ArgumentChange:
    """One argument that is not what it was.

    Attributes:
        kind: ``missing``, ``new``, ``renamed`` (a guess: likewise shaped, similar path), ``shape``, ``dtype`` or
            ``donation``.
        path: where it is; of a renamed one where it was.
        before, after: what differs, in words; of a renamed one the paths.
    """

    kind: str
    path: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class TacticOutcome:
    """What becomes of a saved tactic on another program.

    Attributes:
        tactic: as it was saved.
        kept: what of it applies; ``None`` if nothing does.
        refused: pattern (``""``: the whole tactic) -> why it does not apply.
    """

    tactic: Tactic
    kept: Tactic | None
    refused: Mapping[str, str]


@dataclass(frozen=True)
class Changes:
    """A saved plan beside a program.

    Attributes:
        problem: the program at hand, on the mesh that it is to run on.
        same_program: whether it is the one that the plan was made for.
        saved_mesh: the mesh that the plan was made for.
        operations: number of ops then and now.
        arguments: those that differ.
        tactics: what becomes of each saved tactic.
        layouts: the saved arguments by path.
        device_mesh: the jax Mesh that the user gave, if one was given.
    """

    problem: Problem
    same_program: bool
    saved_mesh: Mesh
    operations: tuple[int, int]
    arguments: tuple[ArgumentChange, ...]
    tactics: tuple[TacticOutcome, ...]
    layouts: Mapping[str, ArrayLayout]
    device_mesh: Any = None

    @property
    def is_same(self) -> bool:
        """Whether program and mesh are those that the plan was made for."""
        return self.same_program and self.saved_mesh == self.problem.mesh

    @property
    def applies(self) -> bool:
        """Whether every tactic applies in full."""
        return not any(outcome.refused for outcome in self.tactics)

    @property
    def schedule(self) -> tuple[Tactic, ...]:
        """What of the tactics still applies, in order."""
        return tuple(outcome.kept for outcome in self.tactics if outcome.kept is not None)

    @cached_property
    def plan(self) -> Plan:
        """The plan that ``schedule`` gives for the program at hand."""
        return plan_of(self.problem, self.schedule, self.device_mesh)

    @cached_property
    def misfits(self) -> dict[str, str]:
        """Saved PartitionSpecs that no longer hold: path -> why. Those of missing arguments are not among them."""
        graph, sizes = self.problem.graph, self.problem.mesh.axes
        shapes = {a.name: graph.values[a.value].shape for a in graph.arguments}
        found = {
            name: _misfit(layout, shapes[name], sizes) for name, layout in self.layouts.items() if name in shapes
        }  # fmt: skip
        return {name: why for name, why in found.items() if why}

    @cached_property
    def moved(self) -> dict[str, tuple[str, str]]:
        """Arguments of both programs that ``plan`` lays out in another way: path -> PartitionSpec then and now."""
        now = argument_layouts(self.plan.program)
        return {
            name: (spec_text(saved.axes), spec_text(now[name].axes))
            for name, saved in self.layouts.items()
            if name in now and saved.spec != now[name].spec
        }

    def lines(self) -> list[str]:
        """The report, path by path; equal changes of many layers on one line."""
        if self.is_same:
            return ["The program and the mesh are those that the plan was made for."]
        out = ["The program is the one that the plan was made for."] if self.same_program else self._program_lines()
        if self.saved_mesh != self.problem.mesh:
            out.append(f"Mesh: {self.saved_mesh} when saved, {self.problem.mesh} now.")
        whole = sum(not outcome.refused for outcome in self.tactics)
        out.append(f"Tactics: {whole} of {len(self.tactics)} apply in full.")
        for number, outcome in enumerate(self.tactics, 1):
            out += [f"  tactic {number}: {why}" for why in outcome.refused.values()]
        kept = sum(name in self.problem.argument_ops for name in self.layouts) - len(self.misfits)
        out.append(f"PartitionSpecs: {kept} of {len(self.layouts)} saved for arguments still hold.")
        return out + [f"  {bundle.line()}" for bundle in bundled((name, (why,)) for name, why in self.misfits.items())]

    def _program_lines(self) -> list[str]:
        before, after = self.operations
        ops = f"{before} ops then, {after} now" if before != after else f"{after} ops, then as now"
        return [f"The program is not the one that the plan was made for ({ops}).", *argument_lines(self.arguments)]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def compared(
    problem: Problem, fingerprint: str, operations: int, mesh: Mesh, layouts: Mapping[str, ArrayLayout],
    schedule: Sequence[Tactic], device_mesh: Any = None,
) -> Changes:  # fmt: skip
    """A saved plan, in its parts, beside a program."""
    graph = problem.graph
    return Changes(
        problem, graph.fingerprint() == fingerprint, mesh, (operations, len(graph.ops)),
        argument_changes(layouts, graph), _outcomes(problem, schedule), layouts, device_mesh,
    )  # fmt: skip


def argument_changes(saved: Mapping[str, ArrayLayout], graph: Graph) -> tuple[ArgumentChange, ...]:
    """How the arguments of a graph differ from saved ones: first those that are gone, then new ones, then changed."""
    now = {
        a.name: ArrayLayout(graph.values[a.value].shape, str(graph.values[a.value].dtype), (), a.donated)
        for a in graph.arguments
    }
    gone = {name: layout for name, layout in saved.items() if name not in now}
    new = {name: layout for name, layout in now.items() if name not in saved}
    renamed = renames(gone, new)
    after = set(renamed.values())
    changes = [ArgumentChange(RENAMED, old, old, name) for old, name in renamed.items()]
    changes += [ArgumentChange(MISSING, n, before=row.type_text) for n, row in gone.items() if n not in renamed]
    changes += [ArgumentChange(NEW, n, after=row.type_text) for n, row in new.items() if n not in after]
    for name, then in saved.items():
        changes += _changes_of(name, then, now[name]) if name in now else []
    return tuple(changes)


def _changes_of(name: str, then: ArrayLayout, now: ArrayLayout) -> list[ArgumentChange]:
    found = []
    if then.shape != now.shape:
        found.append(ArgumentChange(SHAPE, name, str(list(then.shape)), str(list(now.shape))))
    if then.dtype != now.dtype:
        found.append(ArgumentChange(DTYPE, name, then.dtype, now.dtype))
    if then.donated != now.donated:
        words = ("not donated", "donated")
        found.append(ArgumentChange(DONATION, name, words[then.donated], words[now.donated]))
    return found


def renames(gone: Mapping[str, ArrayLayout], new: Mapping[str, ArrayLayout]) -> dict[str, str]:
    """Which of the new arguments may be which of those that are gone: alike in shape, dtype and path.

    Whole families (the same parameter in every layer) are matched at once, so the number of layers costs nothing.
    """
    old_families, new_families = _families(gone), _families(new)
    scored = sorted(
        (
            (-difflib.SequenceMatcher(None, old[0], other[0]).ratio(), old, other)
            for old in old_families
            for other in new_families
            if old[1:] == other[1:] and len(old_families[old]) == len(new_families[other])
        ),
        key=lambda row: (row[0], str(row[1:])),
    )
    found: dict[str, str] = {}
    taken: set[object] = set()
    for score, old, other in scored:
        if -score >= _SIMILAR and not taken & {("old", old), ("new", other)}:
            taken |= {("old", old), ("new", other)}
            found.update(zip(old_families[old], new_families[other], strict=True))
    return found


def _families(arrays: Mapping[str, ArrayLayout]) -> dict[tuple[str, tuple[int, ...], str], list[str]]:
    found: dict[tuple[str, tuple[int, ...], str], list[str]] = {}
    for name, row in arrays.items():
        found.setdefault((starify(name), row.shape, row.dtype), []).append(name)
    return found


def argument_lines(changes: Iterable[ArgumentChange]) -> list[str]:
    """Changes as people read them, equal ones of many layers on one line."""
    by_kind: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for change in changes:
        words = f"-> {starify(change.after)}" if change.kind == RENAMED else " -> ".join(
            text for text in (change.before, change.after) if text
        )  # fmt: skip
        by_kind.setdefault(change.kind, []).append((change.path, (words,)))
    heads = {RENAMED: "perhaps renamed"}
    return [f"  {heads.get(kind, kind)}: {row.line()}" for kind, rows in by_kind.items() for row in bundled(rows)]


def _misfit(layout: ArrayLayout, shape: tuple[int, ...], sizes: Mapping[str, int]) -> str:
    """Why a saved layout cannot be that of an array of a shape, or nothing if it can."""
    if len(shape) != len(layout.axes):
        return f"{spec_text(layout.axes)} is for {len(layout.axes)} dimensions, there are {len(shape)}"
    for dim, (size, axes) in enumerate(zip(shape, layout.axes, strict=True)):
        strangers = [axis for axis in axes if axis not in sizes]
        if strangers:
            return f"{spec_text(layout.axes)}: the mesh has no axis '{strangers[0]}'"
        parts = math.prod(sizes[axis] for axis in axes)
        if size % parts:
            return f"{spec_text(layout.axes)}: dimension {dim} of size {size} cannot be cut into {parts}"
    return ""


def _outcomes(problem: Problem, schedule: Sequence[Tactic]) -> tuple[TacticOutcome, ...]:
    """What becomes of tactics, each after what is left of those before it."""
    state, out = State(problem), []
    for tactic in schedule:
        outcome, steps = _outcome(state, tactic)
        if steps is not None:
            state.apply(steps)
        out.append(outcome)
    return tuple(out)


def _outcome(state: State, tactic: Tactic) -> tuple[TacticOutcome, Steps | None]:
    try:
        return TacticOutcome(tactic, tactic, {}), tactic.steps(state)
    except TacticError as error:
        refused = {"": str(error)}
    good = []
    parts = _parts(tactic)
    for pattern, part in parts.items():
        try:
            part.steps(state)
            good.append(pattern)
        except TacticError as error:
            refused[pattern] = str(error)
    if len(refused) > 1:
        del refused[""]
    kept = _only(tactic, good)
    try:
        return TacticOutcome(tactic, kept, refused), None if kept is None else kept.steps(state)
    except TacticError:
        return TacticOutcome(tactic, None, refused), None


def _parts(tactic: object) -> dict[str, Tactic]:
    """A tactic's patterns, each as a tactic of its own; a tactic that has none stands or falls as a whole."""
    if isinstance(tactic, Manual):
        return {pattern: replace(tactic, tiles={pattern: dim}) for pattern, dim in tactic.tiles.items()}
    if isinstance(tactic, Atomic):
        return {pattern: replace(tactic, patterns=(pattern,)) for pattern in tactic.patterns}
    return {}


def _only(tactic: object, patterns: Sequence[str]) -> Tactic | None:
    """The tactic with some of its patterns, if there are any."""
    if patterns and isinstance(tactic, Manual):
        return replace(tactic, tiles={pattern: tactic.tiles[pattern] for pattern in patterns})
    return replace(tactic, patterns=tuple(patterns)) if patterns and isinstance(tactic, Atomic) else None
