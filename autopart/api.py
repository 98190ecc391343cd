"""``partition``: a function, a mesh and goals in; a plan out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from autopart.actions import action_table
from autopart.analysis import METRICS
from autopart.environment import PartitionGame, seeds_of
from autopart.errors import GoalError, InfeasibleError, TacticError
from autopart.graph import Graph
from autopart.meshes import as_mesh
from autopart.plan import Plan
from autopart.problem import Problem
from autopart.quantities import bytes_text
from autopart.regions import ASSUMED_TRIPS
from autopart.simplify import simplify
from autopart.state import State
from autopart.tactics import Atomic, Manual, Tactic, apply_schedule
from autopart.trace import trace
from costmodel.mesh import Mesh
from search import (
    MCTS,
    AtMost,
    Budget,
    Goal,
    Goals,
    Improvement,
    Minimise,
    NullObserver,
    Observer,
    Progress,
    SearchError,
    SearchResult,
    StaticPrior,
    UniformPrior,
)

PRIORS = ("static", "uniform")


@dataclass(frozen=True)
class Auto:
    """The tactic that searches.

    Attributes:
        axes: mesh axes it may tile; all of them if ``None``.
        simulations, seconds: budget; the first reached ends the search.
        seed: of the search's random generator.
        prior: ``static`` (bytes that an action decides) or ``uniform``.
    """

    axes: tuple[str, ...] | None = None
    simulations: int | None = 2000
    seconds: float | None = None
    seed: int = 0
    prior: str = "static"


AnyTactic: TypeAlias = "Manual | Atomic | Auto"
OnBest: TypeAlias = Callable[[Sequence[Tactic], Sequence[float]], None]


def default_goals(mesh: Mesh) -> list[Goal]:
    """Fit in the device's memory, then be fast, then be small."""
    return [
        AtMost("peak_memory_bytes", float(mesh.device_profile.hbm_usable_bytes)),
        Minimise("step_s"),
        Minimise("peak_memory_bytes"),
    ]


def partition(
    fn: Callable[..., Any],
    *args: Any,
    mesh: Any,
    device: str | None = None,
    goals: Sequence[Goal] | None = None,
    tactics: Sequence[AnyTactic] = (Auto(),),
    donate_argnums: int | Sequence[int] = (),
    observer: Observer | None = None,
    on_best: OnBest | None = None,
    while_trips: int = ASSUMED_TRIPS,
) -> Plan:
    """Finds how to split ``fn`` over ``mesh``.

    Args:
        fn: what one would hand to ``jax.jit``.
        args: its arguments, as pytrees of arrays or ``jax.ShapeDtypeStruct``.
        mesh: ``autopart.Mesh``, ``jax.sharding.Mesh`` or ``AbstractMesh``.
        device: device profile, for JAX's own meshes.
        goals: in order of importance; by default fit in memory, then be fast, then be small.
        tactics: applied in order; ``Auto`` searches, earlier tactics win.
        donate_argnums: arguments whose buffers the step may reuse.
        observer: hears of progress and improvements.
        on_best: is handed the tactics and the metrics of every new best state, at once.
        while_trips: iterations to assume of a ``while`` whose number cannot be read from the program.

    Raises:
        TraceError, MeshError, TacticError, GoalError: bad input.
        InfeasibleError: no state that was found meets the limits; ``error.plan`` holds the nearest.
    """
    ours, theirs = as_mesh(mesh, device)
    graph = trace(fn, *args, donate_argnums=donate_argnums, while_trips=while_trips)
    return partition_graph(
        graph, ours, goals=goals, tactics=tactics, observer=observer, on_best=on_best, device_mesh=theirs
    )


def partition_graph(
    graph: Graph,
    mesh: Mesh,
    *,
    goals: Sequence[Goal] | None = None,
    tactics: Sequence[AnyTactic] = (Auto(),),
    observer: Observer | None = None,
    on_best: OnBest | None = None,
    device_mesh: Any = None,
) -> Plan:
    """``partition`` for a graph that is traced already."""
    _check_tactics(tactics, mesh)
    wanted = _checked_goals(default_goals(mesh) if goals is None else goals, tactics)
    problem = Problem.of(graph, mesh)
    state, schedule = State(problem), list[Tactic]()
    recipes: dict[str, dict[str, float]] = {}
    story: dict[str, Any] = {}
    for tactic in tactics:
        if isinstance(tactic, Auto):
            found, recipes, story = _search(problem, tuple(schedule), tactic, wanted, observer, on_best)
            schedule += found
            state = State(problem)
            apply_schedule(state, schedule)
        else:
            state.apply(tactic.steps(state))
            schedule.append(tactic)
    plan = Plan(problem, tuple(schedule), recipes, story, device_mesh)
    if not wanted.satisfied(list(plan.metrics.values())):
        raise InfeasibleError(_why_infeasible(plan, wanted), plan)
    return plan


def _check_tactics(tactics: Sequence[AnyTactic], mesh: Mesh) -> None:
    """Refuses what is no tactic, and searches that cannot be, before any work is done."""
    if not isinstance(tactics, Sequence) or not all(isinstance(t, (Manual, Atomic, Auto)) for t in tactics):
        raise TacticError(f"tactics must be a list of Manual(...), Atomic(...) and Auto(...), not {tactics!r}")
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


