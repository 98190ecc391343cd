"""The search of a program with workers on Ray: same results, same files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from autopart.cli.resume import resume_run
from autopart.cli.run_folder import JOURNAL, read_run
from autopart.cli.run_job import run_job
from autopart.errors import TacticError
from autopart.game.partition_game import PartitionGame
from autopart.planner.api import partition_graph
from autopart.planner.auto import RAY, Auto
from autopart.search import MCTS, Budget, Game, UniformPrior
from autopart.search.journal import read_journal
from autopart.search.priors import FloatArray
from tests.autopart.cli.test_run_job import configured
from tests.autopart.tiny import MESH, tiny_graph

SMALL = ("model=mlp", "mesh=cpu_4x2", "model.fields.preset=tiny", "search.simulations=60", "search.backend=ray")


pytestmark = pytest.mark.usefixtures("local_ray")


def test_workers_find_a_plan_and_a_resumed_run_goes_on_with_one(tmp_path: Path) -> None:
    run_job(configured(*SMALL, "search.workers=2"), tmp_path / "run")
    figures = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert figures["search"]["simulations"] == 60
    workers = figures["search"]["workers"]
    assert workers["joined"] >= 1
    assert workers["program_bytes"] > 1000
    assert not workers["alone"]
    first = read_run(tmp_path / "run").plan.metrics
    assert first["step_s"] <= min(recipe["step_s"] for recipe in figures["recipes"].values())
    resume_run(tmp_path / "run", ["search.backend=embedded", "search.workers=1", "search.simulations=90"])
    assert read_run(tmp_path / "run").plan.metrics["step_s"] <= first["step_s"]
    assert [len(section.states) > 0 for section in read_journal(tmp_path / "run" / JOURNAL).sections] == [True, True]


def test_one_worker_gives_the_plan_of_one_process(tmp_path: Path) -> None:
    run_job(configured(*SMALL), tmp_path / "there")
    run_job(configured(*SMALL[:-1]), tmp_path / "here")
    assert (tmp_path / "there" / "plan.json").read_bytes() == (tmp_path / "here" / "plan.json").read_bytes()


@pytest.mark.parametrize(
    ("override", "said"),
    [("search.backend=slurm", "unknown backend 'slurm'"), ("search.workers=0", "must be at least 1")],
)
def test_what_cannot_be_is_told(tmp_path: Path, override: str, said: str) -> None:
    with pytest.raises(TacticError, match=said):
        run_job(configured(*SMALL, override), tmp_path)


def test_workers_need_a_cluster(tmp_path: Path) -> None:
    with pytest.raises(TacticError, match="more need backend='ray'"):
        run_job(configured(*SMALL[:-1], "search.workers=2"), tmp_path)


def test_a_strategy_and_a_prior_of_one_s_own_are_sent_to_the_worker() -> None:
    class Even:
        """A prior; defined here, so that it goes by value."""

        def __call__(self, game: Game, actions: Sequence[int]) -> FloatArray:
            assert isinstance(game, PartitionGame)
            return UniformPrior()(game, actions)

    here = Auto(strategy=MCTS(rollout_depth=0), prior=Even(), seed=2, budget=Budget(50))
    there = replace(here, backend=RAY)
    plans = [partition_graph(tiny_graph("mlp"), MESH, tactics=[auto]) for auto in (here, there)]
    assert plans[0].schedule == plans[1].schedule
    assert plans[1].search["workers"]["joined"] >= 1
    assert not plans[1].search["workers"]["alone"]
