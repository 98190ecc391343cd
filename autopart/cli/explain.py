"""``autopart explain RUN``: traces the model of a run folder anew and says why its plan is what it is."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from autopart.cli.load import check_trusted, load_step
from autopart.cli.run_folder import Run, read_run
from autopart.errors import PlanError
from autopart.explain import Explanation, WhyNot
from autopart.partitioning import Problem
from autopart.plan import Plan, load_plan
from autopart.program import paused_collection, trace_step
from autopart.text import show

_MOST_LINES = 8
"""Differences of a changed program that are said."""


@paused_collection()
def explain_run(
    folder: Path, of: str | None, other: Path | None, trusted_target: str | None, terminal: Console, as_json: bool
) -> None:
    """Explains a run, or why not another; see ``Plan.explain`` and ``Plan.why_not``.

    Raises:
        PlanError: no run folder, a program that has changed, or nothing is called as ``of``.
        TraceError, MeshError, TacticError: see the message.
    """
    if of is not None and other is not None:
        raise PlanError(f"'{of}' and --why-not are two questions. Fix: ask one at a time.")
    run = read_run(folder)
    rival = None if other is None else load_plan(other)
    plan = plan_of_run(run, trusted_target, terminal)
    answer = plan.explain(of) if rival is None else plan.why_not(rival)
    if as_json:
        terminal.print(json.dumps(as_plain(answer), indent=1), markup=False, soft_wrap=True)
    else:
        show(terminal, answer.parts())


def plan_of_run(run: Run, trusted_target: str | None, terminal: Console, verb: str = "explain") -> Plan:
    """The full plan of a run folder again, its model traced anew.

    Raises:
        PlanError: the folder names another target than ``trusted_target``, or the program has changed.
        TraceError, MeshError: see the message.
    """
    target = run.model["target"]
    check_trusted(target, trusted_target, f"autopart {verb} {run.folder}")
    with terminal.status("tracing"):
        changes = run.plan.compare_problem(
            Problem.of(trace_step(load_step(target, run.model["fields"])), run.plan.mesh)
        )
    if not changes.same_program or not changes.applies:
        lines = changes.lines()
        hidden = [f"  and {len(lines) - _MOST_LINES} lines more"] if len(lines) > _MOST_LINES else []
        fix = (
            "Fix: explain the code that the run was made with, or apply its schedule to the code at hand: "
            f"autopart apply schedule={run.folder} ..."
        )
        raise PlanError("\n".join([*lines[:_MOST_LINES], *hidden, fix]))
    return changes.plan


def as_plain(answer: Explanation | WhyNot) -> Any:
    """An explanation as JSON values."""
    if isinstance(answer, tuple):
        return [dataclasses.asdict(one) for one in answer]
    return dataclasses.asdict(answer)
