"""Goals as searches take them, resolved once: on the mesh before any work is done, then on the program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autopart.cost.collective_sums import Counted
from autopart.costmodel.mesh import Mesh
from autopart.errors import GoalError
from autopart.goals.measures import COMMUNICATION_ON, counted_of, metric_names
from autopart.goals.named_goals import AnyGoal, ReserveAxis, default_goals, on_mesh
from autopart.goals.reserved import Reserved, reserved_of
from autopart.partitioning.mesh_shapes import AnyMesh
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.search import Goals, SearchError
from autopart.tactics.manual import Tactic, apply_schedule


@dataclass(frozen=True)
class Aim:
    """What a search is to reach on a mesh, and the rules that it is to keep."""

    goals: Goals
    rules: tuple[ReserveAxis, ...]

    @property
    def names_axes(self) -> bool:
        """Whether it speaks of mesh axes by name."""
        return bool(self.rules) or any(COMMUNICATION_ON in name for name in self.goals.metric_names)

    def on(self, problem: Problem) -> ProgramAim:
        """The aim on a program.

        Raises:
            GoalError: it names what the program lacks, or a figure there is no scale.
        """
        return aim_on(problem, self.goals, self.rules)


@dataclass(frozen=True)
class ProgramAim:
    """An aim on a program: nothing of it is left open.

    Attributes:
        goals: what they leave to the program with nothing tiled is filled in.
        rules: mesh axes that are kept for some arrays.
        counted: the collectives that the goals' measures count.
        reserved: the rules, by op.
    """

    goals: Goals
    rules: tuple[ReserveAxis, ...]
    counted: tuple[Counted, ...]
    reserved: tuple[Reserved, ...]


def aim_on(problem: Problem, goals: Goals, rules: Sequence[ReserveAxis] = ()) -> ProgramAim:
    """Goals and rules on a program.

    Raises:
        GoalError: they name what the program lacks, or a figure there is no scale.
    """
    counted, reserved = counted_of(problem, goals.metric_names), reserved_of(problem, rules)
    if goals.needs_root:
        try:
            goals = goals.relative_to(State(problem, counted).metrics().tolist())
        except SearchError as error:
            raise GoalError(str(error)) from error
    return ProgramAim(goals, tuple(rules), counted, reserved)


def aim_of(goals: Sequence[AnyGoal] | AnyGoal, mesh: Mesh | AnyMesh) -> Aim:
    """The aim of goals on a mesh.

    Raises:
        GoalError: they make no sense.
    """
    try:
        found, rules = on_mesh(list(goals) if isinstance(goals, Sequence) else [goals], mesh)
        return Aim(Goals(found, metric_names([metric for goal in found for metric in goal.metrics])), rules)
    except SearchError as error:
        raise GoalError(str(error)) from error


def aims_of(
    mesh: Mesh | AnyMesh, goals: Sequence[AnyGoal] | None, own: Sequence[Sequence[AnyGoal] | None]
) -> tuple[Aim, tuple[Aim, ...]]:
    """The aim of a plan, and those of its searches; checked before any work is done.

    The plan's are the goals that were given, else those of the last search that has some of its ``own``, else the
    default ones; a search without has the plan's.

    Raises:
        GoalError: they make no sense.
    """
    given = [some for some in (*own, goals) if some is not None]
    wanted = aim_of(given[-1] if given else default_goals(mesh), mesh)
    return wanted, tuple(wanted if some is None else aim_of(some, mesh) for some in own)


def measured(problem: Problem, schedule: Sequence[Tactic], aim: ProgramAim) -> list[float]:
    """The figures of a schedule that the goals speak of, in their order."""
    state = State(problem, aim.counted)
    apply_schedule(state, schedule)
    figures: list[float] = state.metrics().tolist()
    return figures
