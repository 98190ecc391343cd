"""Searches with real workers on a real Ray: the answer, faults, stragglers, journals."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray

from autopart.search import (
    ILP,
    MCTS,
    AtMost,
    Budget,
    Cluster,
    Distributed,
    Explorer,
    Game,
    Goals,
    Header,
    Improvement,
    Journal,
    Minimise,
    NullObserver,
    Recorded,
    SearchError,
    SearchResult,
    StopReason,
    Traffic,
)
from autopart.search.journal import read_journal
from autopart.search.recorded import Clock
from tests.search.games import ChainOfGroups, TableGame

GOALS = Goals([AtMost("memory", 10.0), Minimise("time")], ("memory", "time"))
SEEDS = ((3, 9), (2,))
QUICK = Cluster(period_s=0.2)


@pytest.fixture(scope="module", autouse=True)
def local_ray() -> Iterator[None]:
    ray.init(
        address="local",
        _system_config={"worker_niceness": 0},  # Else workers starve beside other processes.
        num_cpus=3,
        object_store_memory=100_000_000,
        include_dashboard=False,
        log_to_driver=False,
    )
    yield
    ray.shutdown()


class Slow(ChainOfGroups):
    """Takes its time with each state; in a worker that was told to, it does harm."""

    def __init__(self, seconds: float = 0.0, harm: Path | None = None, how: str = "") -> None:
        super().__init__(seed=5, groups=3, size=4)
        self._seconds, self._harm, self._how = seconds, harm, how
        self._home, self._measured = os.getpid(), 0

    def __call__(self, assignment: Sequence[int]) -> tuple[float, ...]:
        time.sleep(self._seconds)
        self._measured += 1
        memory, taken = super().__call__(assignment)
        if os.getpid() == self._home or self._harm is None or self._measured < 40:
            return memory, taken
        if self._how == "differ":
            return memory, taken / 2
        if self._how == "raise":
            raise ArithmeticError("the worker's own mistake")
        if _first(self._harm):
            if self._how == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(600)
        return memory, taken


def _first(mark: Path) -> bool:
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def mcts(_: Game, seed: int, clock: Clock) -> Explorer:
    return MCTS(seed=seed, clock=clock)


def _ilp(_: Game, seed: int, clock: Clock) -> Explorer:
    return ILP(seed=seed, clock=clock)


def searched(
    measure: ChainOfGroups, workers: int, budget: Budget, path: Path | None = None, cluster: Cluster = QUICK,
    traffic: Traffic | None = None, observer: Any = None,
) -> SearchResult:  # fmt: skip
    journal = None if path is None else Journal(path)
    traffic = traffic or Traffic()

    def make(record: Any) -> Distributed:
        return Distributed(
            home=MCTS(seed=1, clock=record), make_game=measure.game, make_strategy=mcts, record=record,
            workers=workers, seed=1, cluster=cluster, traffic=traffic,
        )  # fmt: skip

    try:
        strategy = Recorded(make=make, journal=journal, header=Header("chain", GOALS.metric_names, {}, {}))
        return strategy.run(measure.game(), GOALS, budget, SEEDS, observer)
    finally:
        if journal is not None:
            journal.close()


def measured_after(actions: Sequence[int]) -> tuple[float, ...]:
    game = Slow().game()
    for action in actions:
        game.apply(action)
    return game.metrics()


def test_one_worker_does_what_a_search_alone_does() -> None:
    alone = MCTS(seed=1).run(Slow().game(), GOALS, Budget(400), SEEDS)
    there = searched(Slow(), 1, Budget(400))
    assert (there.best_actions, there.best_metrics, there.best_key) == (
        alone.best_actions, alone.best_metrics, alone.best_key,
    )  # fmt: skip
    assert (there.simulations, there.nodes, there.stop, there.seeds) == (400, 400, alone.stop, alone.seeds)
    assert there.transpositions >= alone.transpositions


def test_two_workers_share_the_work_and_what_they_find(tmp_path: Path) -> None:
    class Recorder(NullObserver):
        def __init__(self) -> None:
            self.told: list[Improvement] = []

        def on_improvement(self, improvement: Improvement) -> None:
            self.told.append(improvement)

    traffic, recorder = Traffic(), Recorder()
    found = searched(Slow(0.001), 2, Budget(1500), tmp_path / "journal", traffic=traffic, observer=recorder)
    assert found.stop is StopReason.SIMULATIONS
    assert found.simulations == found.nodes == 1500
    assert found.best_metrics == measured_after(found.best_actions)
    ranks = [GOALS.rank(improvement.metrics) for improvement in found.improvements]
    assert ranks == sorted(ranks, reverse=True)
    assert list(found.improvements) == recorder.told
    assert found.best_key in found.graph.nodes
    assert (traffic.joined, traffic.left, traffic.alone) == (2, [], False)
    assert min(traffic.received.values()) > 1000
    assert found.graph.root.edge_visits.sum() > 1000
    [section] = read_journal(tmp_path / "journal").sections
    assert len({state.key for state in section.states}) == len(section.states) == 1500
    assert section.improvements == list(found.improvements)


def test_on_another_number_of_workers_it_goes_on(tmp_path: Path) -> None:
    first = searched(Slow(), 1, Budget(300), tmp_path / "journal")
    again = searched(Slow(), 2, Budget(500), tmp_path / "journal")
    assert again.simulations == 500
    assert GOALS.rank(again.best_metrics) <= GOALS.rank(first.best_metrics)
    assert [len(s.states) for s in read_journal(tmp_path / "journal").sections] == [300, 200]
    spent = searched(Slow(), 2, Budget(500), tmp_path / "journal")
    assert (spent.best_actions, spent.simulations) == (again.best_actions, 500)


def test_where_a_worker_dies_another_takes_its_place(tmp_path: Path) -> None:
    traffic = Traffic()
    found = searched(Slow(0.001, tmp_path / "mark", "die"), 2, Budget(800), traffic=traffic)
    assert found.simulations == 800
    assert len(traffic.left) == 1
    assert "ActorDied" in traffic.left[0]


def test_nobody_waits_for_a_straggler(tmp_path: Path) -> None:
    traffic = Traffic()
    cluster = Cluster(period_s=0.2, patience_s=5.0)
    found = searched(Slow(0.001, tmp_path / "mark", "hang"), 2, Budget(600), cluster=cluster, traffic=traffic)
    assert found.simulations >= 600
    assert traffic.late >= 1


def test_a_mistake_in_the_game_is_raised(tmp_path: Path) -> None:
    with pytest.raises(ArithmeticError, match="the worker's own mistake"):
        searched(Slow(0.0, tmp_path / "mark", "raise"), 2, Budget(600))


def test_a_worker_that_measures_otherwise_is_found_out(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match=r"a worker measured .* here the same state measures"):
        searched(Slow(0.0, tmp_path / "mark", "differ"), 2, Budget(2000))


def test_without_workers_this_process_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    traffic = Traffic()
    cluster = Cluster(cpus_per_worker=64, patience_s=0.1)
    found = searched(Slow(), 2, Budget(200), cluster=cluster, traffic=traffic)
    assert (found.simulations, traffic.alone) == (200, True)

    def full(_: object) -> None:
        raise ray.exceptions.ObjectStoreFullError("no room")

    monkeypatch.setattr(ray, "put", full)
    traffic = Traffic()
    found = searched(Slow(), 2, Budget(200), traffic=traffic)
    assert (found.simulations, traffic.alone) == (200, True)
    assert "no room" in traffic.left[0]


def test_a_full_object_store_does_not_end_it() -> None:
    held = [ray.put(np.zeros(1_000_000)) for _ in range(11)]
    found = searched(Slow(0.001), 2, Budget(500))
    assert found.simulations == 500
    assert len(held) == 11


def test_seconds_end_it() -> None:
    found = searched(Slow(0.001), 2, Budget(seconds=4.0))
    assert found.stop is StopReason.SECONDS
    assert found.simulations > 100


def test_a_small_game_is_exhausted() -> None:
    moves, costs = {0: {1: 1, 2: 2}, 1: {3: 3}}, {0: (9.0,), 1: (8.0,), 2: (5.0,), 3: (7.0,)}
    game: Callable[[], TableGame] = partial(TableGame, moves, costs)
    goals = Goals([Minimise("cost")], ("cost",))

    def make(record: Any) -> Distributed:
        home = MCTS(clock=record)
        return Distributed(
            home=home, make_game=game, make_strategy=mcts, record=record, workers=2, cluster=QUICK
        )  # fmt: skip

    found = Recorded(make=make, journal=None, header=Header("", (), {}, {})).run(game(), goals, Budget(1000))
    assert (found.stop, found.best_metrics, found.simulations) == (StopReason.EXHAUSTED, (5.0,), 4)
    assert found.bound == (5.0,)


def test_tables_are_solved_by_a_worker() -> None:
    def make(record: Any) -> Distributed:
        return Distributed(
            home=ILP(clock=record), make_game=Slow().game, make_strategy=_ilp, record=record, workers=1, cluster=QUICK
        )

    found = Recorded(make=make, journal=None, header=Header("", (), {}, {})).run(Slow().game(), GOALS, Budget(100))
    alone = ILP().run(Slow().game(), GOALS, Budget(100))
    assert (found.stop, found.best_metrics) == (StopReason.SOLVED, alone.best_metrics)


def test_no_worker_is_left_behind() -> None:
    def free() -> float:
        resources: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
        return resources.get("CPU", 0.0)

    deadline = time.monotonic() + 20
    while free() != 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert free() == 3
