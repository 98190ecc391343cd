"""The search over mesh shapes: one search for each, which take turns, share one budget, and are halved.

Every shape's search is an ordinary one that is paused and goes on, so the last one left loses nothing of what it knew.
First each looks at its known compositions. Then what is left of the budget is divided evenly over rounds, and in
each round over the shapes that are in it; after it the better half (rounded up) goes on, until one has a round alone.
Source: sequential halving, Karnin, Koren, Somekh, "Almost optimal exploration in multi-armed bandits", 2013.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from autopart.cost.metrics import METRICS
from autopart.costmodel.errors import CostModelError
from autopart.costmodel.mesh import Mesh
from autopart.errors import InfeasibleError, MeshError, TacticError
from autopart.partitioning.mesh_shapes import Candidates, shape_text
from autopart.plan.plan import Plan
from autopart.planner.auto import Auto
from autopart.planner.listener import Listener
from autopart.planner.pausable import DroppedError, Turn
from autopart.search import Budget, Goals, Improvement, Observer, Progress, StopReason
from autopart.search.interrupt import deferred_interrupt
from autopart.tactics.manual import Tactic

PlanOn: TypeAlias = "Callable[[Mesh, Sequence[Tactic | Auto], Listener], Plan]"
"""Applies tactics and searches on one mesh."""


@dataclass(frozen=True, slots=True)
class SharedBudget(Budget):
    """A bound that the shapes share; ``ask`` is told of evaluated states and says whether to stop."""

    ask: Callable[[int], StopReason | None] = field(kw_only=True)

    def spent(self, simulations: int, seconds: float) -> StopReason | None:
        """Why to stop, or None; it may pause before it answers."""
        return self.ask(simulations)


class ShapeSearch(Listener):
    """The search on one mesh: a listener and a budget that pause it when its share is spent.

    Attributes:
        mesh: where.
        metrics: of the best state so far; of the plan once it is done; none before there is one.
        plan: what it came to; none until it is done.
        infeasible: what was raised because the plan breaks a limit.
        refused: why there is no plan on this mesh.
    """

    def __init__(self, mesh: Mesh, tactics: Sequence[Tactic | Auto], plan_on: PlanOn, race: _Race) -> None:
        mine = [
            replace(t, budget=SharedBudget(t.budget.simulations, t.budget.seconds, t.budget.stall, ask=self._ask))
            if isinstance(t, Auto)
            else t
            for t in tactics
        ]
        self.mesh = mesh
        self.metrics: tuple[float, ...] = ()
        self.plan: Plan | None = None
        self.infeasible: InfeasibleError | None = None
        self.refused = ""
        self._race = race
        self._turn = Turn(lambda: plan_on(mesh, mine, self))
        self._schedule: Sequence[Tactic] = ()
        self._before, self._current = 0, 0
        self._share: tuple[int | None, float | None] = (0, None)
        self._stop: StopReason | None = None

    @property
    def states(self) -> int:
        """States evaluated so far, those of a folded program that did not do included."""
        return self._before + self._current

    @property
    def done(self) -> bool:
        """Whether there is nothing to go on with."""
        return self._turn.done

    def go_on(self, states: int | None, seconds: float | None) -> None:
        """Lets it evaluate so many more states, for so long; at its first turn at least all known compositions.

        Raises:
            Exception: what the search raised, unless it says that this mesh does not do, or that limits are not met.
        """
        if self.done:
            return
        self._share = (
            None if states is None else self.states + states,
            None if seconds is None else time.perf_counter() + seconds,
        )
        self._turn.go_on()
        self._take_result()

    def finish(self, reason: StopReason) -> None:
        """Ends it with what it has found."""
        self._stop = reason
        self.go_on(0, None)

    def drop(self) -> None:
        """Ends it without a plan."""
        self._turn.drop()

    def _take_result(self) -> None:
        """What it came to, if it is done."""
        if not self.done:
            return
        try:
            self.plan = self._turn.result()
        except InfeasibleError as error:
            self.plan, self.infeasible = error.plan, error
        except (MeshError, TacticError, CostModelError) as error:
            self.refused = str(error)
        if self.plan is not None:
            self.metrics = self._race.figures(self.plan)

    def _ask(self, simulations: int) -> StopReason | None:
        self._current = max(self._current, simulations)
        while self._stop is None and self._is_spent():
            self._turn.pause()
        if self._turn.dropped:
            raise DroppedError
        return self._stop

    def _is_spent(self) -> bool:
        states, until = self._share
        late = until is not None and time.perf_counter() >= until
        return late or (states is not None and self.states >= states) or self._race.interrupted()

    def on_search(self, stage: int, mesh: Mesh, goals: Goals) -> Observer:
        """Hands it on."""
        return self._race.listener.on_search(stage, mesh, goals)

    def on_best(self, tactics: Sequence[Tactic], metrics: Sequence[float]) -> None:
        """Notes it."""
        self._schedule = tactics

    def on_improvement(self, improvement: Improvement) -> None:
        """Notes it; the race hears of it."""
        if improvement.simulation == 1 and self._current:  # The whole program after a folded one that did not do.
            self._before, self._current = self.states, 0
        self._current = max(self._current, improvement.simulation)
        self.metrics = improvement.metrics
        self._race.improved(self.mesh, self._schedule, improvement)

    def on_progress(self, progress: Progress) -> None:
        """Hands it on; where someone asked to stop, ends this search with what it has."""
        if self._race.interrupted():
            raise KeyboardInterrupt
        self._current = max(self._current, progress.simulations)
        self._race.progressed(progress)


class _Race:
    """All searches, what they spent together, and the best state of all."""

    def __init__(self, goals: Goals, listener: Listener, interrupted: Callable[[], bool]) -> None:
        self.searches: list[ShapeSearch] = []
        self.interrupted = interrupted
        self.listener = listener
        self.improvements: list[dict[str, Any]] = []
        self._goals = goals
        self._begun = time.perf_counter()
        self._best: tuple[float, ...] = ()

    @property
    def states(self) -> int:
        """States evaluated on all meshes."""
        return sum(search.states for search in self.searches)

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.perf_counter() - self._begun

    def rank(self, search: ShapeSearch) -> tuple[float, ...]:
        """Of the best that a search has found; the smaller the better."""
        return self._goals.rank(search.metrics)

    def figures(self, plan: Plan) -> tuple[float, ...]:
        """Those of a plan that the goals speak of, in their order."""
        known = plan.metrics
        return tuple(known[name] if name in known else plan.measure(name) for name in self._goals.metric_names)

    def improved(self, mesh: Mesh, schedule: Sequence[Tactic], improvement: Improvement) -> None:
        """Hears of what is the best of one mesh; tells if it is the best of all."""
        if self._best and self._goals.rank(improvement.metrics) >= self._goals.rank(self._best):
            return
        self._best = improvement.metrics
        heard = replace(improvement, simulation=self.states, seconds=self.seconds)
        self.improvements.append(
            {
                "simulation": heard.simulation,
                "seconds": heard.seconds,
                "mesh": dict(mesh.axes),
                "metrics": dict(zip(self._goals.metric_names, heard.metrics, strict=True)),
            }
        )
        self.listener.on_best(schedule, heard.metrics)
        self.listener.on_improvement(heard)

    def progressed(self, progress: Progress) -> None:
        """Tells how all searches together stand."""
        binding = self._goals.binding(self._best)
        self.listener.on_progress(
            replace(
                progress,
                simulations=self.states,
                seconds=self.seconds,
                best_metrics=self._best,
                binding=binding,
                nodes=self.states,
            )
        )


def best_of_shapes(
    shapes: Candidates,
    tactics: Sequence[Tactic | Auto],
    goals: Goals,
    plan_on: PlanOn,
    listener: Listener,
) -> Plan:
    """The best plan over several meshes.

    Args:
        shapes: the meshes, and those that were refused.
        tactics: applied on each mesh; one that searches at most, whose budget is that of all meshes together.
        goals: what plans are compared by.
        plan_on: applies tactics on one mesh.
        listener: hears of all meshes together.

    Raises:
        TacticError: several tactics search.
        MeshError: the tactics suit none of the meshes.
        InfeasibleError: no plan on any mesh meets the limits; ``error.plan`` is the nearest of all.
    """
    autos = [tactic for tactic in tactics if isinstance(tactic, Auto)]
    if len(autos) > 1:
        raise TacticError(
            f"{len(autos)} tactics that search, over meshes that are searched too. Fix: leave one Auto(...), or give "
            "a mesh with axes."
        )
    with deferred_interrupt() as interrupted:
        race = _Race(goals, listener, interrupted)
        race.searches += [ShapeSearch(mesh, tactics, plan_on, race) for mesh in shapes.meshes]
        try:
            alive, stop = _compositions(race), StopReason.SIMULATIONS
            if autos:
                alive, stop = _halve(race, alive, autos[0].budget)
            best = min(alive, key=race.rank)
            for search in race.searches:
                if search is not best:
                    search.drop()
            best.finish(stop)
        finally:
            for search in race.searches:
                search.drop()
        assert best.plan is not None
        plan = replace(best.plan, search=_story(race, best.plan, shapes))
    if best.infeasible is not None:
        raise InfeasibleError(_nearest(best, shapes), plan)
    return plan


def _turn(race: _Race, search: ShapeSearch, states: int | None, seconds: float | None) -> None:
    if not search.done:
        race.listener.on_shape(search.mesh)
        search.go_on(states, seconds)


def _compositions(race: _Race) -> list[ShapeSearch]:
    """Every search's first turn; returns those that have something.

    Raises:
        MeshError: the tactics suit none of the meshes.
    """
    for search in race.searches:
        _turn(race, search, 0, None)
        if race.interrupted() and search.metrics:
            break
    alive = [search for search in race.searches if search.metrics]
    if not alive:
        first = race.searches[0]
        shape = shape_text(first.mesh.axis_sizes)
        raise MeshError(f"no mesh of {first.mesh.size} devices suits the tactics. Of {shape}: {first.refused}")
    return alive


def _halve(race: _Race, alive: list[ShapeSearch], budget: Budget) -> tuple[list[ShapeSearch], StopReason]:
    """Spends the budget; returns the searches that went on to the last, and why it ended."""
    rounds = 1 + math.ceil(math.log2(len(alive)))
    for left in range(rounds, 0, -1):
        states = None if budget.simulations is None else max(0, budget.simulations - race.states) // left // len(alive)
        if left == 1 and states is not None:
            states = max(0, (budget.simulations or 0) - race.states)
        seconds = None if budget.seconds is None else max(0.0, budget.seconds - race.seconds) / left / len(alive)
        for search in alive:
            _turn(race, search, states, seconds)
            if race.interrupted():
                return [s for s in race.searches if s.metrics], StopReason.INTERRUPTED
        alive = sorted(alive, key=race.rank)
        for search in alive[math.ceil(len(alive) / 2) :]:
            search.drop()
        alive = alive[: math.ceil(len(alive) / 2)]
    late = budget.spent(race.states, race.seconds)
    return alive, late or StopReason.SIMULATIONS


def _story(race: _Race, plan: Plan, shapes: Candidates) -> dict[str, Any]:
    """The story of all meshes together, and a row for each of them."""
    rows: list[dict[str, Any]] = [
        {"axes": dict(s.mesh.axes), "states": s.states, "metrics": dict(zip(METRICS, s.metrics, strict=False))}
        | ({"refused": s.refused} if s.refused else {})
        for s in race.searches
    ]
    rows += [{"axes": axes, "states": 0, "metrics": {}, "refused": why} for axes, why in shapes.refused]
    whole = {"simulations": race.states, "seconds": race.seconds, "improvements": race.improvements}
    return plan.search | (whole if plan.search else {}) | {"shapes": rows}


def _nearest(best: ShapeSearch, shapes: Candidates) -> str:
    others = len(shapes.meshes) - 1
    beside = f"; no other of {others} meshes came nearer" if others else ""
    return f"on {shape_text(best.mesh.axis_sizes)} devices{beside}: {best.infeasible}"
