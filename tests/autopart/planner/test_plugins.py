"""Strategies and priors as objects: used as they are, refused where they do not conform, known again in a journal."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autopart import Auto, Budget, TacticError
from autopart.game.game_parts import state_of
from autopart.game.guided_prior import GuidedPrior
from autopart.game.partition_game import PartitionGame
from autopart.goals.named_goals import default_goals
from autopart.planner.aims import aim_of
from autopart.planner.api import partition_graph
from autopart.planner.plugins import check_shipping, written
from autopart.search import MCTS, Game, Greedy, Journal, Prior, StaticPrior, UniformPrior
from autopart.search.journal import read_journal
from autopart.search.priors import FloatArray
from autopart.testing import PriorConformance
from tests.autopart.tiny import MESH, game_of, tiny, tiny_graph

BUDGET = Budget(60)
KIND: Any = MCTS
UNIFORM: Any = UniformPrior
NUMBER: Any = 3


@dataclass(frozen=True)
class Steep:
    """A prior of a user's own."""

    power: float = 2.0
    asked: list[int] = field(default_factory=list, repr=False, compare=False)

    def __call__(self, game: Game, actions: Sequence[int]) -> FloatArray:
        assert isinstance(game, PartitionGame)
        self.asked.append(len(actions))
        raw = np.array([game.weight(action) + 1.0 for action in actions]) ** self.power
        shares: FloatArray = raw / raw.sum()
        return shares


class Fixed:
    """A strategy that is no dataclass: it plays what another finds, with settings of its own."""

    def __init__(self) -> None:
        self.runs = 0

    def run(self, *args: Any, **kwargs: Any) -> Any:
        self.runs += 1
        return MCTS(seed=5).run(*args, **kwargs)


def test_a_strategy_as_an_object_is_that_of_its_name() -> None:
    by_name = Auto(strategy="mcts", options={"rollout_depth": 0}, seed=3, prior="guided", budget=BUDGET)
    as_object = Auto(strategy=MCTS(rollout_depth=0), seed=3, prior="guided", budget=BUDGET)
    plans = [partition_graph(tiny_graph("mlp"), MESH, tactics=[auto]) for auto in (by_name, as_object)]
    stories = [
        [(i["simulation"], i["metrics"]) for i in plan.search["improvements"]] for plan in plans
    ]  # fmt: skip
    assert stories[0] == stories[1]
    assert plans[0].schedule == plans[1].schedule


def test_a_prior_of_one_s_own_is_asked_and_steers() -> None:
    prior = Steep()
    for strategy in ("mcts", MCTS()):
        before = len(prior.asked)
        plan = partition_graph(
            tiny_graph("mlp"), MESH, tactics=[Auto(strategy=strategy, prior=prior, budget=BUDGET, fold=False)]
        )
        assert len(prior.asked) > before
        assert plan.search["simulations"] == 60


def test_a_strategy_that_is_no_dataclass_is_run_as_it_is() -> None:
    fixed = Fixed()
    plan = partition_graph(tiny_graph("mlp"), MESH, tactics=[Auto(strategy=fixed, budget=BUDGET)])
    assert fixed.runs == 1
    assert plan.search["simulations"] == 60


def test_a_journal_knows_an_object_again_by_its_class_and_fields(tmp_path: Path) -> None:
    def found(strategy: Any, simulations: int) -> None:
        journal = Journal(tmp_path / "journal")
        auto = Auto(strategy=strategy, prior=Steep(3.0), budget=Budget(simulations), fold=False)
        partition_graph(tiny_graph("mlp"), MESH, tactics=[auto], journal=journal)
        journal.close()

    found(Greedy(candidates=4), 30)
    found(Greedy(candidates=4), 50)
    settings = [section.header.settings for section in read_journal(tmp_path / "journal").sections]
    assert settings[0]["strategy"] == "autopart.search.greedy:Greedy(candidates=4)"
    assert settings[0]["prior"] == "tests.autopart.planner.test_plugins:Steep(power=3.0)"
    assert all(one == settings[0] for one in settings)
    states = [len(section.states) for section in read_journal(tmp_path / "journal").sections]
    assert sum(states) == 50  # The second went on from the first.


@pytest.mark.parametrize(
    "plugin", [Fixed(), Steep(), test_a_strategy_that_is_no_dataclass_is_run_as_it_is, MCTS(seed=4)]
)
def test_what_is_written_of_an_object_holds_no_place_in_memory(plugin: Any) -> None:
    text = written(plugin)
    assert text.startswith(f"{getattr(plugin, '__module__', '')}:")
    assert "0x" not in text
    assert "seed" not in text


@pytest.mark.parametrize(
    ("auto", "message"),
    [
        (Auto(strategy=KIND), r"must be the name of a strategy, or an object with run\(.*Fix: an object of it, MCTS\("),
        (Auto(strategy=NUMBER), "must be the name of a strategy, or an object with run"),
        (Auto(prior=UNIFORM), r"must be one of static, guided, uniform, or .*Fix: an object of it, UniformPrior"),
        (Auto(prior=NUMBER), "must be one of static, guided, uniform, or an object that is called"),
        (Auto(strategy=MCTS(), options={"widening": 1.0}), "are of a strategy by name; give them to MCTS"),
        (Auto(strategy=MCTS(seed=4)), r"its seed is that of Auto\. Fix: Auto\(seed=4, strategy=MCTS"),
        (Auto(strategy=MCTS(prior=Steep())), r"its prior is that of Auto\. Fix: Auto\(prior=Steep"),
        (Auto(strategy=Fixed(), prior="guided"), "Fixed has no field 'prior' to take it"),
        (Auto(strategy=Fixed(), seed=2), "Fixed has no field 'seed' to take it"),
        (Auto(strategy=Fixed(), backend="ray"), r"is no search\.Explorer, and cannot share"),
    ],
)
def test_what_does_not_conform_is_refused(auto: Any, message: str) -> None:
    with pytest.raises(TacticError, match=message):
        partition_graph(tiny_graph("mlp"), MESH, tactics=[auto])


def test_what_cannot_be_sent_to_workers_is_refused() -> None:
    held = threading.Lock()

    def prior(game: Game, actions: Sequence[int]) -> FloatArray:
        with held:
            return UniformPrior()(game, actions)

    check_shipping(Auto(strategy=MCTS(), prior=Steep(), backend="ray"))
    check_shipping(Auto(prior=prior))
    with pytest.raises(TacticError, match=r"the prior .*prior cannot be sent to workers: .*lock.*backend='embed"):
        check_shipping(Auto(prior=prior, backend="ray"))


class TestGuided(PriorConformance):
    def game(self) -> Game:
        return game_of(tiny("mlp"))

    def make(self, game: Game) -> Prior:
        assert isinstance(game, PartitionGame)
        return GuidedPrior(game, aim_of(default_goals(MESH), MESH).goals, state_of(tiny("mlp"), ()))


class TestSteep(TestGuided):
    def make(self, game: Game) -> Prior:
        return Steep()


class TestWeights(TestGuided):
    def make(self, game: Game) -> Prior:
        assert isinstance(game, PartitionGame)
        return StaticPrior(lambda action: game.weight(action) + 1.0)
