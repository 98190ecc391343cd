"""What a target names among the values of a program."""

from __future__ import annotations

import difflib

from autopart.errors import PlanError, TacticError
from autopart.explain.subject import Subject
from autopart.program import matcher


def ops_named(subject: Subject, target: str) -> list[int]:
    """The ops that make what ``target`` names: arguments and tags first, then ops, then what explanations call values.

    Raises:
        PlanError: nothing is called so; the message says what is nearest.
    """
    graph = subject.problem.graph
    try:
        return sorted(int(op) for op in subject.problem.matching(target))
    except TacticError as error:
        written = [op.index for op in graph.ops if target in subject.place_of(op.index).names and op.results]
        if found := written or _called(subject, target):
            return found
        if ".py" in target:
            lines = {subject.place_of(op.index).line for op in graph.ops} - {""}
            near = difflib.get_close_matches(target, sorted(lines), n=3, cutoff=0.3)
            raise PlanError(f"no op was written at '{target}'. Near misses: {', '.join(near) or 'none'}") from error
        raise PlanError(
            f"{error}. Fix: name an argument, a value named with autopart.tag, an op (file.py:12, its function or "
            "primitive), a collective (ar1) or a filter of collectives (all_gather:axis)."
        ) from error


def _called(subject: Subject, target: str) -> list[int]:
    """The ops that make values which explanations call so: results and gradients."""
    try:
        pattern = matcher(target)
    except TacticError:
        return []
    values = subject.problem.graph.values
    named = subject.names.of_values.items()
    return sorted({values[value].producer for value, name in named if pattern.fullmatch(name)})
