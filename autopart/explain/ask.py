"""The one question: what a target names, explained."""

from __future__ import annotations

import difflib
import re
from typing import TypeAlias

from autopart.errors import PlanError
from autopart.explain.collective import CollectiveExplanation, explain_collective
from autopart.explain.collective_rows import Collectives
from autopart.explain.collectives import PREFIXES, Collective, selected
from autopart.explain.plan_overview import PlanExplanation, explain_plan
from autopart.explain.subject import Subject
from autopart.explain.tensors import Tensors, explain_tensor
from autopart.program import starify

Explanation: TypeAlias = "PlanExplanation | CollectiveExplanation | Collectives | Tensors"
"""What is answered: fields to read, and text where it is shown."""


def explain(subject: Subject, target: str | None = None) -> Explanation:
    """What ``target`` names, explained.

    Args:
        subject: the plan.
        target: ``None`` for the whole plan; a collective's short name (``ar12``); a filter of collectives
            ``KIND:AXIS:PATH``; else tensors: a path or pattern of arguments, a name given inside the program, or ops by
            line (``file.py:12``), function or primitive. An argument that is called as a collective is meant first.

    Raises:
        PlanError: nothing is called so; the message says what is nearest.
    """
    if target is None:
        return explain_plan(subject)
    if target not in subject.problem.argument_ops and target not in subject.problem.graph.tags:
        if re.fullmatch(rf"({'|'.join(PREFIXES.values())})\d+", target.lower()):
            return explain_collective(subject, target.lower())
        if target in PREFIXES or (":" in target and ".py:" not in target):
            return Collectives(_chosen(subject, target))
    return explain_tensor(subject, target)


def _chosen(subject: Subject, target: str) -> list[Collective]:
    """The collectives of a filter.

    Raises:
        PlanError: there are none; the message says of which tensors there are.
    """
    found = selected(subject, target)
    if found:
        return found
    filters, path = ":".join(target.split(":", 2)[:2]), target.split(":", 2)[2:]
    tensors = sorted({starify(one.tensor) for one in selected(subject, filters) if one.tensor}) if path else []
    near = difflib.get_close_matches(path[0], tensors, n=3, cutoff=0.0) if tensors else []
    raise PlanError(
        f"the plan has no collective '{target}'."
        + (f" Near misses: {', '.join(f'{filters}:{name}' for name in near)}" if near else "")
        + ("" if near else " autopart explain RUN lists those that it has.")
    )
