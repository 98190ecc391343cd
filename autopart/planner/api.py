"""``partition``: a function, a mesh and goals in; a plan out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from autopart.costmodel.mesh import Mesh
from autopart.costmodel.profile import Device
from autopart.errors import AutopartError, InfeasibleError
from autopart.goals.named_goals import AnyGoal
from autopart.partitioning.jax_mesh import as_mesh
from autopart.partitioning.mesh_shapes import AnyMesh, candidates
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.plan.plan import Plan
from autopart.planner.aims import aims_of, measured
from autopart.planner.auto import Auto
from autopart.planner.checks import AnyTactic, check_shapes, check_tactics
from autopart.planner.infeasible import why_infeasible
from autopart.planner.listener import Listener, Listeners, SearchListener
from autopart.planner.mesh_search import best_of_shapes
from autopart.planner.searching import search_after
from autopart.planner.stages import Stage, finish
from autopart.planner.tracked_run import Tracking
from autopart.program.control_flow import ASSUMED_TRIPS
from autopart.program.graph import Graph
from autopart.program.trace import trace
from autopart.search import Journal
from autopart.tactics.manual import Manual, Tactic, apply_schedule
from autopart.tracking.composite import Composite
from autopart.tracking.tracker import TrackedRun, Tracker

_TRACKER = ("name", "begin", "log", "attach", "finish")
"""What a tracker has."""


def partition(
    fn: Callable[..., Any],
    *args: Any,
    mesh: Any,
    device: str | Device | None = None,
    goals: Sequence[AnyGoal] | None = None,
    tactics: Sequence[AnyTactic] = (Auto(),),
    donate_argnums: int | Sequence[int] = (),
    while_trips: int = ASSUMED_TRIPS,
    journal: str | Path | None = None,
    listen: Listener | Tracker | Sequence[Listener | Tracker] = (),
) -> Plan:
    """Finds how to split ``fn`` over ``mesh``.

    Args:
        fn: what one would hand to ``jax.jit``.
        args: its arguments, as pytrees of arrays or ``jax.ShapeDtypeStruct``.
        mesh: ``autopart.Mesh``, ``jax.sharding.Mesh`` or ``AbstractMesh``; or ``autopart.AnyMesh``, so many devices
            whose axis sizes are searched too.
        device: device profile or its name, for JAX's own meshes.
        goals: in order of importance; by default fit in memory, then be fast, then be small.
        tactics: applied in order; ``Auto`` searches, earlier tactics win.
        donate_argnums: arguments whose buffers the step may reuse.
        while_trips: iterations to assume of a ``while`` whose number cannot be read from the program.
        journal: a file that keeps all that the search evaluates; where it exists, the search goes on from it.
        listen: who hears of the search while it runs: an ``autopart.Listener``; a tracker, which keeps curves of it and
            what it came to, e.g. ``tracking.Wandb(folder, mode="offline")`` (one that fails is warned of and does
            no harm); or several of either.

    Raises:
        TraceError, MeshError, TacticError, GoalError, SearchError: bad input.
        InfeasibleError: no state that was found meets the limits; ``error.plan`` holds the nearest.
    """
    listeners, trackers = _listening(listen)
    ours, theirs = (_of_device(mesh, device), None) if isinstance(mesh, AnyMesh) else as_mesh(mesh, device)
    graph = trace(fn, *args, donate_argnums=donate_argnums, while_trips=while_trips)
    resumed = journal is not None and Path(journal).exists()
    with ExitStack() as stack:
        kept = None if journal is None else stack.enter_context(closing(Journal(Path(journal))))
        tracking = None
        if trackers:
            run = _run(fn, ours, goals, tactics, resumed)
            tracking = stack.enter_context(Tracking(_guarded(trackers), run))
            listeners.append(tracking)
        plan = partition_graph(
            graph, ours, goals=goals, tactics=tactics, listener=Listeners(listeners), device_mesh=theirs, journal=kept
        )
        if tracking is not None:
            tracking.end_with(plan)
        return plan


def partition_graph(
    graph: Graph,
    mesh: Mesh | AnyMesh,
    *,
    goals: Sequence[AnyGoal] | None = None,
    tactics: Sequence[AnyTactic] = (Auto(),),
    listener: Listener | None = None,
    device_mesh: Any = None,
    journal: Journal | None = None,
) -> Plan:
    """``partition`` for a graph that is traced already."""
    listener = listener or Listener()
    if isinstance(mesh, AnyMesh):
        check_shapes(tactics, journal)
        return _partition_shapes(graph, mesh, goals, tactics, listener)
    check_tactics(tactics, mesh)
    on_mesh, for_each = aims_of(mesh, goals, _own_goals(tactics))
    problem = Problem.of(graph, mesh)
    wanted = on_mesh.on(problem)
    aims = [wanted if aim is on_mesh else aim.on(problem) for aim in for_each]
    state, schedule, stages = State(problem), list[Tactic](), list[Stage]()
    for tactic, aim in zip(tactics, aims, strict=True):
        if isinstance(tactic, Auto):
            heard = SearchListener(listener, len(stages), mesh, aim.goals)
            found = search_after(
                problem, tuple(schedule), tactic, aim, heard, journal=journal, stage=len(stages)
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
    broken = wanted.goals.violated(measured(problem, plan.schedule, wanted))
    if broken is not None:
        raise InfeasibleError(why_infeasible(plan, *broken), plan)
    return plan


def _partition_shapes(
    graph: Graph,
    asked: AnyMesh,
    goals: Sequence[AnyGoal] | None,
    tactics: Sequence[AnyTactic],
    listener: Listener,
) -> Plan:
    """``partition_graph`` on the best of all meshes of so many devices."""
    wanted, _ = aims_of(asked, goals, _own_goals(tactics))
    by_hand = any(not isinstance(tactic, Auto) or tactic.axes is not None for tactic in tactics)

    def plan_on(mesh: Mesh, tactics: Sequence[AnyTactic], listener: Listener) -> Plan:
        return partition_graph(graph, mesh, goals=goals, tactics=tactics, listener=listener)

    shapes = candidates(graph, asked, wanted.names_axes or by_hand)
    aim = wanted.on(Problem.of(graph, shapes.meshes[0]))  # With nothing tiled all meshes are alike.
    return best_of_shapes(shapes, tactics, aim.goals, plan_on, listener)


def _own_goals(tactics: Sequence[AnyTactic]) -> list[Sequence[AnyGoal] | None]:
    """The goals of each tactic that has some."""
    return [tactic.goals if isinstance(tactic, Auto) else None for tactic in tactics]


def _of_device(mesh: AnyMesh, device: str | Device | None) -> AnyMesh:
    return mesh if device is None else replace(mesh, device=device)


def _listening(listen: Listener | Tracker | Sequence[Listener | Tracker]) -> tuple[list[Listener], list[Tracker]]:
    """Who hears of the search, apart by kind.

    Raises:
        AutopartError: one is neither a listener nor a tracker.
    """
    listeners, trackers = list[Listener](), list[Tracker]()
    every: Sequence[Any] = listen if isinstance(listen, (list, tuple)) else [listen]
    for one in every:
        if isinstance(one, Listener):
            listeners.append(one)
        elif not isinstance(one, type) and all(hasattr(one, name) for name in _TRACKER):
            trackers.append(one)
        else:
            raise AutopartError(
                f"listen={one!r:.80}: must be a Listener (class Mine(autopart.Listener): ...), a tracker with "
                f"{', '.join(_TRACKER)}, or a list of these"
            )
    return listeners, trackers


def _guarded(trackers: Sequence[Tracker]) -> Composite:
    """All as one that does no harm."""
    [first, *others] = trackers
    return first if isinstance(first, Composite) and not others else Composite(trackers)


def _run(
    fn: Callable[..., Any], mesh: Mesh | AnyMesh, goals: Sequence[AnyGoal] | None, tactics: Sequence[AnyTactic],
    resumed: bool,
) -> TrackedRun:  # fmt: skip
    """What was asked for in words."""
    asked = {"mesh": repr(mesh), "goals": repr(goals), "tactics": [repr(tactic) for tactic in tactics]}
    name = getattr(fn, "__name__", type(fn).__name__)
    return TrackedRun(name, None, asked, resumed, isinstance(mesh, AnyMesh))
