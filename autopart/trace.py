"""JAX function to ``Graph``: trace, inline nested calls, name the leaves, find what is carried over."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.extend.core as jex
import numpy as np

from autopart.errors import TraceError
from autopart.graph import ARGUMENT, Argument, Graph, Literal, Op, Operand, Output, Value, source_line
from autopart.padding import absorb

# Calls that mean nothing but their body; the name of the parameter that holds the body.
_INLINED = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "composite": "jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vjp_call_jaxpr": "fun_jaxpr",
    "custom_lin": "call_jaxpr",
}
_REMAT = ("checkpoint", "remat", "remat2")
_GENERATORS = ("iota", "broadcast_in_dim")
_DEBUG = ("debug_print", "debug_callback")
_CONSTRAINTS = ("sharding_constraint", "layout_constraint", "reshard", "mesh_cast")
_PARTITIONED = ("shard_map", "xla_pmap")
_HARMLESS_EFFECTS = ("DebugEffect",)


def trace(fn: Callable[..., Any], *args: Any, donate_argnums: int | Sequence[int] = ()) -> Graph:
    """Traces ``fn`` at the shapes of ``args`` to a flat dataflow graph; nothing is materialised.

    Debug prints and callbacks are left out, and so are sharding constraints, with one warning each.

    Args:
        fn: what one would hand to ``jax.jit``.
        args: pytrees of arrays, Python scalars or ``jax.ShapeDtypeStruct``.
        donate_argnums: positions of arguments whose buffers may be overwritten; outputs that match
            them in tree, shape and dtype are taken as carried into the next step.

    Raises:
        TraceError: the function fails under tracing (the cause is chained), an argument is no array, or
            the function has side effects.
    """
    given = (donate_argnums,) if isinstance(donate_argnums, int) else tuple(donate_argnums)
    bad = sorted(i for i in given if not -len(args) <= i < len(args))
    if bad:
        raise TraceError(f"donate_argnums {bad} out of range: the function is called with {len(args)} arguments")
    donated = {i % len(args) for i in given}
    labels = _parameter_names(fn, len(args))
    abstract = tuple(_abstract(label, arg) for label, arg in zip(labels, args, strict=True))
    try:
        closed, out_shape = jax.make_jaxpr(fn, return_shape=True)(*abstract)
    except Exception as error:
        name = getattr(fn, "__qualname__", repr(fn))
        raise TraceError(
            f"cannot trace {name}: {type(error).__name__}: {error}\n"
            "Fix: the function must run under jax.jit at these shapes; try jax.eval_shape(fn, *args) first."
        ) from error
    builder = _Builder()
    builder.start(closed, *_leaf_names(labels, abstract, donated))
    return builder.finish(abstract, sorted(donated), out_shape)


def path_name(path: Sequence[Any]) -> str:
    """A tree path as text, keys joined by ``/``."""
    return "/".join(str(jax.tree_util.keystr((key,), simple=True)) for key in path)


def _abstract(label: str, arg: Any) -> Any:
    """The tree of ``arg`` with shapes and dtypes as leaves; a Python scalar stays weakly typed."""

    def leaf(path: Any, x: Any) -> jax.ShapeDtypeStruct:
        try:
            aval: Any = jax.typeof(x)
            return jax.ShapeDtypeStruct(aval.shape, aval.dtype, weak_type=aval.weak_type)
        except (TypeError, AttributeError) as error:
            name = "/".join(part for part in (label, path_name(path)) if part)
            raise TraceError(
                f"argument '{name}' is {x!r} of type {type(x).__name__}, which is not an array. Fix: pass arrays, "
                "numbers or jax.ShapeDtypeStruct, and bind anything else with functools.partial."
            ) from error

    return jax.tree_util.tree_map_with_path(leaf, arg)


def _leaf_names(labels: list[str], args: tuple[Any, ...], donated: set[int]) -> tuple[list[str], list[bool]]:
    names: list[str] = []
    flags: list[bool] = []
    for position, (label, arg) in enumerate(zip(labels, args, strict=True)):
        for path, _ in jax.tree_util.tree_flatten_with_path(arg)[0]:
            names.append("/".join(part for part in (label, path_name(path)) if part))
            flags.append(position in donated)
    return names, flags


def _parameter_names(fn: Callable[..., Any], count: int) -> list[str]:
    try:
        parameters = list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:count]
    return names + [f"arg{i}" for i in range(len(names), count)]


class _Builder:
    """Collects values and ops while walking a jaxpr."""

    def __init__(self) -> None:
        self.values: list[Value] = []
        self.ops: list[Op] = []
        self.arguments: list[Argument] = []
        self.results: list[Operand] = []
        self.barriers = 0
        self.taken_names: set[str] = set()
        self.constants: dict[int, Operand] = {}
        self.held: list[Any] = []  # Keeps the constants alive, so that their ids stay their own.
        self.left_out: dict[str, str] = {}
        self.calls: tuple[Any, ...] = ()

    def start(self, closed: Any, names: list[str], donated: list[bool]) -> None:
        env: dict[Any, Operand] = {}
        for var, name, flag in zip(closed.jaxpr.invars, names, donated, strict=True):
            env[var] = self._argument(name, var.aval, flag, None)
        for var, const in zip(closed.jaxpr.constvars, closed.consts, strict=True):
            env[var] = self._constant(var.aval, const)
        self.results = self._walk(closed.jaxpr, env)
        for name, line in self.left_out.items():
            warnings.warn(f"'{name}' (first at {line}) is left out of the partitioned program", stacklevel=4)

    def _constant(self, aval: Any, const: Any) -> Operand:
        """A scalar as a literal; an array as an argument that holds it, one for all uses."""
        if np.ndim(const) == 0 and isinstance(aval.dtype, np.dtype):
            return Literal(const, aval.dtype)
        if id(const) not in self.constants:
            self.constants[id(const)] = self._argument(f"constants/{len(self.constants)}", aval, False, const)
            self.held.append(const)
        return self.constants[id(const)]

    def _argument(self, name: str, aval: Any, donated: bool, constant: Any) -> int:
        unique, n = name, 2
        while unique in self.taken_names:
            unique, n = f"{name}#{n}", n + 1
        self.taken_names.add(unique)
        index = self._value(aval, len(self.ops))
        self.ops.append(Op(len(self.ops), ARGUMENT, (), (index,)))
        self.arguments.append(Argument(unique, index, donated, constant))
        return index

    def _value(self, aval: Any, producer: int) -> int:
        if not hasattr(aval, "shape"):
            raise TraceError(f"a value of type {aval} is not an array; autopart partitions programs over arrays only")
        shape = tuple(int(size) for size in aval.shape)
        self.values.append(Value(len(self.values), shape, aval.dtype, producer))
        return len(self.values) - 1

    def _walk(self, jaxpr: Any, env: dict[Any, Operand]) -> list[Operand]:
        def read(atom: Any) -> Operand:
            return self._constant(atom.aval, atom.val) if isinstance(atom, jex.Literal) else env[atom]

        for eqn in jaxpr.eqns:
            operands = [read(atom) for atom in eqn.invars]
            results = self._equation(eqn, operands)
            env.update(zip(eqn.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _equation(self, eqn: Any, operands: list[Operand]) -> list[Operand]:
        name = eqn.primitive.name
        if name in _INLINED and _INLINED[name] in eqn.params:
            return self._inline(eqn.params[_INLINED[name]], operands, eqn)
        if name in _REMAT:
            if eqn.params.get("differentiated", True):
                operands = self._barrier(eqn, operands, eqn.params.get("prevent_cse", True))
            return self._inline(eqn.params["jaxpr"], operands, eqn)
        if name == "optimization_barrier":
            return self._barrier(eqn, operands)
        if name in _CONSTRAINTS:
            self._leave_out(eqn)
            return operands
        if name in _DEBUG:
            self._leave_out(eqn)
            return []
        if name == "convert_element_type" and isinstance(operands[0], Literal):
            folded = _cast(operands[0], eqn.outvars[0].aval.dtype)
            if folded is not None:
                return [folded]
        self._check_partitionable(eqn)
        params = eqn.params
        if name == "reduce_window_sum" and isinstance(operands[0], int):
            source = self.ops[self.values[operands[0]].producer]
            absorbed = absorb(source, params) if source.primitive == "pad" else None
            if absorbed is not None:
                operands, params = [source.operands[0]], absorbed
        return list(self._emit(name, operands, [v.aval for v in eqn.outvars], params, eqn))

    def _leave_out(self, eqn: Any) -> None:
        self.left_out.setdefault(eqn.primitive.name, source_line(self._source(eqn)))

    def _check_partitionable(self, eqn: Any) -> None:
        effects = sorted({type(e).__name__ for e in eqn.effects} - set(_HARMLESS_EFFECTS))
        if effects:
            raise TraceError(
                f"'{eqn.primitive.name}' at {source_line(self._source(eqn))} has a side effect ({', '.join(effects)}), "
                "which cannot be partitioned. Fix: move it out of the function that is partitioned."
            )
        if eqn.primitive.name in _PARTITIONED:
            raise TraceError(
                f"'{eqn.primitive.name}' at {source_line(self._source(eqn))} partitions its body by hand. Fix: hand "
                "autopart the function over whole arrays."
            )

    def _source(self, eqn: Any) -> tuple[Any, ...]:
        """Where the equation was written, and the calls around it."""
        return (eqn.source_info, *self.calls)

    def _inline(self, body: Any, operands: list[Operand], call: Any) -> list[Operand]:
        jaxpr, consts = (body.jaxpr, body.consts) if hasattr(body, "consts") else (body, ())
        env: dict[Any, Operand] = dict(zip(jaxpr.invars, operands, strict=True))
        for var, const in zip(jaxpr.constvars, consts, strict=True):
            env[var] = self._constant(var.aval, const)
        around, self.calls = self.calls, self._source(call)
        results = self._walk(jaxpr, env)
        self.calls = around
        return results

    def _barrier(self, eqn: Any, operands: list[Operand], which: bool | tuple[bool, ...] = True) -> list[Operand]:
        """One single-operand barrier per value, tied by a number, so that each can have its own layout."""
        self.barriers += 1
        flags = which if isinstance(which, tuple) else (which,) * len(operands)
        out: list[Operand] = []
        for operand, flag in zip(operands, flags, strict=True):
            if isinstance(operand, Literal) or not flag:
                out.append(operand)
                continue
            aval = self.values[operand]
            out.extend(self._emit("optimization_barrier", [operand], [aval], {}, eqn, self.barriers))
        return out

    def _emit(
        self,
        name: str,
        operands: Sequence[Operand],
        avals: Sequence[Any],
        params: Any,
        eqn: Any,
        barrier: int = -1,
    ) -> tuple[int, ...]:
        index = len(self.ops)
        results = tuple(self._value(aval, index) for aval in avals)
        bind = None if barrier >= 0 else eqn.primitive
        self.ops.append(Op(index, name, tuple(operands), results, params, bind, self._source(eqn), barrier))
        return results

    def finish(self, args: tuple[Any, ...], donated: list[int], out_shape: Any) -> Graph:
        out_leaves, out_tree = jax.tree_util.tree_flatten_with_path(out_shape)
        out_paths = [path for path, _ in out_leaves]
        results = self._distinct_results()
        carried = self._carried(args, donated, out_shape, out_paths, results)
        outputs = [
            Output(self.arguments[c].name if c >= 0 else "/".join(x for x in ("out", path_name(p)) if x), r, c)
            for p, r, c in zip(out_paths, results, carried, strict=True)
        ]
        return _compact(self.values, self.ops, self.arguments, outputs, jax.tree.structure(args), out_tree)

    def _distinct_results(self) -> list[int]:
        """Results as values of their own: an argument, a literal or a repeated value gets a copy op."""
        taken: set[int] = set()
        out: list[int] = []
        for result in self.results:
            if isinstance(result, Literal):
                value = np.asarray(result.value, result.dtype)
                result = self._argument(f"constants/out/{len(out)}", value, False, value)
            source = self.values[result]
            if result in taken or self.ops[source.producer].primitive == ARGUMENT:
                index = len(self.ops)
                copy = self._value(source, index)
                self.ops.append(Op(index, "copy", (result,), (copy,), {}, jex.primitives.copy_p))
                result = copy
            taken.add(result)
            out.append(result)
        return out

    def _carried(
        self, args: tuple[Any, ...], donated: list[int], out_shape: Any, out_paths: list[Any], results: list[int]
    ) -> list[int]:
        """For each output leaf the argument leaf that it becomes in the next step, or -1.

        First whole donated arguments are looked for: an output, or a part of it one level down, of equal
        tree, shapes and dtypes. Then single leaves of equal path below the top level, shape and dtype.
        """

        def signature(value: int) -> tuple[Any, ...]:
            return (self.values[value].shape, self.values[value].dtype)

        sizes = [len(jax.tree.leaves(arg)) for arg in args]
        begins = [sum(sizes[:position]) for position in range(len(args))]
        free: dict[int, Any] = {position: jax.tree.structure(args[position]) for position in donated}
        carried = [-1] * len(results)
        for begin, tree in _components(out_shape):
            if any(carried[begin + k] >= 0 for k in range(tree.num_leaves)):
                continue
            wanted = [signature(results[begin + k]) for k in range(tree.num_leaves)]
            for position in [p for p in free if free[p] == tree and tree.num_leaves]:
                first = begins[position]
                if wanted == [signature(self.arguments[first + k].value) for k in range(tree.num_leaves)]:
                    carried[begin : begin + tree.num_leaves] = range(first, first + tree.num_leaves)
                    del free[position]
                    break
        loose = [begins[position] + k for position in free for k in range(sizes[position])]
        for number, (path, result) in enumerate(zip(out_paths, results, strict=True)):
            tails = {path_name(path), path_name(path[1:])} - {""}
            match = [
                i
                for i in loose
                if self.arguments[i].name.partition("/")[2] in tails
                and signature(self.arguments[i].value) == signature(result)
            ]
            if match and carried[number] < 0:
                carried[number] = match[0]
                loose.remove(match[0])
        return carried


def _cast(literal: Literal, dtype: Any) -> Literal | None:
    """A literal of another dtype, where that is exact or rounds as the device would; else ``None``."""
    source = np.asarray(literal.value, literal.dtype)
    if not isinstance(dtype, np.dtype) or source.dtype.kind not in "biuf" or dtype.kind in "biu":
        return None
    return Literal(source.astype(dtype)[()], dtype)


def _components(tree: Any) -> list[tuple[int, Any]]:
    """The tree itself and its parts one level down, each as (number of its first leaf, structure)."""
    parts: list[Any] = []
    if isinstance(tree, (tuple, list)):
        parts = list(tree)
    elif isinstance(tree, dict):
        parts = [tree[key] for key in sorted(tree)]
    found, begin = [(0, jax.tree.structure(tree))], 0
    for part in parts:
        structure: Any = jax.tree.structure(part)
        found.append((begin, structure))
        begin += structure.num_leaves
    return found


def _compact(
    values: list[Value],
    ops: list[Op],
    arguments: list[Argument],
    outputs: list[Output],
    in_tree: Any,
    out_tree: Any,
) -> Graph:
    """Arguments first, dead ops out, generators (iota, broadcast scalars) one copy per use, renumbered."""
    live = _live_ops(values, ops, outputs)
    arguments = [a for a in arguments if a.constant is None or values[a.value].producer in live]
    order = [values[a.value].producer for a in arguments]
    order += [op.index for op in ops if op.index in live and op.primitive != ARGUMENT]
    new_values: list[Value] = []
    new_ops: list[Op] = []
    number: dict[int, int] = {}
    templates: dict[int, Op] = {}

    def emit(op: Op) -> tuple[int, ...]:
        operands = tuple(resolve(operand) for operand in op.operands)
        index = len(new_ops)
        results = tuple(range(len(new_values), len(new_values) + len(op.results)))
        for new, old in zip(results, op.results, strict=True):
            new_values.append(Value(new, values[old].shape, values[old].dtype, index))
        new_ops.append(
            Op(index, op.primitive, operands, results, op.params, op.bind, op.source_info, op.barrier)
        )  # fmt: skip
        return results

    def resolve(operand: Operand) -> Operand:
        if isinstance(operand, Literal):
            return operand
        if operand in templates:
            return emit(templates[operand])[0]
        return number[operand]

    for index in order:
        op = ops[index]
        if _is_generator(op, values):
            templates[op.results[0]] = op
        elif op.barrier >= 0 and op.operands[0] in templates:
            assert isinstance(op.operands[0], int)
            templates[op.results[0]] = templates[op.operands[0]]  # Nothing to keep: it is made anew at each use.
        else:
            number.update(zip(op.results, emit(op), strict=True))
    final_arguments = [Argument(a.name, number[a.value], a.donated, a.constant) for a in arguments]
    final_outputs = []
    for output in outputs:
        value = resolve(output.value)
        assert isinstance(value, int)
        final_outputs.append(Output(output.name, value, output.carried))
    return Graph(tuple(new_values), tuple(new_ops), tuple(final_arguments), tuple(final_outputs), in_tree, out_tree)


def _is_generator(op: Op, values: list[Value]) -> bool:
    """Whether the op makes its result out of nothing that has a layout, so that each use may have its own."""
    if op.primitive not in _GENERATORS:
        return False
    return all(isinstance(o, Literal) or values[o].shape == () for o in op.operands)


def _live_ops(values: list[Value], ops: list[Op], outputs: list[Output]) -> set[int]:
    stack = [values[output.value].producer for output in outputs]
    live: set[int] = set()
    while stack:
        index = stack.pop()
        if index in live:
            continue
        live.add(index)
        stack.extend(values[o].producer for o in ops[index].operands if not isinstance(o, Literal))
    return live
