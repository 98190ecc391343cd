"""How a search is run: on the folded program where there is one, judged on the whole."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from autopart.cost.collective_sums import Counted
from autopart.folding.fold import Folded, fold
from autopart.folding.folded_measures import folded_counted, folded_reserved
from autopart.game.actions import ActionTable, action_table, groups_after
from autopart.game.game_parts import FoldError, GameParts, actions_name
from autopart.game.partition_game import PartitionGame, seeds_of
from autopart.game.pruning.analyses import NO_ANALYSIS
from autopart.game.reserved_axes import reserved_table
from autopart.goals.reserved import Reserved
from autopart.partitioning.argument_groups import Group
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.planner.aims import ProgramAim
from autopart.planner.auto import EMBEDDED, RAY, Ask, Auto, Found, Seeds
from autopart.planner.judge import Judge, tactics_of
from autopart.planner.listener import Listener
from autopart.planner.plugins import StrategyMaker, check_shipping, written
from autopart.search import (
    Distributed,
    Header,
    Improvement,
    Journal,
    Record,
    Recorded,
    SearchResult,
    Strategy,
    Traffic,
    tree_of,
)
from autopart.tactics.as_source import tactic_text
from autopart.tactics.manual import Tactic
from autopart.tactics.recognise import recognise
from autopart.tactics.simplify import simplify


def search_after(
    problem: Problem,
    prefix: tuple[Tactic, ...],
    auto: Auto,
    aim: ProgramAim,
    listener: Listener | None = None,
    seeds: Seeds = seeds_of,
    journal: Journal | None = None,
    stage: int = 0,
) -> Found:
    """Searches for tactics to add after ``prefix``; every figure is one of the whole program.

    ``seeds`` are looked at first: with fewer than the known compositions the answer may be worse than those.
    What stands in ``journal`` is not evaluated again (see ``search.Recorded``); ``stage`` tells searches in one journal
    apart that follow each other.
    """
    ask = Ask(problem, prefix, auto, aim, listener or Listener(), seeds, journal, stage)
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


def _search(ask: Ask, folded: Folded | None, seconds: float | None, why_whole: str) -> Found:
    parts = _parts(ask, folded)
    game = parts.game()
    _check_recipes(ask, folded, parts.table, game)
    seeds = ask.seeds(game)
    judge = Judge(ask, folded, replace(parts, folded=None, analyses=NO_ANALYSIS).game())
    traffic = Traffic()
    strategy = _strategy(ask, parts, game, list(seeds.values()), traffic)
    result = strategy.run(game, ask.goals, replace(ask.auto.budget, seconds=seconds), list(seeds.values()), judge)
    recipes = {
        name: judge.figures(tactics_of(game, seed), outcome.metrics)
        for (name, seed), outcome in zip(seeds.items(), result.seeds, strict=False)  # An interrupt may come before.
    }
    found = tactics_of(game, result.best_actions)
    short = simplify(ask.problem, ask.prefix, found, lambda s: ask.goals.rank(s.metrics().tolist()), ask.aim.counted)
    read = recognise(ask.problem, ask.prefix, short)
    named = {name: dict(zip(ask.goals.metric_names, figures, strict=True)) for name, figures in recipes.items()}
    tree = tree_of(result, ask.goals, game.describe, lambda action: tactic_text(game.tactic(action)), list(seeds))
    story = _story(result, judge.improvements, ask, parts.played, why_whole)
    return Found(read, named, story | ({"workers": asdict(traffic)} if ask.auto.backend == RAY else {}), tree)


def _strategy(
    ask: Ask, parts: GameParts, game: PartitionGame, seeds: Sequence[Sequence[int]], traffic: Traffic
) -> Strategy:  # fmt: skip
    """The strategy asked for, here or on workers, and what keeps the journal around it."""
    auto = ask.auto
    check_shipping(auto)
    make = StrategyMaker(auto, ask.goals, ask.prefix)
    if auto.backend == EMBEDDED and ask.journal is None:
        return make(game, auto.seed, time.perf_counter)

    def strategy(record: Record) -> Strategy:
        if auto.backend == EMBEDDED:
            return make(game, auto.seed, record)
        here = make.explorer(game, auto.seed, record)
        cluster = replace(auto.cluster, environment={"JAX_PLATFORMS": "cpu", **auto.cluster.environment})
        return Distributed(
            home=here, make_game=parts.game, make_strategy=make.explorer, record=record, workers=auto.workers,
            seed=auto.seed, cluster=cluster, traffic=traffic,
        )  # fmt: skip

    return Recorded(make=strategy, journal=ask.journal, header=_header(ask, parts, seeds))


def _header(ask: Ask, parts: GameParts, seeds: Sequence[Sequence[int]]) -> Header:
    """What a journal says of the search; the number of workers is no part of how it searches."""
    auto = ask.auto
    how = {
        "strategy": written(auto.strategy), "options": dict(auto.options), "seed": auto.seed,
        "prior": written(auto.prior), "backend": auto.backend, "goals": [repr(goal) for goal in ask.goals.goals],
        "seeds": [list(seed) for seed in seeds],
    }  # fmt: skip
    budget = {"simulations": auto.budget.simulations, "seconds": auto.budget.seconds, "stall": auto.budget.stall}
    name = f"{ask.name(parts.folded is not None)}/{actions_name(parts.table)}" if ask.journal is not None else ""
    return Header(name, ask.goals.metric_names, how, budget)


def _parts(ask: Ask, folded: Folded | None) -> GameParts:
    """The game on the folded program, or on the whole one.

    Raises:
        FoldError: the folded program does not stand for the whole one.
    """
    played, counted = (ask.problem, ask.aim.counted) if folded is None else (folded.problem, _counted(ask, folded))
    parts = GameParts(played, ask.prefix, _table(ask, folded), folded, counted, ask.auto.analyses)
    return replace(parts, table=reserved_table(parts.table, _reserved(ask, folded), parts.state()))


def _counted(ask: Ask, folded: Folded) -> tuple[Counted, ...]:
    counted = folded_counted(ask.aim.counted, folded)
    if counted is None:
        raise FoldError("a goal does not treat all layers alike")
    return counted


def _reserved(ask: Ask, folded: Folded | None) -> tuple[Reserved, ...]:
    reserved = ask.aim.reserved if folded is None else folded_reserved(ask.aim.reserved, folded)
    if reserved is None:
        raise FoldError("an axis is reserved for some of many equal layers")
    return reserved


def _table(ask: Ask, folded: Folded | None) -> ActionTable:
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


def _check_recipes(ask: Ask, folded: Folded | None, table: ActionTable, game: PartitionGame) -> None:
    if folded is None:
        return
    whole = ask.state()
    for action in table.actions:
        tactics = action.recipe.tactics(game.state) if action.recipe is not None else []
        if not folded.ties(whole, game.state, tactics):
            raise FoldError(f"{action.label} does not treat all layers alike")


def _story(
    result: SearchResult, improvements: Sequence[Improvement], ask: Ask, played: Problem, why_whole: str
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
