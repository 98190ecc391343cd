"""The plan for ``jax.jit``: shardings of arguments and results, and constraints on values inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from autopart.emit.arguments import flatten
from autopart.emit.spmd import spec
from autopart.fusion import FUSIBLE
from autopart.graph import ARGUMENT, Literal, Op
from autopart.layout import BASE
from autopart.localise import bind
from autopart.lower import DimAxes, Move, Program


def base_axes(program: Program) -> list[DimAxes]:
    """Mesh axes per dimension of every value once its partial sums are reduced."""
    graph = program.problem.graph
    axes: list[list[tuple[str, ...]]] = [[] for _ in graph.values]
    for op, rule in zip(graph.ops, program.problem.rules, strict=True):
        for value, dims in zip(op.results, rule.results, strict=True):
            axes[value] = [program.axes_of_factor(op.index, factor) for factor in dims]
    for step in program.steps:
        if isinstance(step, Move) and step.form == BASE and step.kind == "reduce_scatter":
            axes[step.value][step.dim] += step.axes
    return [tuple(dims) for dims in axes]


def constrained(program: Program, mesh: Any) -> Callable[..., Any]:
    """The traced function with ``with_sharding_constraint`` on what matrix products, sums and gathers make.

    Pointwise results are left to the compiler: they follow their operands.
    """
    graph = program.problem.graph
    axes = base_axes(program)

    def step(*args: Any) -> Any:
        env: dict[int, Any] = {}
        flat = flatten(graph, args)
        barriers: set[int] = set()
        for op in graph.ops:
            if op.primitive == ARGUMENT:
                env[op.results[0]] = flat[op.index]
            elif op.barrier >= 0:
                if op.barrier not in barriers:
                    barriers.add(op.barrier)
                    members = [o for o in graph.ops if o.barrier == op.barrier]
                    held = jax.lax.optimization_barrier([env[_array(o)] for o in members])
                    env.update(zip((o.results[0] for o in members), held, strict=True))
            else:
                operands = [
                    np.asarray(o.value, o.dtype) if isinstance(o, Literal) else env[o] for o in op.operands
                ]  # fmt: skip
                for value, result in zip(op.results, bind(op, operands, op.params), strict=True):
                    env[value] = result if op.primitive in FUSIBLE else _constrain(result, axes[value], mesh)
        return jax.tree.unflatten(graph.out_tree, [env[o.value] for o in graph.outputs])

    return step


def _array(op: Op) -> int:
    operand = op.operands[0]
    assert isinstance(operand, int)
    return operand


def _constrain(x: Any, axes: DimAxes, mesh: Any) -> Any:
    return jax.lax.with_sharding_constraint(x, NamedSharding(mesh, spec(axes)))


def argument_specs(program: Program) -> Any:
    """PartitionSpecs in the structure of the traced function's positional arguments."""
    graph = program.problem.graph
    leaves = [
        spec(axes) for a, axes in zip(graph.arguments, program.arguments, strict=True) if a.constant is None
    ]  # fmt: skip
    return jax.tree.unflatten(graph.in_tree, leaves)


def output_specs(program: Program) -> Any:
    """PartitionSpecs in the structure of the traced function's result."""
    return jax.tree.unflatten(program.problem.graph.out_tree, [spec(axes) for axes in program.outputs])


def named(specs: Any, mesh: Any) -> Any:
    """The same tree with ``NamedSharding`` on a mesh."""
    return jax.tree.map(lambda s: NamedSharding(mesh, s), specs, is_leaf=lambda x: isinstance(x, PartitionSpec))
