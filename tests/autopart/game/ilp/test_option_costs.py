"""What the tables say of an op as a state runs it is what was measured, as exactly as they claim."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from autopart.emit.lower import lower
from autopart.game.ilp.move_costs import PARTIAL, Places, Prices, dim_of, unpacked
from autopart.game.ilp.option_costs import OptionCosts
from autopart.game.ilp.options import Mode, Option, OptionSpace
from autopart.partitioning.state import State
from autopart.sharding import layout as lay
from tests.autopart.random_states import GRIDS, PROGRAMS, SEEDS, Grid, state_at
from tests.examples import examples

CLOSE = 1e-9
"""Sums of floats in another order."""


def option_of(state: State, layout: lay.Layout, op: int) -> Option:
    """How a state runs an op."""
    tables, results = state.problem.tables, state.problem.graph.ops[op].results
    n_axes = layout.tile.shape[1]

    def places(packed: int, partial: int) -> Places:
        return tuple(PARTIAL if partial >> a & 1 else place for a, place in enumerate(unpacked(packed, n_axes)))

    def read(slot: int) -> Places:
        return places(int(layout.packed[slot]), int(layout.carried[int(tables.slot_value[slot])]))

    wanted = tuple(read(slot) for slot in range(int(tables.use_ptr[op]), int(tables.use_ptr[op + 1])))
    made = tuple(places(int(layout.made[value]), int(layout.pending[value])) for value in results)
    base = tuple(places(int(layout.packed[tables.n_uses + v]), int(layout.carried[v])) for v in results)

    def mode(axis: int) -> Mode:
        return Mode(
            int(layout.tile[op, axis]), *(tuple(_dim(row[axis]) for row in rows) for rows in (wanted, made, base))
        )

    return Option(tuple(mode(axis) for axis in range(n_axes)), tuple(range(n_axes)), wanted, made, base)


def _dim(place: int) -> int:
    return dim_of(place) if place >= 0 else place


@pytest.mark.parametrize("name", PROGRAMS)
@examples(4)
@given(grid=GRIDS, seed=SEEDS)
def test_every_op_runs_as_one_of_its_options(name: str, grid: Grid, seed: int) -> None:
    """What ``layout`` decides for an op is among what ``options`` says it can be."""
    state = state_at(name, grid, seed)
    layout, space = state.layout(), OptionSpace(state.problem)
    for op, options in enumerate(space.of_op):
        found = option_of(state, layout, op)
        assert found.modes in {option.modes for option in options}, (op, state.problem.graph.ops[op].primitive)


@pytest.mark.parametrize("name", PROGRAMS)
@examples(6)
@given(grid=GRIDS, seed=SEEDS)
def test_sums_and_halos_of_options_are_those_of_the_program(name: str, grid: Grid, seed: int) -> None:
    """Op by op, all runs counted: exact."""
    state = state_at(name, grid, seed)
    problem, layout = state.problem, state.layout()
    costs = OptionCosts(problem, Prices(problem.costs))
    sums, halos = np.zeros(len(problem.graph.ops)), np.zeros(len(problem.graph.ops))
    for move in lower(state).moves():
        seconds = move.seconds * costs.value_runs[move.value]
        if move.kind == "collective_permute":
            slot = int(layout.forms[move.form][lay.FORM_FIRST_USE])
            halos[int(problem.tables.slot_op[slot])] += seconds
        elif move.form == lay.BASE:
            sums[problem.graph.values[move.value].producer] += seconds
    for op in range(len(sums)):
        option = option_of(state, layout, op)
        assert costs.sums(op, option) == pytest.approx(sums[op], rel=CLOSE), op
        assert costs.halos(op, option) == pytest.approx(halos[op], rel=CLOSE), op
