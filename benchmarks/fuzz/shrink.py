"""Makes a failing trial small: fewer outputs, statements, actions and devices, as long as it fails alike."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from autopart.benchmarks.fuzz.program import FILE, FuzzProgram, Input
from autopart.benchmarks.fuzz.states import Row, is_legal, problem_on
from autopart.benchmarks.fuzz.trial import Trial, crash_text, quiet_fault
from autopart.errors import MeshError
from autopart.partitioning.state import State
from autopart.program.graph import ARGUMENT, Graph, source_line
from autopart.sharding.propagate import TILE

Anchor = tuple[str, int]
"""The statement that an op was written in, and its number among the ops of it."""

_LINE = re.compile(re.escape(FILE) + r":(\d+)")


@dataclass(frozen=True)
class _Candidate:
    """A smaller trial; actions know their ops by where they were written, and their axes by name."""

    program: FuzzProgram
    axes: dict[str, int]
    actions: tuple[tuple[int, Anchor, int, str], ...]


def anchors(program: FuzzProgram, graph: Graph) -> list[Anchor]:
    """For each op of the graph where it was written."""
    arguments = {a.value: a.name for a in graph.arguments}
    seen: dict[str, int] = {}
    out: list[Anchor] = []
    for op in graph.ops:
        name = arguments[op.results[0]] if op.primitive == ARGUMENT else _statement(program, op.source_info)
        seen[name] = seen.get(name, -1) + 1
        out.append((name, seen[name]))
    return out


def _statement(program: FuzzProgram, source_info: tuple[object, ...]) -> str:
    """The statement that an op belongs to, by the outermost call that names a line of the program."""
    for record in reversed(source_info):
        if found := _LINE.search(source_line([record])):
            return program.lines[int(found.group(1)) - 1][1]
    return ""


def _rows(candidate: _Candidate, state: State, places: list[Anchor]) -> Iterator[Row]:
    """Takes those of the actions that can still be taken."""
    index = {anchor: op for op, anchor in enumerate(places)}
    names = state.problem.mesh.axis_names
    for kind, anchor, factor, axis in candidate.actions:
        if anchor not in index or axis not in names or factor >= len(state.problem.rules[index[anchor]].factors):
            continue
        row = (kind, index[anchor], factor, names.index(axis))
        if is_legal(state, *row):
            state.apply(state.steps([row]))
            yield row


def _kind(verdict: str) -> str:
    """What makes two failures alike."""
    return " ".join(verdict.split()[: 2 if verdict.startswith("crash") else 1])


def _judge(candidate: _Candidate) -> tuple[str, Trial]:
    """What is wrong with the candidate, and the trial that shows it."""
    rows: list[Row] = []
    try:
        case = Trial(candidate.program, candidate.axes, ()).subject()
        state = State(problem_on(case.graph, candidate.axes))
        rows.extend(_rows(candidate, state, anchors(candidate.program, case.graph)))
        verdict = quiet_fault(state, case)
    except Exception as error:
        verdict = crash_text(error)
    return verdict, Trial(candidate.program, candidate.axes, tuple(rows))


def shrink(trial: Trial, verdict: str, seconds: float = 120.0) -> Trial:
    """The smallest trial found within about ``seconds`` that fails as ``trial`` does."""
    deadline = time.monotonic() + seconds
    best, smallest = _candidate(trial), trial
    progress = True
    while progress and time.monotonic() < deadline:
        progress = False
        for cut in (_fewer_outputs, _fewer_statements, _fewer_actions, _smaller_meshes, _later_actions):
            best, found, better = _descend(best, cut, _kind(verdict), deadline)
            progress |= better
            smallest = found or smallest
    return smallest


def _candidate(trial: Trial) -> _Candidate:
    names = tuple(trial.axes)
    try:
        places = anchors(trial.program, trial.subject().graph)
    except Exception:  # It cannot be traced: then no action matters.
        return _Candidate(trial.program, trial.axes, ())
    actions = tuple((kind, places[op], factor, names[axis]) for kind, op, factor, axis in trial.rows)
    return _Candidate(trial.program, trial.axes, actions)


def _descend(
    best: _Candidate, cut: Callable[[_Candidate], Iterator[_Candidate]], kind: str, deadline: float
) -> tuple[_Candidate, Trial | None, bool]:
    """Takes smaller candidates of one sort while they fail alike."""
    found: Trial | None = None
    again = True
    while again and time.monotonic() < deadline:
        again = False
        for candidate in cut(best):
            verdict, trial = _judge(candidate)
            if verdict and _kind(verdict) == kind:
                best, found, again = candidate, trial, True
                break
            if time.monotonic() > deadline:
                break
    return best, found, found is not None


def _fewer_outputs(c: _Candidate) -> Iterator[_Candidate]:
    outputs = c.program.outputs
    if len(outputs) > 1:
        for name in outputs:
            yield replace(c, program=replace(c.program, outputs=(name,)).pruned())
        for name in outputs:
            rest = tuple(other for other in outputs if other != name)
            yield replace(c, program=replace(c.program, outputs=rest).pruned())
    if c.program.donated:
        yield replace(c, program=replace(c.program, donated=()))


def _fewer_statements(c: _Candidate) -> Iterator[_Candidate]:
    """A statement becomes an argument, with all that only it needed."""
    for statement in c.program.statements:
        if set(statement.results) & set(c.program.outputs) and len(c.program.statements) == 1:
            continue
        made = tuple(Input(name, draw) for name, draw in zip(statement.results, statement.draws, strict=True))
        kept = tuple(s for s in c.program.statements if s is not statement)
        program = replace(c.program, statements=kept, inputs=(*c.program.inputs, *made)).pruned()
        yield replace(c, program=program)


def _fewer_actions(c: _Candidate) -> Iterator[_Candidate]:
    for number in range(len(c.actions)):
        yield replace(c, actions=c.actions[:number] + c.actions[number + 1 :])


def _later_actions(c: _Candidate) -> Iterator[_Candidate]:
    """One action at a later op that propagation tiled, so that what lies before it can be cut away."""
    graph = Trial(c.program, c.axes, ()).subject().graph
    try:
        places, state = anchors(c.program, graph), State(problem_on(graph, c.axes))
    except MeshError:  # What is left has no argument that the mesh divides.
        return
    taken = list(_rows(c, state, places))
    first = max((op for _, op, _, _ in taken), default=-1) + 1 if len(taken) <= 1 else 0
    for op in reversed(range(first, len(places))):
        for axis, name in enumerate(c.axes):
            factor = int(state.marks.tile[op, axis])
            if factor >= 0:
                yield replace(c, actions=((TILE, places[op], factor, name),))


def _smaller_meshes(c: _Candidate) -> Iterator[_Candidate]:
    for axis, size in c.axes.items():
        if len(c.axes) > 1:
            yield replace(c, axes=_without(c.axes, axis), actions=tuple(a for a in c.actions if a[3] != axis))
        if size > 2:
            yield replace(c, axes={**c.axes, axis: size // 2})


def _without(axes: Mapping[str, int], axis: str) -> dict[str, int]:
    return {name: size for name, size in axes.items() if name != axis}
