"""The one question: what a target names, explained."""

from __future__ import annotations

import re
from typing import TypeAlias

from autopart.errors import PlanError
from autopart.explain.collectives import PREFIXES, Collective, CollectiveExplanation, explain_collective, selected
from autopart.explain.subject import Subject
from autopart.explain.tensors import TensorExplanation, explain_tensor
from autopart.explain.whole import PlanExplanation, explain_plan

Explanation: TypeAlias = (
    "PlanExplanation | CollectiveExplanation | tuple[Collective, ...] | tuple[TensorExplanation, ...]"
)


def explain(subject: Subject, target: str | None = None) -> Explanation:
    """What ``target`` names, explained.

    Args:
        subject: the plan.
        target: ``None`` for the whole plan; a collective's short name (``ar12``); a filter of collectives
            ``KIND:AXIS:PATH``; else a tensor: path or pattern of arguments, a name given inside the program, or a
            line ``file.py:12``. An argument that is called as a collective is meant first.

    Raises:
        PlanError: nothing is called so; the message says what is nearest.
    """
    if target is None:
        return explain_plan(subject)
    if target not in subject.problem.argument_ops and target not in subject.problem.graph.tags:
        if re.fullmatch(rf"({'|'.join(PREFIXES.values())})\d+", target):
            return explain_collective(subject, target)
        if target in PREFIXES or (":" in target and ".py:" not in target):
            found = tuple(selected(subject, target))
            if not found:
                raise PlanError(f"the plan has no collective '{target}'. autopart explain RUN lists those that it has.")
            return found
    return explain_tensor(subject, target)
