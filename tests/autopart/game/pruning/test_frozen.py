"""What no action can change, and what bounds the states ahead, is what those states turn out to be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given

from autopart.benchmarks.fuzz.states import is_legal
from autopart.cost.metrics import COMMUNICATION_BYTES, COMMUNICATION_S, COMPUTE_S, EXPOSED_S, IDLE_S, METRICS, PEAK
from autopart.game.pruning.frozen import Ahead, empty_ahead, look_ahead, must_reduce
from autopart.game.pruning.lower_bounds import Bounds
from autopart.game.pruning.reachable import empty_reach, find_reach
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.sharding import layout as lay
from autopart.sharding.packed_layout import tiled_axes
from autopart.sharding.propagate import TILE, legal_actions
from tests.autopart.random_states import GRIDS, PROGRAMS, SEEDS, Grid, state_at
from tests.examples import examples

EXACT = (PEAK, COMMUNICATION_S, COMMUNICATION_BYTES, IDLE_S)
"""The metrics whose bounds are the figures where nothing is left to play."""

Row = tuple[int, int, int, int]


@dataclass(frozen=True)
class Ways:
    """A few single tiles that may be played from a state on, and what is known ahead of it."""

    state: State
    rows: npt.NDArray[np.int32]
    bounds: Bounds

    @classmethod
    def of(cls, state: State, rng: np.random.Generator, most: int = 4) -> Ways:
        problem, rows = state.problem, list[Row]()
        ops = [op.index for op in problem.graph.ops if problem.rules[op.index].factors]
        for _ in range(int(rng.integers(0, most + 1)) if ops else 0):
            op, axis = int(rng.choice(ops)), int(rng.integers(len(problem.sizes)))
            row = (TILE, op, int(rng.integers(len(problem.rules[op].factors))), axis)
            if is_legal(state, *row):
                rows.append(row)
        steps = state.steps(rows)
        return cls(state, steps, Bounds(problem, steps, np.arange(len(rows) + 1, dtype=np.int32), [], 0, 0))

    def legal(self) -> npt.NDArray[np.int8]:
        """Which of the tiles can be played now."""
        problem, legal = self.state.problem, np.zeros(len(self.rows), np.int8)
        ptr = np.arange(len(self.rows) + 1, dtype=np.int32)
        legal_actions(problem.tables, self.state.marks, problem.sizes, self.rows, ptr, legal)
        return legal

    def ahead(self) -> Ahead:
        """What lies ahead of the state."""
        problem, marks = self.state.problem, self.state.marks
        reach, ahead = empty_reach(*marks.tile.shape), empty_ahead(problem.tables)
        ptr = np.arange(len(self.rows) + 1, dtype=np.int32)
        asked = np.zeros((0, 2), np.int64)
        find_reach(problem.tables, marks, problem.sizes, self.rows, ptr, self.legal(), asked, 0, 0, reach)
        look_ahead(problem.tables, marks, reach, ahead)
        return ahead

    def reductions(self, ahead: Ahead) -> npt.NDArray[np.int32]:
        """(values,) the axes over which each is reduced in any case."""
        tables, marks = self.state.problem.tables, self.state.marks
        found = np.zeros(len(ahead.sums), np.int32)
        for value in range(len(found)):
            for axis in range(marks.tile.shape[1]):
                found[value] |= must_reduce(tables, marks, ahead, value, axis) << axis
        return found

    def told(self) -> tuple[Ahead, npt.NDArray[np.int32], list[tuple[float, ...]]]:
        """All that is known of the states ahead: sets of axes, reductions, and entries of what is frozen."""
        ahead = self.ahead()
        return ahead, self.reductions(ahead), entries(self.state)

    def play(self, rng: np.random.Generator) -> bool:
        """Plays one of the tiles; whether there was one."""
        able = self.legal().nonzero()[0]
        if not len(able):
            return False
        self.state.apply(self.rows[[int(rng.choice(able))]])
        return True


def bits(rows: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
    """(ops,) the axes that tile each op, a bit each."""
    found: npt.NDArray[np.int32] = ((rows >= 0) << np.arange(rows.shape[1])).sum(1).astype(np.int32)
    return found


def entries(state: State) -> list[tuple[float, ...]]:
    """What the ledger has of each value: its collectives, its buffer, and its forms."""
    state.analyse()
    ledger, first = state.ledger, state.problem.tables.form_ptr
    columns = (ledger.move_s, ledger.move_bytes, ledger.held_bytes, ledger.since, ledger.until, ledger.scatter_bytes)
    found = []
    for value in range(len(ledger.n_forms)):
        here = slice(int(first[value]), int(first[value]) + int(ledger.n_forms[value]))
        forms = (ledger.form_bytes[here], ledger.form_from[here], ledger.form_until[here], ledger.form_s[here])
        found.append((*(float(c[value]) for c in columns), *np.concatenate(forms).astype(float).tolist()))
    return found


def inside(few: npt.NDArray[np.int32], many: npt.NDArray[np.int32]) -> bool:
    """Whether each set of axes is part of the other."""
    return not np.any(few & ~many)


@pytest.mark.parametrize("name", PROGRAMS)
@examples(10)
@given(grid=GRIDS, seed=SEEDS)
def test_what_is_ahead_is_what_comes(name: str, grid: Grid, seed: int) -> None:
    """``frozen`` foretells from tiles alone what ``layout`` decides in every state that a few actions lead to."""
    state, rng = state_at(name, grid, seed), np.random.default_rng(seed)
    ways = Ways.of(state, rng)
    told = [ways.told()]
    while True:
        layout: lay.Layout = state.layout()
        slots = np.array([tiled_axes(int(packed)) for packed in layout.packed], np.int32)
        now = entries(state)
        for ahead, reduced, then in told:
            assert inside(bits(layout.tile), ahead.op)
            assert inside(slots, ahead.slot)
            assert inside(layout.pending, ahead.sums)
            assert inside(reduced, layout.pending & ~layout.carried)
            for value in ahead.frozen.nonzero()[0].tolist():
                assert now[value] == then[value], value
        if not ways.play(rng):
            break
        told.append(ways.told())
    assert ways.ahead().frozen.all()  # Nothing is left to play.


def has_conditions(problem: Problem) -> bool:
    """Whether some of what the program does stands in the cases of a condition."""
    return bool((problem.costs.choice >= 0).any())


@pytest.mark.parametrize("name", PROGRAMS)
@examples(10)
@given(grid=GRIDS, seed=SEEDS)
def test_no_state_is_below_the_bounds_and_the_last_is_on_them(name: str, grid: Grid, seed: int) -> None:
    """On any mesh, from any state; where cases of a condition differ, the least of them is the bound."""
    state, rng = state_at(name, grid, seed), np.random.default_rng(seed)
    ways, known = Ways.of(state, rng), list[npt.NDArray[np.float64]]()
    while True:
        known.append(np.array([ways.bounds.of(state, ways.legal())[metric] for metric in METRICS]))
        figures = state.metrics()
        for low in known:
            assert (low <= figures).all(), dict(zip(METRICS, zip(low, figures, strict=True), strict=True))
        if not ways.play(rng):
            break
    assert known[-1][EXPOSED_S] == 0  # It is not bounded.
    exact: tuple[int, ...] = EXACT if not has_conditions(state.problem) else (PEAK,)
    if len(exact) > 1 and not ways.ahead().sums.any():
        exact = (*exact, COMPUTE_S)
    for metric in exact:
        rounding = 1.0 if metric == COMMUNICATION_BYTES else 0.0  # Of bytes taken down to whole ones.
        assert known[-1][metric] == pytest.approx(figures[metric], rel=1e-8, abs=rounding), METRICS[metric]
