"""Propagation by hand-made programs: where tiles flow, what stops them, conflicts, provenance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autopart.costmodel.mesh import Mesh
from autopart.partitioning.conflicts import Conflict, conflicts_of
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.trace import trace
from autopart.sharding.propagate import ATOMIC, TILE
from tests.autopart.cases import CASES, is_legal, problem_on, random_state, subject


def array(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def start(
    fn: Callable[..., Any], *args: Any, donate: tuple[int, ...] = (), axes: dict[str, int] | None = None
) -> State:
    graph = trace(fn, *args, donate_argnums=donate)
    return State(Problem.of(graph, Mesh(axes or {"a": 4, "b": 2}, device="cpu")))


def act(state: State, name: str, dim: int, axis: int = 0, kind: int = TILE) -> None:
    state.apply(state.steps([(kind, state.problem.argument_ops[name], dim, axis)]))


def tiles(state: State, axis: int = 0) -> dict[str, str | None]:
    """Op (an argument by its name) -> label of the factor that it is tiled along."""
    graph = state.problem.graph
    names = {graph.values[a.value].producer: a.name for a in graph.arguments}
    out: dict[str, str | None] = {}
    for op, rule in zip(graph.ops, state.problem.rules, strict=True):
        factor = int(state.marks.tile[op.index, axis])
        out[names.get(op.index, op.primitive)] = rule.factors[factor].label if factor >= 0 else None
    return out


def test_a_batch_tile_flows_forward_to_the_reduction() -> None:
    state = start(lambda x, w: jnp.sum(jnp.tanh(x @ w)), array(8, 16), array(16, 32))
    act(state, "x", 0)
    assert tiles(state) == {"x": "i", "w": None, "dot_general": "i", "tanh": "i", "reduce_sum": "i"}
    assert conflicts_of(state.problem).of(state) == []


def test_a_tile_flows_backward_to_the_arguments() -> None:
    state = start(lambda x, w: x @ w, array(8, 16), array(16, 32))
    dot = len(state.problem.graph.ops) - 1
    state.apply(state.steps([(TILE, dot, 1, 0)]))
    assert tiles(state) == {"x": "j", "w": "i", "dot_general": "j"}


def test_a_tile_flows_around_the_step_by_what_is_carried() -> None:
    def step(p: Any, x: Any) -> Any:
        return p - 1.0, x

    state = start(
        step,
        array(8, 4),
        array(
            8,
        ),
        donate=(0,),
    )
    subtract = next(op.index for op in state.problem.graph.ops if op.primitive == "sub")
    state.apply(state.steps([(TILE, subtract, 0, 0)]))
    assert tiles(state)["p"] == "i"


def test_two_wishes_are_a_conflict_and_stay_untiled() -> None:
    state = start(lambda x, y: x + y, array(8, 8), array(8, 8))
    # Both arguments are tiled by one action, so that neither comes first.
    ops = state.problem.argument_ops
    state.apply(state.steps([(TILE, ops["x"], 0, 0), (TILE, ops["y"], 1, 0)]))
    assert tiles(state) == {"x": "i", "y": "j", "add": None}
    assert conflicts_of(state.problem).of(state) == [Conflict(op=2, axis=0, factors=(0, 1))]


def test_a_later_action_resolves_a_conflict() -> None:
    state = start(lambda x, y: jnp.tanh(x + y), array(8, 8), array(8, 8))
    ops = state.problem.argument_ops
    state.apply(state.steps([(TILE, ops["x"], 0, 0), (TILE, ops["y"], 1, 0)]))
    add = next(op.index for op in state.problem.graph.ops if op.primitive == "add")
    state.apply(state.steps([(TILE, add, 0, 0)]))
    assert tiles(state) == {"x": "i", "y": "j", "add": "i", "tanh": "i"}
    # What is left is no conflict: y and the sum are cut in different ways, and so y will be moved.
    assert conflicts_of(state.problem).of(state) == []
    assert len(state.evidence(add, 0)) == 2
    state.undo()
    assert tiles(state)["tanh"] is None


def test_the_earlier_action_wins() -> None:
    state = start(lambda x, y: jnp.tanh(x + y), array(8, 8), array(8, 8))
    act(state, "x", 0)
    assert tiles(state) == {"x": "i", "y": "i", "add": "i", "tanh": "i"}
    assert not is_legal(state, TILE, state.problem.argument_ops["y"], 1, 0)


def test_the_earlier_action_wins_where_the_later_arrives() -> None:
    state = start(lambda x, y: jnp.tanh(x) @ jnp.tanh(y), array(8, 8), array(8, 8))
    act(state, "y", 0, kind=ATOMIC)
    act(state, "x", 0)
    assert tiles(state)["dot_general"] == "i"
    second = [op.index for op in state.problem.graph.ops if op.primitive == "tanh"][1]
    state.apply(state.steps([(TILE, second, 1, 0)]))
    assert tiles(state)["dot_general"] == "i"
    dot = next(op.index for op in state.problem.graph.ops if op.primitive == "dot_general")
    assert len({*state.evidence(dot, 0), int(state.marks.tile[dot, 0])}) > 1
    assert conflicts_of(state.problem).of(state) == []


def test_an_atomic_argument_is_never_tiled_and_hands_nothing_on() -> None:
    state = start(lambda x, w: (x @ w, w * 2.0), array(8, 16), array(16, 32))
    act(state, "w", 0, kind=ATOMIC)
    act(state, "x", 1)
    assert tiles(state) == {"x": "j", "w": None, "dot_general": "j", "mul": None}


def test_what_does_not_divide_is_never_tiled() -> None:
    state = start(lambda x: jnp.concatenate([x, x[:2]], 0).T, array(8, 6))
    act(state, "x", 0)
    assert tiles(state) == {"x": "i", "slice": None, "concatenate": None, "transpose": None}
    state = start(lambda x: x.reshape(2, 12), array(8, 3), axes={"a": 4})
    act(state, "x", 0)  # The reshape shares a factor of 2, which 4 does not divide.
    assert tiles(state)["reshape"] is None


def test_axes_nest_while_they_divide() -> None:
    state = start(lambda x: jnp.tanh(x), array(4, 8), axes={"a": 2, "b": 2, "c": 2})
    act(state, "x", 0, axis=2)
    act(state, "x", 0, axis=0)
    assert not is_legal(state, TILE, 0, 0, 1)
    assert state.tiles_of_argument("x") == {"c": 0, "a": 0}
    assert list(state.marks.order[1][:2]) == [2, 0]


def test_provenance_names_the_action_and_the_evidence() -> None:
    state = start(lambda x, w: jnp.tanh(x @ w), array(8, 16), array(16, 32))
    act(state, "w", 1, axis=1)
    act(state, "x", 0, axis=0)
    graph, marks, tables = state.problem.graph, state.marks, state.problem.tables
    dot = next(op.index for op in graph.ops if op.primitive == "dot_general")
    tanh = next(op.index for op in graph.ops if op.primitive == "tanh")
    arguments = state.problem.argument_ops
    assert marks.step[arguments["w"]].tolist() == [-1, 0]
    assert marks.step[arguments["x"]].tolist() == [1, -1]
    assert marks.step[dot].tolist() == marks.step[tanh].tolist() == [1, 0]
    assert marks.via[arguments["x"], 0] == marks.via[arguments["w"], 1] == -1
    speaker = {axis: int(tables.slot_op[marks.via[dot, axis]]) for axis in (0, 1)}
    assert speaker == {0: arguments["x"], 1: arguments["w"]}
    assert int(tables.slot_op[marks.via[tanh, 0]]) == dot


@pytest.mark.parametrize("name", sorted(CASES))
def test_random_states_are_legal_and_settled(name: str) -> None:
    problem = problem_on(subject(name).graph, {"a": 2, "b": 2, "c": 2})
    for seed in range(3):
        state = random_state(problem, np.random.default_rng(seed), 6)
        marks, sizes = state.marks, problem.mesh.axis_sizes
        for op, rule in enumerate(problem.rules):
            for factor, facts in enumerate(rule.factors):
                parts = int(np.prod([size for axis, size in enumerate(sizes) if marks.tile[op, axis] == factor]))
                assert parts == 1 or facts.size % parts == 0
            for axis in range(len(sizes)):
                if marks.tile[op, axis] >= 0:
                    assert not (int(marks.atomic[op]) >> axis) & 1
                    continue
                asked = {f for f in asked_of(state, op, axis) if is_legal(state, TILE, op, f, axis)}
                # A fixed point: no lone wish is left.
                assert not asked or len(state.evidence(op, axis)) > 1


def asked_of(state: State, op: int, axis: int) -> set[int]:
    """Factors that the neighbours of an op ask of it."""
    tables, tile = state.problem.tables, state.marks.tile
    asked = set()
    for edge in range(tables.edge_ptr[op], tables.edge_ptr[op + 1]):
        theirs = int(tile[tables.edge_op[edge], axis])
        if theirs >= 0:
            asked.add(int(tables.take[tables.take_ptr[edge] + theirs]))
    return asked - {-1}


def test_equal_states_have_equal_keys_whatever_the_order_of_actions() -> None:
    keys = set()
    for order in ((0, 1), (1, 0)):
        state = start(lambda x, w: x @ w, array(8, 16), array(16, 32))
        for action in order:
            act(state, "xw"[action], action, axis=action)
        keys.add(state.key())
    assert len(keys) == 1


def test_undo_takes_everything_back() -> None:
    state = start(lambda x, w: jnp.tanh(x @ w), array(8, 16), array(16, 32))
    before = state.key(), state.marks.tile.copy(), state.marks.order.copy()
    act(state, "x", 0)
    act(state, "w", 1, axis=1)
    act(state, "w", 0, axis=0, kind=ATOMIC)
    while state.depth:
        state.undo()
    assert state.key() == before[0]
    np.testing.assert_array_equal(state.marks.tile, before[1])
    np.testing.assert_array_equal(state.marks.order, before[2])
    assert not state.marks.atomic.any()
