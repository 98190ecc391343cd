"""How a program that someone else wrote is proved: partitioned by a tactic, executed, collectives compared."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autopart.costmodel.mesh import Mesh
from autopart.partitioning.problem import Problem
from autopart.plan.plan import Plan, plan_of
from autopart.plan.verify import check_collectives, execute
from autopart.program.step import Step
from autopart.program.trace import trace
from autopart.tactics.manual import FIRST_DIVISIBLE_DIM, Dim, Manual

DATA, MODEL = "data", "model"
MESH = Mesh({DATA: 4, MODEL: 2}, "cpu")


@dataclass(frozen=True)
class Program:
    """A step, with what a data-parallel and a model-parallel tactic tile of it.

    Attributes:
        step: the function and its arguments.
        data: patterns of what holds examples -> dimension.
        model: patterns of weights -> dimension.
    """

    step: Step
    data: Mapping[str, int | Dim]
    model: Mapping[str, int | Dim]


def program(
    fn: Callable[..., Any],
    args: Sequence[Any],
    donated: Sequence[int],
    data: Sequence[str],
    model: Mapping[str, int | Dim] | Sequence[str],
) -> Program:
    """A program of concrete arguments; ``model`` without dimensions takes the first that divides."""
    step = Step(fn, tuple(args), tuple(donated), inputs=lambda seed: tuple(args))
    weights = model if isinstance(model, Mapping) else dict.fromkeys(model, FIRST_DIVISIBLE_DIM)
    return Program(step, dict.fromkeys(data, 0), weights)


def plan_for(step: Step, *tactics: Manual) -> Plan:
    """The step under a schedule; what has no rule is warned of elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = trace(step.fn, *step.args, donate_argnums=step.donate_argnums)
        return plan_of(Problem.of(graph, MESH), tactics)


def prove(step: Step, *tactics: Manual) -> tuple[Plan, dict[str, int]]:
    """Executes the step under a schedule, both ways, and gives its plan and collectives by kind."""
    plan = plan_for(step, *tactics)
    counts = check_collectives(plan)
    execute(step, plan)
    return plan, counts
