"""The table of actions: rows do what their tactics say, and nothing is offered that can never be."""

from __future__ import annotations

from typing import Any

import pytest

from autopart.costmodel.mesh import Mesh
from autopart.game.actions import action_table, legal_buffer
from autopart.partitioning.argument_groups import PARAMETER
from autopart.partitioning.indivisible import refusals
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.tactics.manual import Atomic, Manual, apply_schedule
from tests.autopart.tiny import array, layers_of_squares, problem_of, tiny, tiny_graph


@pytest.mark.parametrize("model", ["t32", "mlp"])
def test_rows_are_the_steps_of_their_tactic(model: str) -> None:
    problem = tiny(model)
    table = action_table(problem, problem.mesh.axis_names)
    for number in range(table.n_fixed):
        tactic = table.actions[number].tactic
        assert tactic is not None
        assert table.fixed_rows(number).tolist() == tactic.steps(State(problem)).tolist()
    assert all(action.recipe is not None for action in table.actions[table.n_fixed :])
    assert len(legal_buffer(table)) == table.n_fixed


def test_labels_tell_actions_apart_and_weights_are_bytes() -> None:
    problem = tiny("t32")
    table = action_table(problem, problem.mesh.axis_names)
    weights = {action.label: action.weight for action in table.actions}
    assert len(weights) == len(table.actions)
    assert weights["params/layers/*/mlp/up: dim 1 on model"] == 2 * 64 * 256 * 4
    assert weights["BP(batch)"] == max(weights.values())


def test_dimensions_that_never_divide_are_not_offered() -> None:
    labels = {action.label for action in action_table(tiny("t32"), ("batch", "model")).actions}
    assert "params/layers/*/attn/qkv: dim 2 on model" in labels
    assert "params/layers/*/attn/qkv: dim 1 on model" not in labels


def test_only_matrices_of_parameters_are_kept_whole() -> None:
    problem = tiny("t32")
    role = {group.pattern: (group.role, len(group.shape)) for group in problem.groups}
    for action in action_table(problem, ("model",)).actions:
        if isinstance(action.tactic, Atomic):
            kind, rank = role[action.tactic.patterns[0]]
            assert (kind, rank >= 2) == (PARAMETER, True)


def test_only_the_axes_asked_for_and_only_wide_ones() -> None:
    problem = Problem.of(tiny_graph("mlp"), Mesh({"batch": 4, "model": 2, "one": 1}, "cpu"))
    for axes in (("model",), ("model", "one")):
        table = action_table(problem, axes)
        fixed = table.actions[: table.n_fixed]
        assert {a.tactic.axis for a in fixed if a.tactic is not None} == {"model"}
        assert all("(model)" in a.label for a in table.actions[table.n_fixed :])
    assert action_table(problem, ("one",)).actions == ()


def test_a_group_decided_in_part_is_offered_in_parts() -> None:
    problem = problem_of(layers_of_squares(4), [array(16, 16)] * 4, array(8, 16))
    state = State(problem)
    apply_schedule(state, [Atomic(("stack/1",), "model"), Manual({"stack/2": 1}, "model")])
    labels = [action.label for action in action_table(problem, ("model",), state).actions]
    assert "stack/0: dim 1 on model" in labels
    assert not any(label.startswith("stack/*") for label in labels)
    whole = [action.label for action in action_table(problem, ("model",)).actions]
    assert "stack/*: dim 1 on model" in whole


def test_a_dimension_that_an_axis_does_not_divide_is_refused_with_the_reason() -> None:
    def fn(table: Any, x: Any) -> Any:
        return x @ table.T

    problem = problem_of(fn, array(50, 16), array(8, 16))
    table = action_table(problem, problem.mesh.axis_names)
    assert not any(action.label.startswith("table: dim 0 on batch") for action in table.actions)
    assert [refusal.text() for refusal in refusals(problem)] == [
        "table: dimension 0 of size 50 cannot be tiled on 'batch' (4 devices); padded to 52 it could"
    ]


def test_nothing_is_refused_where_all_divides() -> None:
    assert refusals(tiny("mlp")) == []
