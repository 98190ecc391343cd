"""No program, mesh or state makes a kernel write or read past its arrays, or take one number for another.

These tests run once more with NUMBA_BOUNDSCHECK=1 (``scripts/test_bounds.sh``): a place outside an array raises then.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax import lax

from autopart.costmodel.collectives import ALL_SLICE, ALL_TO_ALL
from autopart.costmodel.errors import CostModelError
from autopart.costmodel.mesh import MAX_AXES, Mesh
from autopart.emit.lower import lower
from autopart.errors import RuleError, TacticError
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.trace import trace
from autopart.sharding.layout import KIND, most_moves
from autopart.sharding.packed_layout import nesting, tiled_dim
from autopart.sharding.propagate import ATOMIC, TILE
from autopart.sharding.rules import table
from autopart.sharding.rules.rule import MOST_DIMS, MOST_FACTORS, Factor, Kind, Rule, within_bounds
from autopart.tactics.manual import FIRST_DIVISIBLE_DIM, Manual
from tests.examples import examples

NAMES = "abcdefg"


def chain(x: Any) -> Any:
    """Sixty ops, each of which may be tiled its own way."""
    for _ in range(30):
        x = jnp.tanh(x) * 2.0
    return x


def fan(x: Any, y: Any) -> Any:
    """Values with many readers; sums that are read by several."""
    z = x @ y
    return [jnp.tanh(z), z + x, z.T @ x, jnp.sum(z, 0), jnp.max(z, 1), z.reshape(2, 64, 128) * 2.0, z.T]


def windows(x: Any, w: Any) -> Any:
    """Halos on several dimensions, of values that others read without."""
    y = lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    z = lax.reduce_window(y, -np.inf, lax.max, (1, 3, 3, 1), (1, 1, 1, 1), "SAME")
    return jnp.tanh(y) + z, lax.conv_general_dilated(z, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def steps(params: Any, x: Any) -> Any:
    """Outputs that are carried into the next step, and a loop."""
    looped, _ = lax.scan(lambda c, p: (jnp.tanh(c @ p), None), x, params["stack"])
    loss = jnp.sum(looped @ params["w"])
    return {"stack": params["stack"] * 0.9, "w": params["w"] - loss * params["w"]}


def _float(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], tuple[int, ...]]] = {
    "chain": (chain, (_float(128, 128, 128),), ()),
    "fan": (fan, (_float(128, 128), _float(128, 128)), ()),
    "windows": (windows, (_float(128, 128, 128, 128), _float(3, 3, 128, 128)), ()),
    "steps": (steps, ({"stack": _float(4, 128, 128), "w": _float(128, 128)}, _float(128, 128)), (0,)),
}


@functools.cache
def problem_of(program: str, n_axes: int) -> Problem:
    fn, args, donated = PROGRAMS[program]
    return Problem.of(trace(fn, *args, donate_argnums=donated), Mesh(dict.fromkeys(NAMES[:n_axes], 2), device="cpu"))


def scattered(problem: Problem, rng: np.random.Generator, tiled: float, ruled_out: float) -> State:
    """A state in which most ops are tiled by hand, each along a factor of its own, on one axis after another."""
    state = State(problem)
    n_axes = len(problem.sizes)
    for axis in rng.permutation(n_axes).tolist():
        rows = []
        for op, rule in enumerate(problem.rules):
            able = [
                f for f, factor in enumerate(rule.factors)
                if factor.size and factor.size % (2 ** (1 + int((state.marks.tile[op] == f).sum()))) == 0
            ]  # fmt: skip
            drawn = rng.random()
            if able and drawn < tiled:
                rows.append((TILE, op, int(rng.choice(able)), axis))
            elif drawn > 1 - ruled_out:
                rows.append((ATOMIC, op, 0, axis))
        state.apply(state.steps(rows))
    return state


@pytest.mark.parametrize("program", PROGRAMS)
@examples(12)
@given(
    n_axes=st.integers(1, MAX_AXES), seed=st.integers(0, 2**32 - 1), tiled=st.sampled_from([1.0, 0.7, 0.3]),
    ruled_out=st.sampled_from([0.0, 0.1]),
)  # fmt: skip
def test_every_state_has_room(program: str, n_axes: int, seed: int, tiled: float, ruled_out: float) -> None:
    problem = problem_of(program, n_axes)
    state = scattered(problem, np.random.default_rng(seed), tiled, ruled_out)
    figures = state.analyse()[0].tobytes()
    layout, tables = state.layout(), problem.tables
    n_moves, n_forms = int(layout.counts[0]), int(layout.counts[1])
    assert n_moves <= most_moves(tables, n_axes) == len(layout.moves)
    assert n_forms <= len(layout.forms)
    of_value = np.bincount(layout.forms[:n_forms, 0], minlength=len(tables.rank))
    assert (of_value <= np.diff(tables.form_ptr.astype(np.int64))).all()
    for _, _, _, _, _, begin, end in layout.forms[:n_forms].tolist():
        halos = sum(layout.moves[row, KIND] == 5 for row in range(begin, end))
        assert end - begin - halos <= 2 * n_axes, "as `most_moves` says"
    while state.depth:
        state.undo()
    assert state.analyse()[0].tobytes() == State(problem).analyse()[0].tobytes()
    again = scattered(problem, np.random.default_rng(seed), tiled, ruled_out)
    assert again.analyse()[0].tobytes() == figures


def test_hand_set_tiles_on_seven_axes_have_room() -> None:
    """Every op wants each axis one dimension further on: six gathers, six slices and an all_to_all before each."""
    problem = Problem.of(trace(chain, _float(*[2] * MAX_AXES)), Mesh(dict.fromkeys(NAMES, 2), device="cpu"))
    state = State(problem)
    for axis in range(MAX_AXES):
        state.apply(state.steps([(TILE, op, (axis + op) % MAX_AXES, axis) for op in range(len(problem.rules))]))
    layout = state.layout()
    assert layout.counts[0] == 13 * 60
    assert layout.counts[0] <= len(layout.moves)


def test_a_row_twice_is_taken_once() -> None:
    problem = problem_of("chain", 2)
    once, twice = State(problem), State(problem)
    rows = [(ATOMIC, 3, 0, 0), (TILE, 1, 0, 0)]
    once.apply(once.steps(rows))
    twice.apply(twice.steps(rows * 5))
    assert twice.key() == once.key()
    assert twice.marks.n_tiled.tobytes() == once.marks.n_tiled.tobytes()
    assert twice.marks.length[0] == once.marks.length[0]


def test_a_mesh_of_more_axes_than_a_layout_has_bytes_for_is_refused() -> None:
    Mesh(dict.fromkeys(NAMES, 1), device="cpu")
    with pytest.raises(CostModelError, match="1 to 7 axes, not 8"):
        Mesh(dict.fromkeys([*NAMES, "h"], 1), device="cpu")


def of_rank(rank: int, *large: int) -> Problem:
    """Two ops on an array of so many dimensions, of which some are of size 8, the others of size 1."""
    shape = [1] * rank
    for dim in large:
        shape[dim] = 8
    graph = trace(lambda x: jnp.tanh(x) * 2.0, _float(*shape))
    return Problem.of(graph, Mesh({"a": 2, "b": 2, "c": 2}, device="cpu"))


@pytest.mark.parametrize("rank", [MOST_DIMS, MOST_DIMS + 2, 40, 130])
def test_the_last_dimension_that_a_layout_has_room_for_is_tiled(rank: int) -> None:
    problem = of_rank(rank, MOST_DIMS - 1)
    state = State(problem)
    for axis in range(3):
        state.apply(Manual({"x": MOST_DIMS - 1}, "abc"[axis]).steps(state))
    layout = state.layout()
    for packed in layout.packed.tolist():
        assert [tiled_dim(packed, axis) for axis in range(3)] == [MOST_DIMS - 1] * 3
        assert nesting(packed, MOST_DIMS - 1) == 3
    assert (layout.dim == MOST_DIMS - 1).all()


@pytest.mark.parametrize(
    ("rank", "dim"), [(MOST_DIMS + 1, MOST_DIMS), (MOST_DIMS + 2, MOST_DIMS + 1), (40, -1), (130, -1)]
)
def test_dimensions_that_a_layout_has_no_room_for_are_refused(rank: int, dim: int) -> None:
    problem = of_rank(rank, 0, dim)
    state = State(problem)
    with pytest.raises(TacticError, match=f"along its first {MOST_DIMS} dimensions.*that can: \\[0\\]. Fix: transpose"):
        Manual({"x": dim}, "a").steps(state)
    state.apply(Manual({"x": FIRST_DIVISIBLE_DIM}, "a").steps(state))
    assert state.tiles_of_argument("x") == {"a": 0}


@pytest.mark.parametrize("rank", [2, MOST_DIMS, 21, 40, 130])
def test_moves_of_an_array_of_any_rank(rank: int) -> None:
    """An all_to_all between the first dimensions, however many come after."""
    problem = of_rank(rank, 0, 1)
    state = State(problem)
    state.apply(state.steps([(TILE, op, op % 2, 0) for op in range(len(problem.rules))]))
    layout = state.layout()
    kinds = layout.moves[: int(layout.counts[0]), KIND].tolist()
    assert kinds == [ALL_TO_ALL] * (len(problem.rules) - 1)
    assert ALL_SLICE not in kinds
    assert lower(state).steps


def test_a_program_that_moves_the_last_dimension_forward_keeps_it_whole() -> None:
    """Where a factor is beyond reach in one array, it is in all that it ties."""

    def turned(x: Any) -> Any:
        return jnp.tanh(jnp.moveaxis(x, -1, 0)) * 2.0

    shape = (8,) + (1,) * MOST_DIMS + (8,)
    problem = Problem.of(trace(turned, _float(*shape)), Mesh({"a": 2}, device="cpu"))
    moved = next(op.index for op in problem.graph.ops if op.primitive == "transpose")
    rule, state = problem.rules[moved], State(problem)
    assert rule.operands[0][0] >= 0 > rule.operands[0][-1]
    assert rule.results[0][0] < 0 <= rule.results[0][1]
    state.apply(state.steps([(TILE, moved + 1, 0, 0)]))  # What it makes is tiled along what is last before.
    layout = state.layout()
    assert layout.tile[moved, 0] == -1
    assert layout.moves[: int(layout.counts[0]), KIND].tolist() == [ALL_SLICE]
    assert tiled_dim(int(layout.packed[problem.tables.use_ptr[moved + 1]]), 0) == 0


def test_factors_beyond_those_that_marks_have_room_for_stay_whole() -> None:
    count = MOST_FACTORS + 10
    wide = Rule(
        factors=tuple(Factor(f"f{n}", 8, Kind.PASS) for n in range(count)),
        operands=tuple((n,) for n in range(count)),
        results=tuple((n,) for n in range(count)),
    )
    bounded = within_bounds(wide)
    assert len(bounded.factors) == MOST_FACTORS
    assert bounded.operands == tuple((n,) if n < MOST_FACTORS else (-1,) for n in range(count))
    assert within_bounds(bounded) is bounded


def test_the_number_of_a_late_action_is_kept() -> None:
    """More actions than a short integer can count."""
    problem = problem_of("chain", 1)
    state = State(problem)
    for _ in range(2**15 + 5):
        state.apply(state.steps([]))
    state.apply(state.steps([(TILE, 0, 0, 0)]))
    assert (state.marks.step[:, 0] == 2**15 + 5).all()


def test_a_halo_that_no_move_can_say_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moves say in 32 bits how many elements every tile gets."""
    assert np.iinfo(np.int32).max == table.MOST_HALO
    monkeypatch.setattr(table, "MOST_HALO", 3)
    mesh = Mesh({"a": 2}, device="cpu")

    def problem(reach: int) -> Problem:
        def widest(x: Any) -> Any:
            return lax.reduce_window(x, -np.inf, lax.max, (reach + 1,), (1,), [(reach, 0)])

        return Problem.of(trace(widest, _float(64)), mesh)

    assert problem(3).tables.halo_low.tolist() == [3]
    with pytest.raises(RuleError, match=r"4 elements beside a tile, and at most 3 can be exchanged.*Fix.*test_kernel"):
        problem(4)
