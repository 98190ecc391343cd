"""What prices a state beside the layout that decides it says the same, on random programs and meshes."""

from __future__ import annotations

import pytest
from hypothesis import given

from autopart.emit.lower import lower
from autopart.game.ilp.move_costs import PARTIAL, Places, Prices, unpacked
from autopart.sharding import layout as lay
from tests.autopart.random_states import GRIDS, PROGRAMS, SEEDS, Grid, state_at
from tests.examples import examples

CLOSE = 1e-9
"""Sums of floats in another order."""


def marked(places: Places, partial: int) -> Places:
    """A layout that is partial over some axes, a bit each."""
    return tuple(PARTIAL if partial >> axis & 1 else place for axis, place in enumerate(places))


@pytest.mark.parametrize("name", PROGRAMS)
@examples(6)
@given(grid=GRIDS, seed=SEEDS)
def test_prices_of_moves_are_those_of_the_program(name: str, grid: Grid, seed: int) -> None:
    """Form by form, and sum by sum: ``move_costs`` prices from layouts alone what ``layout`` decided move by move."""
    state = state_at(name, grid, seed)
    problem, tables, layout = state.problem, state.problem.tables, state.layout()
    prices, n_axes = Prices(problem.costs), len(problem.mesh.axes)
    seconds: dict[tuple[int, int], float] = {}
    for move in lower(state).moves():
        if move.kind != "collective_permute":
            seconds[move.value, move.form] = seconds.get((move.value, move.form), 0.0) + move.seconds
    for value in problem.graph.values:
        partial, carried = int(layout.pending[value.index]), int(layout.carried[value.index])
        made = marked(unpacked(int(layout.made[value.index]), n_axes), partial)
        base = marked(unpacked(int(layout.packed[tables.n_uses + value.index]), n_axes), carried)
        nbytes = float(problem.costs.value_bytes[value.index])
        price = prices.complete(nbytes, made, base)
        assert price == pytest.approx(seconds.get((value.index, lay.BASE), 0.0), rel=CLOSE), value.index
    for (moved, form), taken in seconds.items():
        if form >= 0:
            row = layout.forms[form]
            source = int(row[lay.FORM_SOURCE])
            have = tables.n_uses + moved if source == lay.BASE else int(layout.forms[source][lay.FORM_FIRST_USE])
            want, partial = int(row[lay.FORM_FIRST_USE]), int(layout.carried[moved])
            pair = (marked(unpacked(int(layout.packed[slot]), n_axes), partial) for slot in (have, want))
            price = prices.move(float(problem.costs.value_bytes[moved]), *pair)
            assert price == pytest.approx(taken, rel=CLOSE), (moved, form)