def _checked_goals(goals: Sequence[Goal], tactics: Sequence[AnyTactic]) -> Goals:
    """The goals, after checking them and the budgets before any work is done.

    Raises:
        GoalError: they make no sense.
    """
    try:
        for tactic in tactics:
            if isinstance(tactic, Auto):
                Budget(tactic.simulations, tactic.seconds)
        return Goals(list(goals) if isinstance(goals, Sequence) else [goals], METRICS)
    except SearchError as error:
        raise GoalError(str(error)) from error


def _search(
    problem: Problem,
    prefix: tuple[Tactic, ...],
    auto: Auto,
    goals: Goals,
    observer: Observer | None,
    on_best: OnBest | None,
) -> tuple[list[Tactic], dict[str, dict[str, float]], dict[str, Any]]:
    """The tactics that a search adds after ``prefix``, the known recipes' figures, and how it went."""
    axes = problem.mesh.axis_names if auto.axes is None else auto.axes
    state = State(problem)
    apply_schedule(state, prefix)
    table = action_table(problem, axes, state)
    game = PartitionGame(state, table)
    prior = StaticPrior(lambda a: table.actions[a].weight + 1.0) if auto.prior == "static" else UniformPrior()
    seeds = seeds_of(game)
    if on_best is not None:
        second = State(problem)
        apply_schedule(second, prefix)
        observer = _Relay(PartitionGame(second, table), prefix, observer or NullObserver(), on_best)
    strategy = MCTS(seed=auto.seed, prior=prior)
    result = strategy.run(game, goals, Budget(auto.simulations, auto.seconds), list(seeds.values()), observer)
    found = _tactics_of(game, result.best_actions)
    short = simplify(problem, prefix, found, lambda s: goals.rank(s.metrics().tolist()))
    recipes = {
        name: dict(zip(METRICS, outcome.metrics, strict=True))
        for name, outcome in zip(seeds, result.seeds, strict=False)  # An interrupt may come before the last.
    }  # fmt: skip
    return short, recipes, _story(result)


class _Relay:
    """Turns the improvements of a search, which are action numbers, into tactics."""

    def __init__(self, game: PartitionGame, prefix: Sequence[Tactic], observer: Observer, on_best: OnBest) -> None:
        self.game, self.prefix, self.observer, self.on_best = game, prefix, observer, on_best

    def on_improvement(self, improvement: Improvement) -> None:
        """Replays the actions on a game of its own."""
        self.on_best([*self.prefix, *_tactics_of(self.game, improvement.actions)], improvement.metrics)
        self.observer.on_improvement(improvement)

    def on_progress(self, progress: Progress) -> None:
        """Hands it on."""
        self.observer.on_progress(progress)


def _tactics_of(game: PartitionGame, actions: Sequence[int]) -> list[Tactic]:
    for action in actions:
        game.apply(action)
    tactics = list(game.tactics())
    for _ in actions:
        game.undo()
    return tactics


def _story(result: SearchResult) -> dict[str, Any]:
    return {
        "simulations": result.simulations,
        "seconds": result.seconds,
        "stop": str(result.stop),
        "nodes": result.nodes,
        "transpositions": result.transpositions,
        "improvements": [
            {"simulation": i.simulation, "seconds": i.seconds, "metrics": dict(zip(METRICS, i.metrics, strict=True))}
            for i in result.improvements
        ],
    }


def _why_infeasible(plan: Plan, goals: Goals) -> str:
    """The least found, what fills it, and what would help."""
    binding = goals.binding(list(plan.metrics.values()))
    value, limit = plan.metrics[binding], next(g.limit for g in goals.goals if g.metric == binding and g.limit)
    if binding != "peak_memory_bytes":
        return f"no plan meets {binding} <= {limit:.4g}: the least found is {value:.4g}. Fix: relax the goal."
    rows = "\n".join(
        f"  {bytes_text(nbytes):>12}  {what}" + (f" (x{count})" if count > 1 else "")
        for what, _, nbytes, count in plan.memory_by_kind(6)
    )
    return (
        f"no plan that was found fits in {bytes_text(limit)} a device: the least is {bytes_text(value)}, "
        f"filled at its peak by\n{rows}\nWhat would help: {_advice(plan)}."
    )


def _advice(plan: Plan) -> str:
    by_role: dict[str, float] = {}
    for _, role, nbytes, _ in plan.memory_by_kind(1000):
        by_role[role] = by_role.get(role, 0.0) + nbytes
    largest = max(by_role, key=lambda role: by_role[role])
    if largest == "value":
        return "a smaller batch, jax.checkpoint (remat) around layers, or more devices on the batch axis"
    if largest == "gathered":
        return "remat, or a mesh axis that tiles the gathered weights (tensor parallelism)"
    return "more devices, a lower precision of parameters or optimizer state, or a larger mesh axis that divides them"


__all__ = ["AnyTactic", "Auto", "default_goals", "partition", "partition_graph"]
