"""The search over mesh shapes: one budget, the best of all, no worse than any shape's known compositions."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import Any

import pytest

from autopart.benchmarks.schedules import EXPERTS
from autopart.cost.metrics import METRICS
from autopart.costmodel.mesh import Mesh
from autopart.errors import InfeasibleError, MeshError, TacticError
from autopart.goals.named_goals import AnyGoal, CommunicationLimit, default_goals
from autopart.partitioning.mesh_shapes import AnyMesh
from autopart.plan.document import to_document
from autopart.plan.plan import Plan
from autopart.planner.api import partition, partition_graph
from autopart.planner.auto import Auto
from autopart.planner.listener import Listener
from autopart.program.trace import trace_step
from autopart.search import AtMost, Budget, Goals, Improvement, Minimise, Progress
from autopart.tactics.manual import Manual, Tactic
from autopart.tactics.strategies import DataParallel
from tests.autopart.tiny import array, layers_of_squares, tiny_graph

EIGHT = AnyMesh(8, "tpu_v3")


def auto(states: int, **more: Any) -> Auto:
    return Auto(budget=Budget(states), **more)


def searched(model: str, mesh: Mesh | AnyMesh, states: int, **more: Any) -> Plan:
    return partition_graph(tiny_graph(model), mesh, tactics=[auto(states)], **more)


def rank(plan: Plan) -> tuple[float, ...]:
    return Goals(default_goals(plan.problem.mesh), METRICS).rank(list(plan.metrics.values()))


def test_one_shape_is_searched_as_if_it_was_given() -> None:
    one = searched("mlp", AnyMesh(8, "cpu", ("data",)), 120)
    given = searched("mlp", Mesh({"data": 8}, "cpu"), 120)
    assert (one.schedule, one.metrics, one.recipes) == (given.schedule, given.metrics, given.recipes)
    different = {"seconds", "improvements", "shapes"}
    assert {k: v for k, v in one.search.items() if k not in different} == {
        k: v for k, v in given.search.items() if k not in different
    }
    assert one.search["improvements"][-1]["metrics"] == given.search["improvements"][-1]["metrics"]


def test_the_budget_is_that_of_all_shapes_together_and_the_better_half_goes_on() -> None:
    plan = searched("mlp", EIGHT, 300)
    rows = plan.search["shapes"]
    assert [tuple(row["axes"].values()) for row in rows] == [(8,), (4, 2), (2, 4)]
    assert sum(row["states"] for row in rows) == plan.search["simulations"] == 300
    mine = next(row for row in rows if row["axes"] == dict(plan.problem.mesh.axes))
    assert mine["states"] == max(row["states"] for row in rows)
    steps = {row["metrics"]["step_s"] for row in rows}
    assert mine["metrics"] == plan.metrics
    assert plan.metrics["step_s"] == min(steps)
    assert plan.search["stop"] == "simulations"


def test_the_same_seed_gives_the_same_plan() -> None:
    one, other = (searched("mlp", EIGHT, 200) for _ in range(2))
    assert to_document(one) == to_document(other)
    assert "shapes" in to_document(one)


@pytest.mark.parametrize("model", ["mlp", "t32", "unet", "gns"])
def test_it_is_never_worse_than_the_known_compositions_on_any_shape(model: str) -> None:
    plan = searched(model, EIGHT, 1)  # Compositions alone: what is found beyond can only be better.
    goals = Goals(default_goals(plan.problem.mesh), METRICS)
    for axes in ({"data": 8}, {"data": 4, "model": 2}, {"data": 2, "model": 4}):
        recipes = searched(model, Mesh(axes, "tpu_v3"), 1).recipes
        assert rank(plan) <= min(goals.rank(list(figures.values())) for figures in recipes.values()), axes


class Notes(Listener):
    """Notes all that it hears, and on which mesh."""

    def __init__(self) -> None:
        self.meshes: list[Mesh] = []
        self.best: list[tuple[Mesh, tuple[Tactic, ...], tuple[float, ...]]] = []
        self.heard: list[Improvement | Progress] = []

    def on_shape(self, mesh: Mesh) -> None:
        self.meshes.append(mesh)

    def on_best(self, tactics: Sequence[Tactic], metrics: Sequence[float]) -> None:
        self.best.append((self.meshes[-1], tuple(tactics), tuple(metrics)))

    def on_improvement(self, improvement: Improvement) -> None:
        self.heard.append(improvement)

    def on_progress(self, progress: Progress) -> None:
        self.heard.append(progress)


def test_observers_hear_of_all_shapes_as_of_one_search() -> None:
    listener = Notes()
    plan = searched("unet", EIGHT, 300, listener=listener)
    assert {mesh.axis_sizes for mesh in listener.meshes} == {(8,), (4, 2), (2, 4)}
    goals = Goals(default_goals(EIGHT), METRICS)
    ranks = [goals.rank(metrics) for _, _, metrics in listener.best]
    assert ranks == sorted(set(ranks), reverse=True)
    assert rank(plan) <= ranks[-1]
    mesh, schedule, metrics = listener.best[-1]
    assert mesh == plan.problem.mesh
    again = partition_graph(plan.problem.graph, mesh, tactics=schedule)
    assert tuple(again.metrics.values()) == pytest.approx(metrics)
    counts = [event.simulations if isinstance(event, Progress) else event.simulation for event in listener.heard]
    assert counts == sorted(counts)
    assert counts[-1] <= 300
    told = [event.metrics for event in listener.heard if isinstance(event, Improvement)]
    assert told == [metrics for _, _, metrics in listener.best]
    assert all(event.best_metrics in told for event in listener.heard if isinstance(event, Progress))


def test_where_nothing_fits_the_nearest_of_all_is_kept() -> None:
    with pytest.raises(InfeasibleError, match=r"^on \d.* no other of 2 meshes came nearer: no plan .* fits") as error:
        searched("mlp", EIGHT, 200, goals=[AtMost("peak_memory_bytes", 1000.0), Minimise("step_s")])
    plan: Plan = error.value.plan
    rows = plan.search["shapes"]
    assert plan.metrics["peak_memory_bytes"] == min(row["metrics"]["peak_memory_bytes"] for row in rows)


def test_an_interrupt_keeps_the_best_so_far() -> None:
    class Interrupts(Notes):
        def on_best(self, tactics: Sequence[Tactic], metrics: Sequence[float]) -> None:
            super().on_best(tactics, metrics)
            if len(self.meshes) > 3:  # The compositions were looked at everywhere.
                os.kill(os.getpid(), signal.SIGINT)

    listener = Interrupts()
    plan = searched("unet", EIGHT, 10**9, listener=listener)
    assert plan.search["stop"] == "interrupted"
    assert plan.problem.mesh == listener.best[-1][0]
    goals = Goals(default_goals(EIGHT), METRICS)
    assert rank(plan) <= goals.rank(listener.best[-1][2])


def test_seconds_end_it_too() -> None:
    plan = partition_graph(tiny_graph("mlp"), EIGHT, tactics=[Auto(budget=Budget(None, 0.001))])
    assert plan.search["stop"] == "seconds"
    assert all(row["states"] > 0 for row in plan.search["shapes"])


@pytest.mark.parametrize("strategy", ["random", "greedy", "beam", "annealing", "evolution", "exhaustive"])
def test_any_strategy_takes_turns(strategy: str) -> None:
    plan = partition_graph(tiny_graph("mlp"), EIGHT, tactics=[auto(220, strategy=strategy)])
    assert plan.search["simulations"] == sum(row["states"] for row in plan.search["shapes"]) == 220


def test_a_small_program_is_exhausted_on_the_last_shape() -> None:
    plan = partition(layers_of_squares(1), [array(8, 8)], array(8, 8), mesh=EIGHT, tactics=[auto(10**6)])
    assert plan.search["simulations"] < 10**6
    assert plan.search["stop"] == "exhausted"


def test_states_of_a_folded_program_that_did_not_do_are_counted() -> None:
    graph = trace_step(EXPERTS["mlp"][0]("tiny", layers=12))
    plan = partition_graph(graph, AnyMesh(8, "tpu_v3", ("data",)), tactics=[auto(60)])
    assert plan.search["not_folded"]
    given = partition_graph(graph, Mesh({"data": 8}, "tpu_v3"), tactics=[auto(60)])
    spent = plan.search["simulations"]
    assert spent == plan.search["shapes"][0]["states"] == 60
    assert given.search["simulations"] == 60  # Of a mesh that is given those of the whole program alone are counted.


def test_a_schedule_by_hand_is_applied_everywhere_and_the_best_mesh_kept() -> None:
    tactics = [Manual({"batch": 0}, "data")]
    plan = partition_graph(tiny_graph("mlp"), AnyMesh(8, "cpu"), tactics=tactics)
    assert plan.schedule == tuple(tactics)
    meshes = [Mesh(axes, "cpu") for axes in ({"data": 8}, {"data": 4, "model": 2}, {"data": 2, "model": 4})]
    plans = [partition_graph(tiny_graph("mlp"), mesh, tactics=tactics) for mesh in meshes]
    assert rank(plan) == min(rank(p) for p in plans)
    assert [row["metrics"] for row in plan.search["shapes"]] == [p.metrics for p in plans]


def test_shapes_without_an_axis_that_is_named_are_refused_by_name() -> None:
    plan = partition_graph(tiny_graph("mlp"), EIGHT, tactics=[auto(100, axes=("model",))])
    (first, *others) = plan.search["shapes"]
    assert first["axes"] == {"data": 8}
    assert "axes=('model',)" in first["refused"]
    assert all("refused" not in row for row in others)
    with pytest.raises(MeshError, match=r"no mesh of 8 devices suits the tactics\. Of 8: Auto\(axes=\('expert',\)\)"):
        partition_graph(tiny_graph("mlp"), EIGHT, tactics=[auto(100, axes=("expert",))])


def test_one_search_only() -> None:
    with pytest.raises(TacticError, match="2 tactics that search, over meshes that are searched too"):
        partition_graph(tiny_graph("mlp"), EIGHT, tactics=[auto(10), auto(10)])
    with pytest.raises(TacticError, match="tactics must be a list"):
        partition_graph(tiny_graph("mlp"), EIGHT, tactics="BP")  # type: ignore[arg-type]


def test_what_an_observer_raises_ends_all() -> None:
    class Fails(Listener):
        def on_best(self, tactics: Sequence[Tactic], metrics: Sequence[float]) -> None:
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        searched("mlp", EIGHT, 100, listener=Fails())


def test_a_chosen_device_stands_in_for_that_of_the_mesh() -> None:
    plan = partition(layers_of_squares(1), [array(8, 8)], array(8, 8), mesh=EIGHT, device="cpu", tactics=[auto(30)])
    assert plan.problem.mesh.device == "cpu"


@pytest.mark.parametrize("tactic", [Auto(budget=Budget(60)), DataParallel("data")])
def test_goals_may_speak_of_measures(tactic: Tactic | Auto) -> None:
    goals: list[AnyGoal] = [CommunicationLimit("data", 1e15), Minimise("step_s")]
    plan = partition_graph(tiny_graph("mlp"), AnyMesh(8, device="cpu"), goals=goals, tactics=[tactic])
    assert plan.measure("communication_bytes_on:data") <= 1e15
