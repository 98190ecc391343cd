"""The judge of both laws: the same answer, and the same collectives in state, Program and StableHLO."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from autopart.benchmarks.collectives.counts import decided_collectives
from autopart.emit.lower import Program, lower
from autopart.emit.spmd import spmd
from autopart.emit.stablehlo import count_collectives
from autopart.partitioning.state import State
from autopart.program.graph import Graph
from autopart.program.trace import trace

FINE, COARSE = 3e-5, 4e-2
"""What may differ, relative to 1 + the largest magnitude: of a program of float32, and of one with bfloat16."""


@dataclass(frozen=True)
class Subject:
    """A traced program with its arguments and right answer."""

    graph: Graph
    args: tuple[Any, ...]
    answer: Any


def subject_of(fn: Callable[..., Any], args: tuple[Any, ...], donate_argnums: Sequence[int] = ()) -> Subject:
    """The function traced at its arguments, and run whole."""
    return Subject(trace(fn, *args, donate_argnums=donate_argnums), args, jax.jit(fn)(*args))


def _lowered(program: Program, args: tuple[Any, ...]) -> Any:
    """The explicit program, lowered for host devices."""
    mesh = program.problem.mesh
    auto = (jax.sharding.AxisType.Auto,) * len(mesh.axes)
    devices = jax.make_mesh(mesh.axis_sizes, mesh.axis_names, axis_types=auto, devices=jax.devices()[: mesh.size])
    return jax.jit(spmd(program, devices)).lower(*args)


def run(program: Program, args: tuple[Any, ...]) -> Any:
    """The answer of the partitioned program on host devices."""
    return _lowered(program, args).compile()(*args)


def difference(got: Any, want: Any, inputs: Any = ()) -> str:
    """Where two trees of arrays differ by more than their dtype's tolerance; empty where they do not."""
    trees: list[Any] = [jax.tree.structure(tree) for tree in (got, want)]
    if trees[0] != trees[1]:
        return "other trees"
    coarse = any(x.dtype == jnp.bfloat16 for x in jax.tree.leaves(inputs))
    for number, (mine, theirs) in enumerate(zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True)):
        if mine.dtype != theirs.dtype or mine.shape != theirs.shape:
            return f"output {number}: {mine.dtype}{mine.shape}, not {theirs.dtype}{theirs.shape}"
        if jnp.issubdtype(mine.dtype, jax.dtypes.prng_key):
            mine, theirs = jax.random.key_data(mine), jax.random.key_data(theirs)
        tolerance = 0.0
        if jnp.issubdtype(mine.dtype, jnp.inexact):
            tolerance = COARSE if coarse or mine.dtype == jnp.bfloat16 else FINE
        a, b = (np.asarray(x) for x in (mine, theirs))  # In numpy: each jnp op would be compiled.
        if a.dtype == jnp.bfloat16:
            a, b = a.astype(np.float32), b.astype(np.float32)
        scale = 1.0 + float(np.max(np.abs(b[np.isfinite(b)]), initial=0.0))
        if not np.allclose(a, b, rtol=0.0, atol=tolerance * scale, equal_nan=tolerance > 0):
            return f"output {number} of dtype {mine.dtype} is another"
    return ""


def fault(state: State, case: Subject) -> str:
    """Which law the state breaks: the same answer, or the same collectives everywhere; empty if none."""
    program = lower(state)
    counted, decided = program.collective_counts(), decided_collectives(state)
    if counted != decided:
        return f"collectives: decided {dict(decided - counted)}, counted {dict(counted - decided)}"
    module = _lowered(program, case.args)
    lowered = count_collectives(module.compiler_ir("stablehlo"), program.problem.mesh)
    if counted != lowered:
        return f"collectives: counted {dict(counted - lowered)}, lowered {dict(lowered - counted)}"
    return difference(module.compile()(*case.args), case.answer, case.args)
