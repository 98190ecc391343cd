"""Conflicts that an action settles: what it does, how it is written, and that the answer stays the same."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from autopart.benchmarks.fuzz.judge import subject_of
from autopart.emit.lower import lower
from autopart.errors import TacticError
from autopart.game.conflict_actions import side_of, sides_of
from autopart.partitioning.conflicts import conflicts_of
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.plan.schedule_file import read_schedule
from autopart.tactics.as_json import from_json, to_json
from autopart.tactics.as_source import Note, schedule_source
from autopart.tactics.manual import Manual, Tactic, apply_schedule
from autopart.tactics.resolve import Resolve
from tests.autopart.cases import fault, problem_on
from tests.autopart.tiny import array, game_of, problem_of, tiny

TORN = (Manual({"x": 0, "y": 0}, "batch"),)
"""Both operands of the product that ``outer`` takes, at once."""


def outer(x: Any, y: Any) -> Any:
    """A product of which either side may be tiled."""
    return jnp.tanh(x @ y.T)


@functools.cache
def problem() -> Problem:
    """The program of ``outer``."""
    return problem_of(outer, array(16, 8), array(16, 8))


def torn_state(schedule: tuple[Tactic, ...] = TORN) -> State:
    """The state in which the product is in conflict."""
    state = State(problem())
    apply_schedule(state, schedule)
    return state


@functools.cache
def side(factor: str = "i") -> Resolve:
    """The tactic that tiles the product along a factor."""
    state = torn_state()
    [conflict] = conflicts_of(problem()).of(state)
    return Resolve(conflicts_of(problem()).place(conflict.op), factor, "batch")


def test_an_op_is_called_by_its_function_primitive_and_rule() -> None:
    assert side().op == "outer: dot_general: i j, j k -> i k; sum={j}"


@pytest.mark.parametrize("factor", ["i", "k"])
def test_either_side_is_tiled_and_propagates(factor: str) -> None:
    state = torn_state((*TORN, side(factor)))
    product = next(op for op in problem().graph.ops if op.primitive == "dot_general")
    tanh = next(op for op in problem().graph.ops if op.primitive == "tanh")
    assert problem().rules[product.index].factors[state.marks.tile[product.index, 0]].label == factor
    assert state.marks.tile[tanh.index, 0] == "ik".index(factor)
    assert not conflicts_of(problem()).of(state)
    assert not len(side(factor).steps(state))  # Done already.


@pytest.mark.parametrize(
    ("tactic", "why"),
    [
        (Resolve("inner: dot_general: i j, j k -> i k", "i", "batch"), "no such op. In conflict on 'batch': \"outer"),
        (side("j"), "asked for i or k there, not for 'j'"),
        (Resolve(side().op, "i", "model"), "no such op is asked for several factors on 'model'"),
        (Resolve(side().op, "i", "rows"), "no mesh axis 'rows'"),
    ],
)
def test_what_is_not_there_is_told(tactic: Resolve, why: str) -> None:
    with pytest.raises(TacticError) as told:
        tactic.steps(torn_state())
    assert why in str(told.value)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(TacticError, match="all texts"):
        Resolve("f: add: i, i -> i", 0, "batch")  # type: ignore[arg-type]


def test_a_schedule_with_it_is_written_and_read_back(tmp_path: Path) -> None:
    schedule: list[Tactic] = [*TORN, side("k")]
    assert [from_json(to_json(tactic)) for tactic in schedule] == schedule
    source = schedule_source(schedule, {"batch": 4, "model": 2}, [Note("", "")] * 2)
    path = tmp_path / "schedule.py"
    path.write_text(source, encoding="utf-8")
    assert list(read_schedule(path)) == schedule
    names: dict[str, Any] = {}
    exec(compile(source, str(path), "exec"), names)  # Our own text, which must also be Python.
    assert names["SCHEDULE"] == schedule


@pytest.mark.parametrize("factor", ["i", "k"])
def test_the_answer_and_the_collectives_are_those_of_the_program(factor: str) -> None:
    rng = np.random.default_rng(0)
    args = tuple(jnp.asarray(rng.standard_normal((16, 8)), jnp.float32) for _ in range(2))
    subject = subject_of(outer, args)
    state = State(problem_on(subject.graph, {"batch": 4, "model": 2}))
    apply_schedule(state, (*TORN, side(factor)))
    assert not fault(state, subject)
    assert lower(state).collective_counts()


def test_the_sides_of_all_layers_are_one_action_and_the_largest_come_first() -> None:
    game, found = game_of(tiny("t32")), set[str]()
    rng = np.random.default_rng(0)
    for _ in range(60):
        for _ in range(4):
            actions = game.actions()
            game.apply(actions[int(rng.integers(len(actions)))])
        sides = sides_of(game.state, game.table)
        assert sides == [action for action in game.actions() if action >= len(game.table.actions)]
        for action in sides:
            tactic = side_of(game.state.problem, game.table, action)
            rows = tactic.steps(game.state)
            found.add(game.describe(action))
            before = game.key()
            game.apply(action)
            assert game.tactics()[-1] == tactic
            assert game.key() != before
            game.undo()
            assert {tuple(game.state.problem.shape_of(op)) for op in rows[:, 1]}
        for _ in range(4):
            game.undo()
    assert any(words.startswith("attend: dot_general") for words in found)
