"""Searches one after another: each goes on from where the one before ended, with goals of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autopart.goals.measures import metric_names
from autopart.partitioning.problem import Problem
from autopart.planner.aims import ProgramAim, aim_on, measured
from autopart.planner.auto import Auto, Found
from autopart.planner.searching import search_after
from autopart.search import Budget, Goals
from autopart.tactics.manual import Tactic


@dataclass(frozen=True)
class Stage:
    """A search that was done.

    Attributes:
        auto, aim: what was asked for.
        begin: how many tactics stood before it.
        found: what it added.
    """

    auto: Auto
    aim: ProgramAim
    begin: int
    found: Found


@dataclass(frozen=True)
class End:
    """Where all searches came to: the schedule, the known compositions' figures, and the story."""

    schedule: list[Tactic]
    recipes: dict[str, dict[str, float]]
    story: dict[str, Any]


def finish(problem: Problem, schedule: list[Tactic], stages: Sequence[Stage], wanted: ProgramAim) -> End:
    """What the searches come to together; of several never worse than the best known composition.

    A stage may lead away from what the plan is judged by in the end. So the compositions from where the first stage
    began are looked at once more: the best replaces all stages if it breaks no limit of any stage that the
    answer keeps, and ranks better under the plan's goals. Where tactics by hand stand between searches there is no
    such composition: they were asked for.
    """
    if len(stages) < 2:
        found = [stage.found for stage in stages]
        return End(schedule, found[0].recipes, found[0].story) if found else End(schedule, {}, {})
    story = _joined([stage.found.story for stage in stages])
    if len(schedule) != stages[0].begin + sum(len(stage.found.tactics) for stage in stages):
        return End(schedule, stages[0].found.recipes, story)
    aim = _together(problem, stages, wanted)
    begin = tuple(schedule[: stages[0].begin])
    known = search_after(problem, begin, _compositions_of(stages), aim)
    ranks = [aim.goals.rank(measured(problem, some, aim)) for some in (schedule, (*begin, *known.tactics))]
    if ranks[1] < ranks[0]:
        best = min(known.recipes, key=lambda name: aim.goals.rank(list(known.recipes[name].values())))
        return End([*begin, *known.tactics], known.recipes, {**story, "instead_of_stages": best})
    return End(schedule, known.recipes, story)


def _together(problem: Problem, stages: Sequence[Stage], wanted: ProgramAim) -> ProgramAim:
    """The limits of all stages, then the plan's goals; and all rules."""
    own = wanted.goals.goals
    limits = [goal for stage in stages for goal in stage.aim.goals.goals if goal.limit is not None and goal not in own]
    goals = [*dict.fromkeys(limits), *own]
    rules = dict.fromkeys(rule for stage in stages for rule in stage.aim.rules)
    names = metric_names([metric for goal in goals for metric in goal.metrics])
    return aim_on(problem, Goals(goals, names), tuple(dict.fromkeys((*rules, *wanted.rules))))


def _compositions_of(stages: Sequence[Stage]) -> Auto:
    """A search that looks at the compositions on the stages' axes and no further."""
    chosen = [stage.auto.axes for stage in stages]
    axes = [axis for some in chosen if some is not None for axis in some]
    every = any(some is None for some in chosen)
    return Auto(axes=None if every else tuple(dict.fromkeys(axes)), budget=Budget(simulations=1))


def _joined(stories: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The story of the last search, with what all of them took, and each as it was."""
    counts = {
        key: sum(story[key] for story in stories) for key in ("simulations", "seconds", "nodes", "transpositions")
    }
    return {**stories[-1], **counts, "stages": list(stories)}
