"""The plan for ``jax.jit``: shardings of arguments and results, and constraints on values inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from autopart.emit.arguments import flatten
from autopart.emit.control_flow import Interpreter, run_control
from autopart.emit.localise import bind
from autopart.emit.lower import DimAxes, Program
from autopart.emit.spmd import spec
from autopart.program import Control, Literal, Op
from autopart.sharding import BASE
from autopart.sharding.rules import FUSIBLE


def made_axes(program: Program) -> list[DimAxes]:
    """Mesh axes per dimension of every value as its op makes it: tiled, and perhaps a partial sum along other axes."""
    axes: list[DimAxes] = [()] * len(program.problem.graph.values)
    for op, rule in zip(program.problem.graph.ops, program.problem.rules, strict=True):
        for value, dims in zip(op.results, rule.results, strict=True):
            axes[value] = tuple(program.axes_of_factor(op.index, factor) for factor in dims)
    return axes


def base_axes(program: Program) -> list[DimAxes]:
    """Mesh axes per dimension of every value once its partial sums are reduced."""
    axes = [list(dims) for dims in made_axes(program)]
    for move in program.moves():
        if move.form == BASE and move.kind == "reduce_scatter":
            axes[move.value][move.dim] += move.axes
    return [tuple(dims) for dims in axes]


def constrained(program: Program, mesh: Any) -> Callable[..., Any]:
    """The traced function with ``with_sharding_constraint`` wherever the Program moves data, or finishes a sum.

    Constrained are what matrix products, sums and gathers make, and operands that an op reads in another layout
    than they were made in. Pointwise results are left to the compiler: they follow their operands.
    """
    graph = program.problem.graph
    interior = _Interior(program, mesh)

    def step(*args: Any) -> Any:
        env = dict(zip(((a.value, BASE) for a in graph.arguments), flatten(graph, args), strict=True))
        interior.run(0, len(graph.arguments), len(graph.ops), env)
        return jax.tree.unflatten(graph.out_tree, [env[o.value, BASE] for o in graph.outputs])

    return step


Env = dict[tuple[int, int], Any]
"""Value and form -> array; as in the explicit program."""


def _repeated(program: Program) -> frozenset[int]:
    """Forms that the Program makes of a value although it makes the same for another reader: weights, gathered anew."""
    made: dict[tuple[object, ...], set[int]] = {}
    chains: dict[tuple[int, int], list[tuple[object, ...]]] = {}
    for move in program.moves():
        if move.form != BASE:
            chains.setdefault((move.value, move.form), []).append((move.kind, move.axes, move.dim, move.to_dim))
    for (value, form), chain in chains.items():
        if any(kind == "all_gather" for kind, *_ in chain):
            made.setdefault((value, *chain), set()).add(form)
    return frozenset(form for forms in made.values() if len(forms) > 1 for form in forms)


class _Interior:
    """Runs ops over whole arrays, and says how the results are laid out."""

    def __init__(self, program: Program, mesh: Any) -> None:
        self.program, self.graph, self.mesh = program, program.problem.graph, mesh
        self.made, self.axes = made_axes(program), base_axes(program)
        self.forms = {apply.op: apply.forms for apply in program.applies()}
        self.repeated = _repeated(program)

    def run(self, region: int, begin: int, end: int, env: Env) -> None:
        """The ops ``begin:end`` of a region, and the controls among them."""
        controls, barriers = self.graph.controls_in.get(region, {}), set[int]()
        index = begin
        while index < end:
            op = self.graph.ops[index]
            if index in controls:
                self._control(controls[index], env)
                index = controls[index].end
                continue
            index += 1
            if op.barrier < 0:
                self._op(op, env)
            elif op.barrier not in barriers:
                barriers.add(op.barrier)
                self._barrier(op.barrier, env)

    def _op(self, op: Op, env: Env) -> None:
        operands = [self._read(op, position, env) for position in range(len(op.operands))]
        for value, result in zip(op.results, bind(op, operands, op.params), strict=True):
            if op.primitive.startswith("scatter"):  # Else compilers cut it as its result will lie, not its updates.
                result = _constrain(result, self.made[value], self.mesh)
            env[value, BASE] = result if op.primitive in FUSIBLE else _constrain(result, self.axes[value], self.mesh)

    def _read(self, op: Op, position: int, env: Env) -> Any:
        """An operand, laid out as the op reads it."""
        operand = op.operands[position]
        if isinstance(operand, Literal):
            return np.asarray(operand.value, operand.dtype)
        form = self.forms[op.index][position]
        assert form is not None
        if form == BASE:
            return env[operand, BASE]
        if (operand, form) not in env:
            factors = self.program.problem.rules[op.index].operands[position]
            axes = tuple(self.program.axes_of_factor(op.index, factor) for factor in factors)
            source = env[operand, BASE]
            if form in self.repeated:
                source = jax.lax.optimization_barrier(source)
            # Said of both sides, or the compiler may move the data before the op that made it.
            source = _constrain(source, self.axes[operand], self.mesh)
            env[operand, form] = _constrain(source, axes, self.mesh)
        return env[operand, form]

    def _barrier(self, number: int, env: Env) -> None:
        members = [self.graph.ops[index] for index in self.graph.barriers[number]]
        held = jax.lax.optimization_barrier([self._read(op, 0, env) for op in members])
        env.update(zip(((op.results[0], BASE) for op in members), held, strict=True))

    def _control(self, control: Control, env: Env) -> None:
        regions = [self.graph.regions[number] for number in control.regions]

        def test(inside: Env) -> Any:
            return control.test.value if isinstance(control.test, Literal) else inside[cast(int, control.test), BASE]

        def keep(inside: Env, value: int, array: Any) -> None:
            inside[value, BASE] = _constrain(array, self.axes[value], self.mesh)

        run_control(self.graph, control, env, test, Interpreter(
            empty=dict,
            read=lambda inside, op, position: self._read(op, position, inside),
            bind=keep,
            run=lambda number, inside: self.run(
                regions[number].index, regions[number].begin, regions[number].end, inside
            ),
            unroll=True,
        ))  # fmt: skip


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
