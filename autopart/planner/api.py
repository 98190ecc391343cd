"""``partition``: a function, a mesh and goals in; a plan out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from autopart.costmodel.mesh import Mesh
from autopart.errors import GoalError, InfeasibleError, TacticError
from autopart.goals.measures import COMMUNICATION_ON, counted_of
from autopart.goals.named_goals import AnyGoal, default_goals
from autopart.goals.reserved import reserved_of
from autopart.partitioning.jax_mesh import as_mesh
from autopart.partitioning.mesh_shapes import AnyMesh, candidates
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.plan.plan import Plan
from autopart.planner.infeasible import why_infeasible
from autopart.planner.mesh_search import OnShape, best_of_shapes
from autopart.planner.searching import EMBEDDED, RAY, Auto, OnBest, search_after
from autopart.planner.stages import Aim, Stage, aim_of, finish, measured
from autopart.planner.tracked_run import Tracking
from autopart.program.control_flow import ASSUMED_TRIPS
from autopart.program.graph import Graph
from autopart.program.trace import trace
from autopart.search import Goals, Journal, Observer, Observers, SearchError
from autopart.tactics.manual import Manual, Tactic, apply_schedule
from autopart.tracking.composite import Composite
from autopart.tracking.tracker import TrackedRun, Tracker

PRIORS = ("static", "guided", "uniform")


AnyTactic: TypeAlias = "Tactic | Auto"

OnSearch: TypeAlias = Callable[[int, Mesh, Goals], Observer]
"""Gives who hears of a search that begins: its number among those of the schedule, its mesh, its goals."""


def partition(
    fn: Callable[..., Any],
    *args: Any,
    mesh: Any,
    device: str | None = None,
    goals: Sequence[AnyGoal] | None = None,
    tactics: Sequence[AnyTactic] = (Auto(),),
    donate_argnums: int | Sequence[int] = (),
    observer: Observer | None = None,
    on_best: OnBest | None = None,
    on_shape: OnShape | None = None,
    while_trips: int = ASSUMED_TRIPS,
    journal: str | Path | None = None,
    tracker: Tracker | None = None,
) -> Plan:
    """Finds how to split ``fn`` over ``mesh``.

    Args:
        fn: what one would hand to ``jax.jit``.
        args: its arguments, as pytrees of arrays or ``jax.ShapeDtypeStruct``.
        mesh: ``autopart.Mesh``, ``jax.sharding.Mesh`` or ``AbstractMesh``; or ``autopart.AnyMesh``, so many devices
            whose axis sizes are searched too.
        device: device profile, for JAX's own meshes.
        goals: in order of importance; by default fit in memory, then be fast, then be small.
        tactics: applied in order; ``Auto`` searches, earlier tactics win.
        donate_argnums: arguments whose buffers the step may reuse.
        observer: hears of progress and improvements.
        on_best: is handed the tactics and the metrics of every new best state, at once.
        on_shape: of ``AnyMesh``: is handed each mesh before its search begins or goes on; ``on_best`` speaks of that.
        while_trips: iterations to assume of a ``while`` whose number cannot be read from the program.
        journal: a file that keeps all that the search evaluates; where it exists, the search goes on from it.
        tracker: keeps curves of the search and what it came to, e.g. ``tracking.Wandb(folder, mode="offline")``, or
            several as a ``tracking.Composite``. One that fails is warned of and does no harm.

    Raises:
        TraceError, MeshError, TacticError, GoalError, SearchError: bad input.
        InfeasibleError: no state that was found meets the limits; ``error.plan`` holds the nearest.
    """
    ours, theirs = (_of_device(mesh, device), None) if isinstance(mesh, AnyMesh) else as_mesh(mesh, device)
    graph = trace(fn, *args, donate_argnums=donate_argnums, while_trips=while_trips)
    resumed = journal is not None and Path(journal).exists()
    with ExitStack() as stack:
        kept = None if journal is None else stack.enter_context(closing(Journal(Path(journal))))
        tracked = (
            None if tracker is None else stack.enter_context(_tracking(tracker, fn, ours, goals, tactics, resumed))
        )
        plan = partition_graph(
            graph, ours, goals=goals, tactics=tactics, observer=observer, on_best=on_best, on_shape=on_shape,
            device_mesh=theirs, journal=kept, on_search=None if tracked is None else tracked.search,
        )  # fmt: skip
        if tracked is not None:
            tracked.end_with(plan)
        return plan


def _tracking(
    tracker: Tracker, fn: Callable[..., Any], mesh: Mesh | AnyMesh, goals: Sequence[AnyGoal] | None,
    tactics: Sequence[AnyTactic], resumed: bool,
) -> Tracking:  # fmt: skip
    """A run that is told to a tracker, with what was asked for in words."""
    asked = {"mesh": repr(mesh), "goals": repr(goals), "tactics": [repr(tactic) for tactic in tactics]}
    name = getattr(fn, "__name__", type(fn).__name__)
    guarded = tracker if isinstance(tracker, Composite) else Composite([tracker])
    return Tracking(guarded, TrackedRun(name, None, asked, resumed, isinstance(mesh, AnyMesh)))


def _of_device(mesh: AnyMesh, device: str | None) -> AnyMesh:
    return mesh if device is None else replace(mesh, device=device)


def partition_graph(
    graph: Graph,
    mesh: Mesh | AnyMesh,
    *,
    goals: Sequence[AnyGoal] | None = None,
    tactics: Sequence[AnyTactic] = (Auto(),),
    observer: Observer | None = None,
    on_best: OnBest | None = None,
    on_shape: OnShape | None = None,
    device_mesh: Any = None,
    journal: Journal | None = None,
    on_search: OnSearch | None = None,
) -> Plan:
    """``partition`` for a graph that is traced already; ``on_search`` gives a second observer for each search."""
    if isinstance(mesh, AnyMesh):
        _check_shapes(tactics, journal)
        return _partition_shapes(graph, mesh, goals, tactics, observer, on_best, on_shape, on_search)
    _check_tactics(tactics, mesh)
    wanted, *for_each = _checked_goals(mesh, goals, tactics)
    problem = Problem.of(graph, mesh)
    wanted, *for_each = (_at_root(problem, aim) for aim in (wanted, *for_each))
    state, schedule, stages = State(problem), list[Tactic](), list[Stage]()
    for tactic, aim in zip(tactics, for_each, strict=True):
        if isinstance(tactic, Auto):
            heard = observer if on_search is None else _also(observer, on_search(len(stages), mesh, aim.goals))
            found = search_after(
                problem, tuple(schedule), tactic, aim.goals, heard, on_best, rules=aim.rules, journal=journal,
                stage=len(stages),
            )  # fmt: skip
            stages.append(Stage(tactic, aim, len(schedule), found))
            schedule += found.tactics
            state = State(problem)
            apply_schedule(state, schedule)
        else:
            state.apply(tactic.steps(state))
            schedule.append(tactic.resolved(problem) if isinstance(tactic, Manual) and tactic.chooses else tactic)
    end = finish(problem, schedule, stages, wanted)
    tree = stages[-1].found.tree if stages else None
    plan = Plan(problem, tuple(end.schedule), end.recipes, end.story, device_mesh, tree)
    broken = wanted.goals.violated(measured(problem, plan.schedule, wanted.goals.metric_names))
    if broken is not None:
        raise InfeasibleError(why_infeasible(plan, *broken), plan)
    return plan


def _partition_shapes(
    graph: Graph,
    asked: AnyMesh,
    goals: Sequence[AnyGoal] | None,
    tactics: Sequence[AnyTactic],
    observer: Observer | None,
    on_best: OnBest | None,
    on_shape: OnShape | None,
    on_search: OnSearch | None,
) -> Plan:
    """``partition_graph`` on the best of all meshes of so many devices."""
    wanted = _checked_goals(asked, goals, tactics)[0]
    of_axes = bool(wanted.rules) or any(COMMUNICATION_ON in name for name in wanted.goals.metric_names)
    by_name = of_axes or any(not isinstance(tactic, Auto) or tactic.axes is not None for tactic in tactics)

    def plan_on(mesh: Mesh, tactics: Sequence[AnyTactic], observer: Observer, on_best: OnBest) -> Plan:
        return partition_graph(
            graph, mesh, goals=goals, tactics=tactics, observer=observer, on_best=on_best, on_search=on_search
        )

    shapes = candidates(graph, asked, by_name)
    wanted = _at_root(Problem.of(graph, shapes.meshes[0]), wanted)  # With nothing tiled all meshes are alike.
    return best_of_shapes(shapes, tactics, wanted.goals, plan_on, observer, on_best, on_shape)


def _also(observer: Observer | None, another: Observer) -> Observer:
    return another if observer is None else Observers((observer, another))


def _check_kinds(tactics: Sequence[AnyTactic]) -> None:
    if not isinstance(tactics, Sequence) or not all(isinstance(t, Auto) or hasattr(t, "steps") for t in tactics):
        raise TacticError(f"tactics must be a list of Manual(...), named strategies, and Auto(...), not {tactics!r}")


def _check_shapes(tactics: Sequence[AnyTactic], journal: Journal | None) -> None:
    """Refuses what only a search on one mesh can have."""
    _check_kinds(tactics)
    if journal is not None:
        raise TacticError("a journal keeps the search on one mesh. Fix: a mesh with axes, or no journal.")
    if any(isinstance(tactic, Auto) and tactic.backend != EMBEDDED for tactic in tactics):
        raise TacticError(f"Auto(backend='{RAY}') searches on one mesh. Fix: a mesh with axes, or '{EMBEDDED}'.")


def _check_tactics(tactics: Sequence[AnyTactic], mesh: Mesh) -> None:
    """Refuses what is no tactic, and searches that cannot be, before any work is done."""
    _check_kinds(tactics)
    for auto in tactics:
        if not isinstance(auto, Auto):
            continue
        axes = mesh.axis_names if auto.axes is None else auto.axes
        if not isinstance(axes, (tuple, list)) or not all(axis in mesh.axes for axis in axes):
            raise TacticError(
                f"Auto(axes={axes!r}): must be a tuple of mesh axes; there is {', '.join(mesh.axis_names)}"
            )
        if auto.prior not in PRIORS:
            raise TacticError(f"Auto: unknown prior '{auto.prior}'; choose one of {', '.join(PRIORS)}")
        if isinstance(auto.seed, bool) or not isinstance(auto.seed, int) or auto.seed < 0:
            raise TacticError(f"Auto(seed={auto.seed!r}): must be a whole number, 0 or more")
        if auto.backend not in (EMBEDDED, RAY):
            raise TacticError(f"Auto: unknown backend '{auto.backend}'; choose {EMBEDDED} or {RAY}")
        if auto.workers < 1 or (auto.backend == EMBEDDED and auto.workers > 1):
            raise TacticError(f"Auto(workers={auto.workers}): must be at least 1; more need backend='{RAY}'")


def _checked_goals(mesh: Mesh | AnyMesh, goals: Sequence[AnyGoal] | None, tactics: Sequence[AnyTactic]) -> list[Aim]:
    """The goals of the plan, then for each tactic those that it would search for; checked before any work is done.

    The plan's are those that were given, else those of the last search that has some, else the default ones.

    Raises:
        GoalError: they make no sense.
    """
    own = [tactic.goals if isinstance(tactic, Auto) else None for tactic in tactics]
    given = [some for some in (*own, goals) if some is not None]
    wanted = given[-1] if given else default_goals(mesh)
    try:
        return [aim_of(some, mesh) for some in (wanted, *(wanted if some is None else some for some in own))]
    except SearchError as error:
        raise GoalError(str(error)) from error


def _at_root(problem: Problem, aim: Aim) -> Aim:
    """The aim with what it leaves to the program with nothing tiled filled in.

    Raises:
        GoalError: it names what the program lacks, or a figure there is no scale.
    """
    counted = counted_of(problem, aim.goals.metric_names)
    reserved_of(problem, aim.rules)
    if not aim.goals.needs_root:
        return aim
    try:
        return Aim(aim.goals.relative_to(State(problem, counted).metrics().tolist()), aim.rules)
    except SearchError as error:
        raise GoalError(str(error)) from error


__all__ = ["AnyTactic", "Auto", "default_goals", "partition", "partition_graph"]
