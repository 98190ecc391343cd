"""Random states of small programs on random meshes, for properties that hold in any state."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
from hypothesis import strategies as st

from autopart.benchmarks.fuzz.states import random_state
from autopart.costmodel.mesh import Mesh
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.graph import Graph
from autopart.program.trace import trace
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
