"""Who hears of a search: nothing by default, several in order, each search by itself, and trackers beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from autopart import AnyMesh, Auto, AutopartError, Budget, Listener, Mesh, partition
from autopart.benchmarks.models import mlp
from autopart.planner.api import partition_graph
from autopart.planner.listener import Listeners
from autopart.search import Goals, Improvement, NullObserver, Observer, Progress
from autopart.tactics.manual import Tactic
from tests.autopart.tiny import MESH, tiny_graph
from tests.autopart.tracking.rows import Memory

AUTO = Auto(budget=Budget(40))


class Notes(Listener):
    """Notes what it hears in a list that several may share."""

    def __init__(self, heard: list[tuple[str, str]], name: str = "") -> None:
        self.heard, self.name = heard, name
        self.searches: list[tuple[int, dict[str, int]]] = []
        self.own: list[Improvement] = []

    def on_shape(self, mesh: Mesh) -> None:
        self.heard.append((self.name, "shape"))

    def on_search(self, stage: int, mesh: Mesh, goals: Goals) -> Observer:
        self.searches.append((stage, dict(mesh.axes)))
        self.heard.append((self.name, "search"))
        mine = self.own

        class Own(NullObserver):
            def on_improvement(self, improvement: Improvement) -> None:
                mine.append(improvement)

        return Own()

    def on_best(self, tactics: Sequence[Tactic], metrics: Sequence[float]) -> None:
        self.heard.append((self.name, "best"))

    def on_improvement(self, improvement: Improvement) -> None:
        self.heard.append((self.name, "improvement"))

    def on_progress(self, progress: Progress) -> None:
        self.heard.append((self.name, "progress"))


def test_a_listener_that_says_nothing_changes_nothing() -> None:
    plans = [partition_graph(tiny_graph("mlp"), MESH, tactics=[AUTO], listener=some) for some in (None, Listener())]
    assert plans[0].schedule == plans[1].schedule
    assert plans[0].metrics == plans[1].metrics


def test_a_search_is_told_in_order() -> None:
    notes = Notes([])
    plan = partition_graph(tiny_graph("mlp"), MESH, tactics=[AUTO, AUTO], listener=notes)
    events = [event for _, event in notes.heard]
    assert "shape" not in events
    assert notes.searches == [(0, dict(MESH.axes)), (1, dict(MESH.axes))]
    assert events[:3] == ["search", "best", "improvement"]
    assert events.count("best") == events.count("improvement") == len(notes.own)
    assert len(notes.own) == sum(len(story["improvements"]) for story in plan.search["stages"])
    assert events[-1] == "progress"


def test_over_meshes_each_search_is_told_apart_and_all_as_one() -> None:
    notes = Notes([])
    plan = partition_graph(tiny_graph("mlp"), AnyMesh(8, "cpu"), tactics=[AUTO], listener=notes)
    assert [axes for _, axes in notes.searches] == [row["axes"] for row in plan.search["shapes"] if row["states"]]
    assert notes.heard[0] == ("", "shape")
    assert sum(event == "best" for _, event in notes.heard) == len(plan.search["improvements"])
    assert len(notes.own) > len(plan.search["improvements"])  # Each mesh has improvements of its own.


def test_several_hear_of_everything_one_after_the_other() -> None:
    heard: list[tuple[str, str]] = []
    several = Listeners([Notes(heard, "a"), Notes(heard, "b")])
    partition_graph(tiny_graph("mlp"), AnyMesh(8, "cpu"), tactics=[AUTO], listener=several)
    assert {event for _, event in heard} == {"shape", "search", "best", "improvement", "progress"}
    assert [event for name, event in heard if name == "a"] == [event for name, event in heard if name == "b"]
    assert [name for name, _ in heard] == ["a", "b"] * (len(heard) // 2)


def test_the_front_door_takes_one_or_several_of_both_kinds() -> None:
    step, mesh = mlp.step("tiny"), Mesh({"data": 4, "model": 2}, "cpu")
    trackers, notes = [Memory(), Memory(), Memory()], Notes([])
    every: list[Any] = [notes, trackers[0], [notes, *trackers[1:]]]
    for listen in every:
        partition(step.fn, *step.args, mesh=mesh, tactics=[AUTO], listen=listen)
    assert notes.searches == [(0, dict(mesh.axes))] * 2
    for tracker in trackers:
        assert [row.simulations for row in tracker.rows].count(40) == 1
        assert tracker.ok
        assert set(tracker.files) == {"plan.json", "schedule.py", "tree.html"}


@pytest.mark.parametrize("listen", [print, Memory, [Notes([]), "wandb"], NullObserver()])
def test_what_cannot_listen_is_refused_before_any_work(listen: Any) -> None:
    def never(x: Any) -> Any:
        raise AssertionError("traced")

    with pytest.raises(AutopartError, match=r"must be a Listener .*, a tracker with name, begin, log, attach, finish"):
        partition(never, 1.0, mesh=MESH, listen=listen)
