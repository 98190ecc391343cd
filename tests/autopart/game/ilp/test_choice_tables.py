"""The tables of a problem: what they say of a state is what the analysis measures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autopart.benchmarks.models import mlp
from autopart.cost.metrics import COMMUNICATION_S, COMPUTE_S, METRICS, PEAK
from autopart.costmodel.mesh import Mesh
from autopart.game.actions import action_table
from autopart.game.ilp.choice_tables import Tabled, tables_of
from autopart.game.partition_game import PartitionGame, seeds_of
from autopart.goals.named_goals import default_goals
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.trace import trace_step
from autopart.search import Budget, Goals, StopReason, make_strategy
from autopart.search.highs import solve


@pytest.fixture(scope="module")
def problem() -> Problem:
    step = mlp.step("tiny", layers=2, d_model=1024, d_hidden=4096, batch=4096, compute_dtype="bfloat16")
    return Problem.of(trace_step(step), Mesh({"data": 4, "model": 2}))


@pytest.fixture(scope="module")
def tables(problem: Problem) -> Tabled:
    return tables_of(problem)


def _measured(state: State) -> float:
    metrics = state.metrics()
    return float(metrics[COMPUTE_S] + metrics[COMMUNICATION_S])


def test_each_composition_costs_on_the_tables_what_is_measured(problem: Problem, tables: Tabled) -> None:
    game = PartitionGame(State(problem), action_table(problem, problem.mesh.axis_names))
    seeds = seeds_of(game)
    assert len(seeds) > 8
    left_out = set[str]()
    for name, actions in seeds.items():
        for action in actions:
            game.apply(action)
        choice = tables.choice_of(game.state)
        if choice is None:
            left_out.add(name)
        else:
            assert tables.problem.cost(choice) == pytest.approx(_measured(game.state), rel=0.01), name
            estimate = max(row.of(choice) for row in tables.problem.rows)
            assert estimate <= 1.05 * game.state.metrics()[PEAK], name
        for _ in actions:
            game.undo()
    assert all(name.startswith("BP(model)+BP(data)+Z") for name in left_out)  # ZeRO's axes nested in another order.


def test_the_optimum_op_by_op_is_the_choice_and_costs_as_much(problem: Problem, tables: Tabled) -> None:
    found = solve(tables.problem)
    assert found.proven
    assert found.choice is not None
    assert found.cost is not None
    state = State(problem)
    for rows in tables.steps(found.choice):
        state.apply(rows)
    assert np.array_equal(np.where(tables.carries(found.choice), -1, state.marks.tile), tables.factors(found.choice))
    assert _measured(state) == pytest.approx(found.cost, rel=0.01)
    again = tables.choice_of(state)
    assert again is not None
    assert tables.problem.cost(again) == pytest.approx(found.cost, rel=0.01)


def test_what_the_root_has_decided_stays_and_axes_left_out_are_not_tiled(problem: Problem) -> None:
    state = State(problem)
    state.apply(action_table(problem, ("data",), state).fixed_rows(0))
    decided = state.marks.tile[:, 0].copy()
    game = PartitionGame(state, action_table(problem, ("data",), state))
    found = solve(game.choices())
    assert found.choice is not None
    factors = tables_of(problem).factors(found.choice)
    carried = tables_of(problem).carries(found.choice)
    assert (factors[:, 1] == -1).all()
    assert ((factors[:, 0] == decided) | (decided < 0) | carried[:, 0] | (factors[:, 0] == -1)).all()


def test_the_search_plays_towards_the_optimum(problem: Problem, tables: Tabled) -> None:
    serial = Problem.of(
        problem.graph, replace(problem.mesh, device=replace(problem.mesh.device_profile, overlaps=False))
    )
    game = PartitionGame(State(serial), action_table(serial, serial.mesh.axis_names))
    goals = Goals(default_goals(serial.mesh), METRICS)
    result = make_strategy("ilp").run(game, goals, Budget(simulations=200))
    assert result.stop is StopReason.SOLVED
    optimum = solve(tables.problem).cost
    assert optimum is not None
    assert result.best_metrics[COMPUTE_S] + result.best_metrics[COMMUNICATION_S] < 1.1 * optimum
