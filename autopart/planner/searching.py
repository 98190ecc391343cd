"""The tactic that searches, and how it is run: on the folded program where there is one, judged on the whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from autopart.cost.collective_sums import Counted
from autopart.cost.metrics import COMMUNICATION_S, COMPUTE_S, EXPOSED_S, IDLE_S, STEP_S
from autopart.errors import TacticError
from autopart.folding.fold import Folded, fold
from autopart.folding.folded_measures import folded_counted, folded_reserved
from autopart.game.actions import ActionTable, action_table, groups_after
from autopart.game.game_parts import FoldError, GameParts, actions_name, game_name, state_of
from autopart.game.guided_prior import GuidedPrior
from autopart.game.partition_game import PartitionGame, seeds_of
from autopart.game.pruning.analyses import EVERY_ANALYSIS, NO_ANALYSIS, Analyses
from autopart.game.reserved_axes import reserved_table
from autopart.goals.measures import counted_of
from autopart.goals.named_goals import AnyGoal, ReserveAxis
from autopart.goals.reserved import Reserved, reserved_of
from autopart.partitioning.argument_groups import Group
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.search import (
    Budget,
    Cluster,
    Distributed,
    Explorer,
    Game,
    Goals,
    Header,
    Improvement,
    Journal,
    NullObserver,
    Observer,
    Prior,
    Progress,
    Record,
    Recorded,
    SearchResult,
    SearchTree,
    StaticPrior,
    Strategy,
    Traffic,
    UniformPrior,
    make_strategy,
    tree_of,
)
from autopart.tactics.as_source import tactic_text
from autopart.tactics.manual import Tactic, apply_schedule
from autopart.tactics.recognise import recognise
from autopart.tactics.simplify import simplify

OnBest: TypeAlias = Callable[[Sequence[Tactic], Sequence[float]], None]
"""Hears of every improvement while searching: the whole schedule so far, and its metrics."""

Seeds: TypeAlias = Callable[[PartitionGame], dict[str, tuple[int, ...]]]
"""Names of states to start from, and the actions that lead there from the root."""

EMBEDDED, RAY = "embedded", "ray"

_SECONDS = (STEP_S, COMMUNICATION_S, COMPUTE_S, EXPOSED_S, IDLE_S)
_ROUNDING = 1e-9
"""Seconds that differ by no more, relatively, are the same sum in another order."""


@dataclass(frozen=True)
class Auto:
    """The tactic that searches.

    Attributes:
        axes: mesh axes it may tile; all of them if ``None``.
        goals: what it searches for; those of ``partition`` if ``None``.
        budget: states to look at, or seconds; the first reached ends the search.
        seed: of the search's random generator.
        prior: ``static`` (bytes that an action decides), ``guided`` (half of it by what holds the state back, see
            ``guided``) or ``uniform``.
        strategy: how it searches; a name in ``search.STRATEGIES``.
        options: settings of the strategy; the fields of its class.
        fold: look at one layer of many equal ones where the program has them; what is found is judged on the
            whole program in any case.
        analyses: what makes the tree smaller, and its moves more telling.
        backend: ``embedded``: in this process; ``ray``: with workers on a Ray cluster.
        workers: how many.
        cluster: where they run.
    """

    axes: tuple[str, ...] | None = None
    goals: Sequence[AnyGoal] | None = None
    budget: Budget = field(default_factory=lambda: Budget(simulations=2000))
    seed: int = 0
    prior: str = "static"
    fold: bool = True
    strategy: str = "mcts"
    options: Mapping[str, Any] = field(default_factory=dict)
    analyses: Analyses = EVERY_ANALYSIS
    backend: str = EMBEDDED
    workers: int = 1
    cluster: Cluster = field(default_factory=Cluster)


@dataclass(frozen=True)
class Found:
    """What a search adds to a schedule.

    Attributes:
        tactics: what it adds.
        recipes: the known recipes' figures, by name.
        story: how it went, as plain values.
        tree: every state that was looked at; of a folded program with that one's figures.
    """

    tactics: list[Tactic]
    recipes: dict[str, dict[str, float]]
    story: dict[str, Any]
    tree: SearchTree


@dataclass(frozen=True)
class _Ask:
    """What is searched for: see ``search_after``."""

    problem: Problem
    prefix: tuple[Tactic, ...]
    auto: Auto
    goals: Goals
    observer: Observer
    on_best: OnBest | None
    seeds: Seeds
    counted: tuple[Counted, ...]
    rules: tuple[ReserveAxis, ...]
    reserved: tuple[Reserved, ...]
    journal: Journal | None
    stage: int

    @property
    def axes(self) -> tuple[str, ...]:
        """The mesh axes that may be tiled."""
        return self.problem.mesh.axis_names if self.auto.axes is None else self.auto.axes

    def state(self) -> State:
        """The state of the whole program to search from, which measures what the goals ask for."""
        return state_of(self.problem, self.prefix, self.counted)

    def name(self, is_folded: bool) -> str:
        """Of the game, in a journal."""
        played = self.prefix, self.axes, self.goals.metric_names, self.rules, self.auto.analyses, self.stage
        return game_name(self.problem, played, is_folded)

    def needs_whole(self) -> bool:
        """Whether an earlier search in the journal had to go on to the whole program."""
        if self.journal is None:
            return False
        whole = self.name(is_folded=False)
        return any(section.header.game.startswith(whole) for section in self.journal.sections)


def search_after(
    problem: Problem,
    prefix: tuple[Tactic, ...],
    auto: Auto,
    goals: Goals,
    observer: Observer | None = None,
    on_best: OnBest | None = None,
    seeds: Seeds = seeds_of,
    rules: Sequence[ReserveAxis] = (),
    journal: Journal | None = None,
    stage: int = 0,
) -> Found:
    """Searches for tactics to add after ``prefix``; every figure is one of the whole program.

    ``seeds`` are looked at first: with fewer than the known compositions the answer may be worse than those.
    ``rules`` bar actions. What goals leave to the root's figures is taken from the program with nothing tiled.
    What stands in ``journal`` is not evaluated again (see ``search.Recorded``); ``stage`` tells searches in one journal
    apart that follow each other.
    """
    counted, reserved = counted_of(problem, goals.metric_names), reserved_of(problem, rules)
    if goals.needs_root:
        goals = goals.relative_to(State(problem, counted).metrics().tolist())
    ask = _Ask(
        problem, prefix, auto, goals, observer or NullObserver(), on_best, seeds, counted, tuple(rules), reserved,
        journal, stage,
    )  # fmt: skip
    begun, why = time.perf_counter(), ""
    folded = fold(problem) if auto.fold and auto.analyses.layers and not ask.needs_whole() else None
    if folded is not None:
        try:
            return _search(ask, folded, auto.budget.seconds, "")
        except FoldError as difference:
            why = str(difference)
    seconds = auto.budget.seconds
    left = None if seconds is None else max(1e-3, seconds - (time.perf_counter() - begun))
    return _search(ask, None, left, why)


def _search(ask: _Ask, folded: Folded | None, seconds: float | None, why_whole: str) -> Found:
    parts = _parts(ask, folded)
    game = parts.game()
    _check_recipes(ask, folded, parts.table, game)
    seeds = ask.seeds(game)
    judge = _Judge(ask, folded, replace(parts, folded=None, analyses=NO_ANALYSIS).game())
    traffic = Traffic()
    strategy = _strategy(ask, parts, game, list(seeds.values()), traffic)
    result = strategy.run(game, ask.goals, replace(ask.auto.budget, seconds=seconds), list(seeds.values()), judge)
    recipes = {
        name: judge.figures(_tactics_of(game, seed), outcome.metrics)
        for (name, seed), outcome in zip(seeds.items(), result.seeds, strict=False)  # An interrupt may come before.
    }
    found = _tactics_of(game, result.best_actions)
    short = simplify(ask.problem, ask.prefix, found, lambda s: ask.goals.rank(s.metrics().tolist()), ask.counted)
    read = recognise(ask.problem, ask.prefix, short)
    named = {name: dict(zip(ask.goals.metric_names, figures, strict=True)) for name, figures in recipes.items()}
    tree = tree_of(result, ask.goals, game.describe, lambda action: tactic_text(game.tactic(action)), list(seeds))
    story = _story(result, judge.improvements, ask, parts.played, why_whole)
    return Found(read, named, story | ({"workers": asdict(traffic)} if ask.auto.backend == RAY else {}), tree)


def _strategy(
    ask: _Ask, parts: GameParts, game: PartitionGame, seeds: Sequence[Sequence[int]], traffic: Traffic
) -> Strategy:  # fmt: skip
    """The strategy asked for, here or on workers, and what keeps the journal around it."""
    auto = ask.auto
    make = partial(_explorer, auto.strategy, auto.options, auto.prior, ask.goals, ask.prefix)
    if auto.backend == EMBEDDED and ask.journal is None:
        return make(game, auto.seed, time.perf_counter)

    def strategy(record: Record) -> Strategy:
        here = make(game, auto.seed, record)
        if auto.backend == EMBEDDED:
            return here
        cluster = replace(auto.cluster, environment={"JAX_PLATFORMS": "cpu", **auto.cluster.environment})
        return Distributed(
            home=here, make_game=parts.game, make_strategy=make, record=record, workers=auto.workers, seed=auto.seed,
            cluster=cluster, traffic=traffic,
        )  # fmt: skip

    return Recorded(make=strategy, journal=ask.journal, header=_header(ask, parts, seeds))


def _explorer(
    name: str, options: Mapping[str, Any], prior: str, goals: Goals, prefix: Sequence[Tactic], game: Game, seed: int,
    clock: Callable[[], float],
) -> Explorer:  # fmt: skip
    """A strategy with a prior of the game that it is to play."""
    assert isinstance(game, PartitionGame)
    strategy = make_strategy(name, seed, _prior(prior, goals, prefix, game), clock=clock, **options)
    if not isinstance(strategy, Explorer):
        raise TacticError(f"Auto(strategy={name!r}) searches in one process only. Fix: backend='embedded'.")
    return strategy


def _header(ask: _Ask, parts: GameParts, seeds: Sequence[Sequence[int]]) -> Header:
    """What a journal says of the search; the number of workers is no part of how it searches."""
    auto = ask.auto
    how = {
        "strategy": auto.strategy, "options": dict(auto.options), "seed": auto.seed, "prior": auto.prior,
        "backend": auto.backend, "goals": [repr(goal) for goal in ask.goals.goals],
        "seeds": [list(seed) for seed in seeds],
    }  # fmt: skip
    budget = {"simulations": auto.budget.simulations, "seconds": auto.budget.seconds, "stall": auto.budget.stall}
    name = f"{ask.name(parts.folded is not None)}/{actions_name(parts.table)}" if ask.journal is not None else ""
    return Header(name, ask.goals.metric_names, how, budget)


def _parts(ask: _Ask, folded: Folded | None) -> GameParts:
    """The game on the folded program, or on the whole one.

    Raises:
        FoldError: the folded program does not stand for the whole one.
    """
    played, counted = (ask.problem, ask.counted) if folded is None else (folded.problem, _counted(ask, folded))
    parts = GameParts(played, ask.prefix, _table(ask, folded), folded, counted, ask.auto.analyses)
    return replace(parts, table=reserved_table(parts.table, _reserved(ask, folded), parts.state()))


def _prior(name: str, goals: Goals, prefix: Sequence[Tactic], game: PartitionGame) -> Prior:
    if name == "uniform":
        return UniformPrior()
    if name == "guided":
        return GuidedPrior(game, goals, state_of(game.state.problem, prefix))
    return StaticPrior(lambda action: game.weight(action) + 1.0)


def _counted(ask: _Ask, folded: Folded) -> tuple[Counted, ...]:
    counted = folded_counted(ask.counted, folded)
    if counted is None:
        raise FoldError("a goal does not treat all layers alike")
    return counted


def _reserved(ask: _Ask, folded: Folded | None) -> tuple[Reserved, ...]:
    reserved = ask.reserved if folded is None else folded_reserved(ask.reserved, folded)
    if reserved is None:
        raise FoldError("an axis is reserved for some of many equal layers")
    return reserved


def _table(ask: _Ask, folded: Folded | None) -> ActionTable:
    """The actions; of a folded program those that the whole one has."""
    if folded is not None and not folded.ties(State(ask.problem), State(folded.problem), ask.prefix):
        raise FoldError("the tactics by hand do not treat all layers alike")
    groups = groups_after(ask.problem, ask.state())
    if not ask.auto.analyses.layers:
        groups = one_each(groups)
    if folded is None:
        return action_table(ask.problem, ask.axes, groups=groups)
    tied = folded.tied(groups)
    if tied is None:
        raise FoldError("the tactics by hand part the layers")
    return action_table(folded.problem, ask.axes, groups=tied)


def one_each(groups: Sequence[Group]) -> tuple[Group, ...]:
    """Every argument a group by itself."""
    return tuple(replace(group, pattern=name, names=(name,)) for group in groups for name in group.names)


def _check_recipes(ask: _Ask, folded: Folded | None, table: ActionTable, game: PartitionGame) -> None:
    if folded is None:
        return
    whole = ask.state()
    for action in table.actions:
        tactics = action.recipe.tactics(game.state) if action.recipe is not None else []
        if not folded.ties(whole, game.state, tactics):
            raise FoldError(f"{action.label} does not treat all layers alike")


class _Judge:
    """Hears of improvements, which are action numbers, and looks at each as tactics on the whole program.

    Attributes:
        improvements: those that were heard of, with the figures of the whole program.
    """

    def __init__(self, ask: _Ask, folded: Folded | None, game: PartitionGame) -> None:
        self._ask, self._folded, self._game = ask, folded, game
        self._whole = None if folded is None else ask.state()
        self._played = None if folded is None else state_of(folded.problem, ask.prefix)
        self.improvements: list[Improvement] = []

    def on_improvement(self, improvement: Improvement) -> None:
        """Replays the actions on a game of its own.

        Raises:
            FoldError: the figures are not those of the whole program.
        """
        tactics = _tactics_of(self._game, improvement.actions)
        judged = replace(improvement, metrics=self.figures(tactics, improvement.metrics))
        self.improvements.append(judged)
        if self._ask.on_best is not None:
            self._ask.on_best([*self._ask.prefix, *tactics], judged.metrics)
        self._ask.observer.on_improvement(judged)

    def on_progress(self, progress: Progress) -> None:
        """Hands it on."""
        self._ask.observer.on_progress(progress)

    def figures(self, tactics: Sequence[Tactic], played: tuple[float, ...]) -> tuple[float, ...]:
        """The figures of the whole program, which must be those of the one that is ``played``."""
        if self._whole is None or self._played is None or self._folded is None:
            return played
        if not self._folded.ties(self._whole, self._played, tactics):
            raise FoldError("a recipe does not treat all layers alike")
        before = self._whole.depth
        apply_schedule(self._whole, tactics)
        whole = tuple(self._whole.metrics().tolist())
        self._whole.undo_to(before)
        if not same_figures(played, whole):
            raise FoldError(
                "layers that are left out are not tiled as the one that stands for them; first "
                f"{next(m for m, a, b in zip(self._ask.goals.metric_names, played, whole, strict=True) if a != b)}"
            )
        return whole


def same_figures(folded: Sequence[float], whole: Sequence[float]) -> bool:
    """Whether metrics of a folded program are those of the whole one: seconds up to rounding, all else to the last."""
    exact = all(a == b for metric, (a, b) in enumerate(zip(folded, whole, strict=True)) if metric not in _SECONDS)
    scale = max(abs(whole[metric]) for metric in _SECONDS)
    return exact and bool(np.allclose(folded, whole, rtol=_ROUNDING, atol=_ROUNDING * scale))


def _tactics_of(game: PartitionGame, actions: Sequence[int]) -> list[Tactic]:
    for action in actions:
        game.apply(action)
    tactics = list(game.tactics())
    for _ in actions:
        game.undo()
    return tactics


def _story(
    result: SearchResult, improvements: Sequence[Improvement], ask: _Ask, played: Problem, why_whole: str
) -> dict[str, Any]:
    names = ask.goals.metric_names
    story: dict[str, Any] = {
        "simulations": result.simulations,
        "seconds": result.seconds,
        "stop": str(result.stop),
        "nodes": result.nodes,
        "transpositions": result.transpositions,
        "ops": len(ask.problem.graph.ops),
        "ops_played": len(played.graph.ops),
        "improvements": [
            {"simulation": i.simulation, "seconds": i.seconds, "metrics": dict(zip(names, i.metrics, strict=True))}
            for i in improvements
        ],
    }
    return story | ({"not_folded": why_whole} if why_whole else {})
