"""What prices a state beside the layout that decides it says the same, on random programs and meshes."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopart.benchmarks.fuzz.states import random_state
from autopart.costmodel.mesh import Mesh
from autopart.emit.lower import lower
from autopart.game.ilp.move_costs import PARTIAL, Places, Prices, unpacked
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.graph import Graph
from autopart.program.trace import trace
from autopart.sharding import layout as lay
from tests.autopart.cases import CASES
from tests.autopart.region_cases import REGION_CASES

PROGRAMS = {**CASES, **REGION_CASES}
LINKS: tuple[tuple[str, dict[str, str]], ...] = (
    ("cpu", {}),
    ("a100", {}),
    ("h100", {}),
    ("tpu_v3", {}),
    ("tpu_v3", {"a": "dcn"}),
)
"""Devices, and the links of some axes."""

Grid = tuple[list[int], int]
"""A mesh in any program: for each axis which of the sizes that the program takes, and which of ``LINKS``."""

GRIDS = st.tuples(st.lists(st.integers(0, 2), min_size=1, max_size=3), st.integers(0, len(LINKS) - 1))
SEEDS = st.integers(0, 10**6)
CLOSE = 1e-9
"""Sums of floats in another order."""


@cache
def graph_of(name: str) -> Graph:
    fn, draw, donated = PROGRAMS[name]
    return trace(fn, *draw(np.random.default_rng(0)), donate_argnums=donated)


def problem_at(name: str, grid: Grid) -> Problem:
    """The program on 1 to 3 axes of size 2 to 4, each of which divides a dimension of an argument."""
    graph, (picks, links) = graph_of(name), grid
    dims = {size for argument in graph.arguments for size in graph.values[argument.value].shape if size}
    able = [size for size in (2, 3, 4) if any(dim % size == 0 for dim in dims)]
    device, by_axis = LINKS[links]
    mesh = Mesh(dict(zip("abc", (able[pick % len(able)] for pick in picks), strict=False)), device, by_axis)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of primitives that are kept whole.
        return Problem.of(graph, mesh)


def state_at(name: str, grid: Grid, seed: int) -> State:
    rng = np.random.default_rng(seed)
    return random_state(problem_at(name, grid), rng, int(rng.integers(0, 9)))


def marked(places: Places, partial: int) -> Places:
    """A layout that is partial over some axes, a bit each."""
    return tuple(PARTIAL if partial >> axis & 1 else place for axis, place in enumerate(places))


@pytest.mark.parametrize("name", PROGRAMS)
@settings(max_examples=6, deadline=None)
@given(grid=GRIDS, seed=SEEDS)
def test_prices_of_moves_are_those_of_the_program(name: str, grid: Grid, seed: int) -> None:
    """Form by form, and sum by sum: ``resharding`` prices from layouts alone what ``layout`` decided move by move."""
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
