"""Tactics: what they tile, what they refuse, that earlier wins, and their JSON."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopart.costmodel.mesh import Mesh
from autopart.errors import TacticError
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.tactics.as_json import from_json, to_json
from autopart.tactics.manual import FIRST_DIVISIBLE_DIM, REPLICATED, Atomic, Dim, Manual, Tactic, apply_schedule
from tests.autopart.tiny import array, layers_of_squares, problem_of, tiny, tiny_graph

UP, DOWN, EMBED = "params/layers/0/mlp/up", "params/layers/0/mlp/down", "params/embed"


def after(*schedule: Tactic, problem: Problem | None = None) -> State:
    state = State(problem or tiny("t32"))
    apply_schedule(state, schedule)
    return state


def test_a_tile_reaches_what_it_implies() -> None:
    state = after(Manual({"params/layers/*/mlp/up": 1}, "model"))
    assert state.tiles_of_argument(UP) == {"model": 1}
    assert state.tiles_of_argument(DOWN) == {"model": 0}
    assert state.tiles_of_argument("opt_state/0/mu/layers/1/mlp/up") == {"model": 1}
    assert state.tiles_of_argument(EMBED) == {}


def test_negative_dimensions_count_from_the_last() -> None:
    assert after(Manual({UP: -1}, "model")).key() == after(Manual({UP: 1}, "model")).key()
    assert after(Manual({UP: -2}, "model")).key() == after(Manual({UP: 0}, "model")).key()


def test_one_tactic_tiles_all_its_patterns_at_once() -> None:
    one = after(Manual({UP: 1, EMBED: 0}, "model"))
    other = after(Manual({EMBED: 0, UP: 1}, "model"))
    assert one.key() == other.key()
    assert one.depth == 1


def test_replicated_stops_propagation() -> None:
    state = after(Manual({UP: 1, DOWN: REPLICATED}, "model"))
    assert state.tiles_of_argument(UP) == {"model": 1}
    assert state.tiles_of_argument(DOWN) == {}
    assert state.key() == after(Atomic((DOWN,), "model"), Manual({UP: 1}, "model")).key()


def test_first_divisible_dim() -> None:
    problem = problem_of(lambda a, b, c: (a, b, c), array(6, 4, 8), array(3, 5), array(8))
    state = after(Manual({"**": FIRST_DIVISIBLE_DIM}, "batch"), problem=problem)
    assert [state.tiles_of_argument(name) for name in "abc"] == [{"batch": 1}, {}, {"batch": 0}]
    apply_schedule(state, [Manual({"**": FIRST_DIVISIBLE_DIM}, "model")])
    assert [state.tiles_of_argument(name) for name in "abc"] == [
        {"batch": 1, "model": 0}, {}, {"batch": 0, "model": 0},
    ]  # fmt: skip


def test_earlier_wins() -> None:
    first = Manual({UP: 1}, "model")
    state = after(first)
    key = state.key()
    apply_schedule(state, [Manual({UP: FIRST_DIVISIBLE_DIM, DOWN: 1}, "model"), Atomic((UP,), "model")])
    assert state.key() == key
    kept = after(Atomic((UP,), "model"), Manual({UP: 1}, "model"))
    assert kept.tiles_of_argument(UP) == {}


def test_an_axis_twice_on_a_value_is_refused_if_both_were_asked_for() -> None:
    state = after(Manual({UP: 1}, "model"))
    with pytest.raises(TacticError, match=r"'params/layers/0/mlp/up' .* tiled along dimension 1 on 'model' by an earl"):
        Manual({UP: 0}, "model").steps(state)
    assert not len(Manual({UP: -1}, "model").steps(state))


def test_two_axes_may_share_a_dimension_as_long_as_they_divide_it() -> None:
    problem = problem_of(layers_of_squares(1), [array(16, 12)], array(8, 16))
    state = after(Manual({"stack/0": 1}, "batch"), problem=problem)
    with pytest.raises(TacticError, match=r"dimension 1 of size 12 cannot be cut into 8 parts on 'model'.*: \[0\]"):
        apply_schedule(state, [Manual({"stack/0": 1}, "model")])
    apply_schedule(state, [Manual({"stack/0": 0}, "model")])
    assert state.tiles_of_argument("stack/0") == {"batch": 1, "model": 0}


@pytest.mark.parametrize(
    ("tactic", "message"),
    [
        (Manual({"params/layers/*/mlp/uq": 1}, "model"), r"matches no argument.*Near misses: params/layers/\*/mlp/up"),
        (Manual({UP: 1}, "modle"), "no mesh axis 'modle'; the mesh has batch, model"),
        (Manual({UP: 2}, "model"), r"'params/layers/0/mlp/up' has shape \(64, 256\): no dimension 2"),
        (Manual({UP: -3}, "model"), "no dimension -3 to tile on 'model'"),
        (Manual({"params/layers/*/attn/qkv": 1}, "model"), r"of size 3 cannot be cut into 2 parts.*: \[0, 2, 3\]"),
        (Manual({"opt_state/0/count": 0}, "model"), r"has shape \(\): no dimension 0"),
        (Manual({UP: 1, "params/**": 0}, "model"), "names 'params/layers/0/mlp/up' twice"),
        (Atomic(("params/embed", "**/embed"), "model"), "names 'params/embed' twice"),
        (Atomic(("nothing",), "model"), "matches no argument"),
        (Manual({"params/{embed": 0}, "model"), "braces do not match"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(tactic: Tactic, message: str) -> None:
    state = State(tiny("t32"))
    with pytest.raises(TacticError, match=message):
        tactic.steps(state)
    assert (state.depth, state.key()) == (0, State(tiny("t32")).key())


def test_no_dimension_can() -> None:
    problem = problem_of(lambda x, y: (x, y), array(3, 5), array(8))
    with pytest.raises(TacticError, match="No dimension can"):
        Manual({"x": 0}, "batch").steps(State(problem))


def test_an_axis_of_one_device_tiles_nothing_but_is_checked() -> None:
    problem = Problem.of(tiny_graph("t32"), Mesh({"batch": 8, "one": 1}, "cpu"))
    state = after(Manual({UP: 1}, "one"), Atomic((DOWN,), "one"), problem=problem)
    assert state.key() == State(problem).key()
    with pytest.raises(TacticError, match="no dimension 7"):
        Manual({UP: 7}, "one").steps(state)


def test_rows_stand_in_one_order() -> None:
    rows = Manual({UP: 1, DOWN: REPLICATED, EMBED: 0}, "model").steps(State(tiny("t32")))
    assert rows.dtype == np.int32
    assert rows[:, 0].tolist() == [1, 0, 0]  # What stays whole is marked before anything is tiled.
    assert rows[1, 1] < rows[2, 1]


patterns = st.text("ab/*{},0_", min_size=1, max_size=8)
dims = st.one_of(st.integers(-4, 11), st.sampled_from(Dim))
names = st.text("ZeRO-23 é:\"'", max_size=8)
tactics = st.one_of(
    st.builds(Manual, st.dictionaries(patterns, dims, max_size=4), st.sampled_from(["data", "model"]), names),
    st.builds(Atomic, st.lists(patterns, max_size=4).map(tuple), st.sampled_from(["data", "model"]), names),
)


@given(tactics)
def test_json_round_trip(tactic: Tactic) -> None:
    again = from_json(json.loads(json.dumps(to_json(tactic))))
    assert again == tactic
    assert again.name == tactic.name
    if isinstance(tactic, Manual) and isinstance(again, Manual):
        assert list(again.tiles) == list(tactic.tiles)


GOOD = {"tactic": "Manual", "tiles": {"a": 0}, "axis": "data"}
JUNK: list[Any] = [None, 3, 1.5, True, "x", [], {}, [1], {"a": None}]


@pytest.mark.parametrize(
    "document",
    [
        *JUNK,
        {"tactic": "Auto", "axis": "data"},
        {"tactic": "Manual", "axis": "data"},
        {"tactic": "Manual", "tiles": {"a": 0}},
        {"tactic": "Atomic", "axis": "data"},
        *({**GOOD, "axis": junk} for junk in JUNK if not isinstance(junk, str)),
        *({**GOOD, "name": junk} for junk in JUNK if not isinstance(junk, str)),
        *({**GOOD, "tiles": junk} for junk in JUNK if junk != {}),
        *({**GOOD, "tiles": {"a": junk}} for junk in JUNK if junk != 3),
        *({"tactic": "Atomic", "axis": "d", "patterns": junk} for junk in JUNK if junk != []),
    ],
)
def test_a_damaged_document_is_refused(document: Any) -> None:
    with pytest.raises(TacticError, match="not a tactic: "):
        from_json(document)


@given(st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=6)),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                        st.sampled_from(["tactic", "tiles", "axis", "name", "patterns"]), inner, max_size=5),
                    max_leaves=12))  # fmt: skip
def test_no_document_raises_anything_else(document: Any) -> None:
    with contextlib.suppress(TacticError):
        from_json(document)
