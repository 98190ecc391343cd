"""Programs that many tests partition: tiny models, traced once, and functions written by hand."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from autopart.benchmarks.schedules import EXPERTS
from autopart.costmodel.mesh import Mesh
from autopart.game.actions import action_table
from autopart.game.partition_game import PartitionGame
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.graph import Graph
from autopart.program.trace import trace, trace_step
from autopart.tactics.manual import Tactic, apply_schedule

MESH = Mesh({"batch": 4, "model": 2}, "cpu")


def array(*shape: int, dtype: str = "float32") -> jax.ShapeDtypeStruct:
    """An abstract array."""
    return jax.ShapeDtypeStruct(shape, jnp.dtype(dtype))


@functools.cache
def tiny_graph(model: str) -> Graph:
    """The traced training step of a tiny model."""
    step = EXPERTS[model][0]("tiny")
    return trace_step(step)


@functools.cache
def tiny(model: str) -> Problem:
    """The training step of a tiny model on 4 x 2 devices."""
    return Problem.of(tiny_graph(model), MESH)


def problem_of(fn: Callable[..., Any], *args: Any, donate: Sequence[int] = (), mesh: Mesh = MESH) -> Problem:
    """A function written by hand on a mesh."""
    return Problem.of(trace(fn, *args, donate_argnums=donate), mesh)


def game_of(problem: Problem, prefix: Sequence[Tactic] = ()) -> PartitionGame:
    """The partitioning game on all axes after a prefix."""
    state = State(problem)
    apply_schedule(state, prefix)
    return PartitionGame(state, action_table(problem, problem.mesh.axis_names, state))


def play(game: PartitionGame, seed: int, most: int = 6) -> int:
    """Plays up to ``most`` random actions; returns how many."""
    rng = np.random.default_rng(seed)
    depth = int(rng.integers(1, most + 1))
    for number in range(depth):
        actions = game.actions()
        if not actions:
            return number
        game.apply(actions[int(rng.integers(len(actions)))])
    return depth


def layers_of_squares(count: int) -> Callable[..., Any]:
    """A stack of equal dense layers with other names than any model of ours: (stack, data) -> data."""

    def network(stack: list[Any], data: jax.Array) -> jax.Array:
        for number in range(count):
            data = jnp.tanh(data @ stack[number])
        return data

    return network
