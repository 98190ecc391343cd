"""The explicit program as a ``jax.shard_map`` function: local ops and exactly the collectives of the Program."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import PartitionSpec

from autopart.emit.arguments import flatten
from autopart.emit.control_flow import Interpreter, run_control
from autopart.emit.localise import run_op, tile_index
from autopart.emit.lower import Apply, DimAxes, Move, Program, Run, Step
from autopart.emit.regather import Again
from autopart.partitioning import automatic
from autopart.program import ARGUMENT, Graph, Literal, Op, paused_collection
from autopart.sharding import BASE
from autopart.sharding.rules import Kind

Env = dict[tuple[int, int], Any]


def spec(axes: DimAxes) -> PartitionSpec:
    """Mesh axes per dimension as a ``PartitionSpec``."""
    entries = [None if not names else names[0] if len(names) == 1 else names for names in axes]
    while entries and entries[-1] is None:
        entries.pop()
    return PartitionSpec(*entries)


def spmd(program: Program, mesh: Any) -> Callable[..., Any]:
    """The partitioned step over global arrays; ``mesh`` is a jax Mesh or AbstractMesh.

    Takes and returns the same pytrees as the traced function; raises PlanError for arguments of other shapes.
    """
    graph = program.problem.graph
    in_specs = tuple(spec(axes) for axes in program.arguments)
    out_specs = tuple(spec(axes) for axes in program.outputs)

    def device(*tiles: Any) -> tuple[Any, ...]:
        return _run(program, tiles)

    mapped = jax.shard_map(device, mesh=automatic(mesh), in_specs=in_specs, out_specs=out_specs, check_vma=False)

    def step(*args: Any) -> Any:
        return jax.tree.unflatten(graph.out_tree, mapped(*flatten(graph, args)))

    return step


@paused_collection()
def _run(program: Program, tiles: Sequence[Any]) -> tuple[Any, ...]:
    graph = program.problem.graph
    env: Env = {}
    _steps(program, program.steps, env, tiles)
    return tuple(env[o.value, form] for o, form in zip(graph.outputs, program.output_forms, strict=True))


def _steps(program: Program, steps: Sequence[Step], env: Env, tiles: Sequence[Any] = ()) -> None:
    """Runs steps of one region; ``tiles`` are the arguments of the whole program."""
    graph = program.problem.graph
    joint, again = _joint_barriers(graph, steps), Again(program)
    for step in steps:
        if isinstance(step, Move):
            source = again.held_back(step, env[step.value, step.source])
            env[step.value, step.form] = _move(program, step, source)
            continue
        if isinstance(step, Run):
            _control(program, step, env)
            continue
        op = graph.ops[step.op]
        if op.primitive == ARGUMENT:
            env[op.results[0], BASE] = tiles[op.index]
        elif op.barrier >= 0:
            _joint_barrier(joint.pop(op.barrier, ()), env)
        else:
            operands = _operands(op, step, env)
            again.runs(op, operands)
            results = run_op(program, op, operands)
            for value, result in zip(op.results, results, strict=True):
                env[value, BASE] = result


def _control(program: Program, step: Run, env: Env) -> None:
    """Runs a loop or a condition; every device goes the same way."""
    graph = program.problem.graph
    control, forms = graph.controls[step.control], {apply.op: apply for apply in step.border}

    def test(inside: Env) -> Any:
        assert control.test is not None
        return control.test.value if isinstance(control.test, Literal) else inside[control.test, BASE]

    def bind(inside: Env, value: int, array: Any) -> None:
        inside[value, BASE] = array

    run_control(graph, control, env, test, Interpreter(
        empty=dict,
        read=lambda inside, op, position: _operand(op, position, forms[op.index], inside),
        bind=bind,
        run=lambda number, inside: _steps(program, step.bodies[number], inside),
        unroll=False,
    ))  # fmt: skip


def _operands(op: Op, step: Apply, env: Env) -> list[Any]:
    return [_operand(op, position, step, env) for position in range(len(op.operands))]


def _operand(op: Op, position: int, step: Apply, env: Env) -> Any:
    operand, form = op.operands[position], step.forms[position]
    if isinstance(operand, Literal):
        return np.asarray(operand.value, operand.dtype)
    assert form is not None
    return env[operand, form]


def _joint_barriers(graph: Graph, steps: Sequence[Step]) -> dict[int, list[tuple[Op, Apply]]]:
    """Number of a joint barrier -> its members among the steps of a region."""
    found: dict[int, list[tuple[Op, Apply]]] = {}
    for step in steps:
        if isinstance(step, Apply) and graph.ops[step.op].barrier >= 0:
            found.setdefault(graph.ops[step.op].barrier, []).append((graph.ops[step.op], step))
    return found


def _joint_barrier(members: Sequence[tuple[Op, Apply]], env: Env) -> None:
    """One barrier over all its members, so that what it keeps apart stays apart; at the first of them."""
    if not members:
        return
    held = lax.optimization_barrier([_operands(op, step, env)[0] for op, step in members])
    for (op, _), result in zip(members, held, strict=True):
        env[op.results[0], BASE] = result


def _move(program: Program, move: Move, x: Any) -> Any:
    axes = move.axes if len(move.axes) > 1 else move.axes[0]
    if move.kind == "all_reduce":
        return _all_reduce(move.monoid, x, axes)
    if move.kind == "reduce_scatter":
        return lax.psum_scatter(x, axes, scatter_dimension=move.dim, tiled=True)
    if move.kind == "all_gather":
        return lax.all_gather(x, axes, axis=move.dim, tiled=True)
    if move.kind == "all_to_all":
        return lax.all_to_all(x, axes, split_axis=move.to_dim, concat_axis=move.dim, tiled=True)
    if move.kind == "collective_permute":
        return _exchange(program, move, x)
    assert move.kind == "all_slice", move.kind
    size = x.shape[move.dim] // program.problem.mesh.axes[move.axes[0]]
    return lax.dynamic_slice_in_dim(x, tile_index(move.axes) * size, size, move.dim)


def _exchange(program: Program, move: Move, x: Any) -> Any:
    """The tile with the edge of one of its neighbours; at the ends of the array that is zeros."""
    axes, devices = _devices_of_tiles(program, move.axes)
    tile = program.problem.graph.values[move.value].shape[move.dim] // len(devices)
    before, width = x.shape[move.dim] - tile, abs(move.to_dim)  # What the tile before sent stands first.
    pairs = itertools.pairwise(devices)
    if move.to_dim > 0:
        sent = lax.slice_in_dim(x, tile - width, tile, axis=move.dim)
        return lax.concatenate([lax.ppermute(sent, axes, list(pairs)), x], move.dim)
    sent = lax.slice_in_dim(x, before, before + width, axis=move.dim)
    return lax.concatenate([x, lax.ppermute(sent, axes, [(b, a) for a, b in pairs])], move.dim)


def _devices_of_tiles(program: Program, axes: Sequence[str]) -> tuple[tuple[str, ...], list[int]]:
    """The axes in mesh order, and, tile by tile, the number of its device among theirs.

    A permute counts devices in the order of the mesh, whatever the order in which the axes are given.
    """
    ordered = tuple(axis for axis in program.problem.mesh.axis_names if axis in axes)
    sizes = [program.problem.mesh.axes[axis] for axis in ordered]
    grid = np.arange(math.prod(sizes)).reshape(sizes).transpose([ordered.index(axis) for axis in axes])
    return ordered, [int(device) for device in grid.ravel()]


def _all_reduce(monoid: Kind, x: Any, axes: Any) -> Any:
    if monoid is Kind.SUM:
        return lax.psum(x, axes)
    extreme: Any = lax.pmax if monoid in (Kind.MAX, Kind.OR) else lax.pmin
    if x.dtype == jnp.bool_:
        return extreme(x.astype(jnp.int8), axes).astype(x.dtype)
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return extreme(x, axes)
    largest = monoid is Kind.MAX
    return _from_order(extreme(_to_order(x, largest), axes), x.dtype)


def _integer_like(dtype: Any) -> tuple[Any, int, int]:
    """The integers of the size of a float, their least and their largest."""
    integer = np.dtype(f"int{8 * dtype.itemsize}")
    bits = 8 * int(dtype.itemsize) - 1
    return integer, -(2**bits), 2**bits - 1


def _to_order(x: Any, largest: bool) -> Any:
    """Floats as integers of the same size and order, where "not a number" is the largest (or the least).

    A collective maximum of floats may lose what is not a number, which a maximum on one device keeps.
    """
    integer, low, high = _integer_like(x.dtype)
    bits = lax.bitcast_convert_type(x, integer)
    ordered = jnp.where(bits < 0, bits ^ high, bits)
    return jnp.where(jnp.isnan(x), high if largest else low, ordered)


def _from_order(ordered: Any, dtype: Any) -> Any:
    """The floats that ``_to_order`` made integers of."""
    _, _, high = _integer_like(dtype)
    return lax.bitcast_convert_type(jnp.where(ordered < 0, ordered ^ high, ordered), dtype)
