"""JAX function to ``Graph``: trace, inline nested calls, name the leaves, find what is carried over."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.extend.core as jex
import numpy as np

from autopart.errors import TraceError
from autopart.graph import ARGUMENT, Argument, Graph, Literal, Op, Operand, Output, Value

# Calls that mean nothing but their body; the name of the parameter that holds the body.
_INLINED = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vjp_call_jaxpr": "fun_jaxpr",
    "custom_lin": "call_jaxpr",
}
_REMAT = ("checkpoint", "remat", "remat2")
_GENERATORS = ("iota", "broadcast_in_dim")


def trace(fn: Callable[..., Any], *args: Any, donate_argnums: Sequence[int] = ()) -> Graph:
    """Traces ``fn`` at the shapes of ``args`` to a flat dataflow graph; nothing is materialised.

    Args:
        fn: what one would hand to ``jax.jit``.
        args: pytrees of arrays or ``jax.ShapeDtypeStruct``.
        donate_argnums: positions of arguments whose buffers may be overwritten; outputs that match
            them in tree, shape and dtype are taken as carried into the next step.

    Raises:
        TraceError: the function fails under tracing; the cause is chained.
    """
    donated = set(donate_argnums)
    bad = sorted(i for i in donated if not 0 <= i < len(args))
    if bad:
        raise TraceError(f"donate_argnums {bad} out of range: the function is called with {len(args)} arguments")
    try:
        abstract = jax.tree.map(lambda x: jax.ShapeDtypeStruct(np.shape(x), jax.dtypes.canonicalize_dtype(x.dtype)
                                if hasattr(x, "dtype") else jax.numpy.result_type(x)), args)  # fmt: skip
        closed, out_shape = jax.make_jaxpr(fn, return_shape=True)(*abstract)
    except Exception as error:
        name = getattr(fn, "__qualname__", repr(fn))
        raise TraceError(
            f"cannot trace {name}: {type(error).__name__}: {error}\n"
            "Fix: the function must run under jax.jit at these shapes; try jax.eval_shape(fn, *args) first."
        ) from error
    names, flags = _leaf_names(fn, abstract, donated)
    out_paths, out_tree = jax.tree_util.tree_flatten_with_path(out_shape)
    builder = _Builder()
    builder.start(closed, names, flags)
    return builder.finish([path for path, _ in out_paths], jax.tree.structure(abstract), out_tree)


def path_name(path: Sequence[Any]) -> str:
    """A tree path as text, keys joined by ``/``."""
    return "/".join(str(jax.tree_util.keystr((key,), simple=True)) for key in path)


def _leaf_names(fn: Callable[..., Any], args: tuple[Any, ...], donated: set[int]) -> tuple[list[str], list[bool]]:
    labels = _parameter_names(fn, len(args))
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

    def start(self, closed: Any, names: list[str], donated: list[bool]) -> None:
        env: dict[Any, Operand] = {}
        for var, name, flag in zip(closed.jaxpr.invars, names, donated, strict=True):
            env[var] = self._argument(name, var.aval, flag, None)
        for position, (var, const) in enumerate(zip(closed.jaxpr.constvars, closed.consts, strict=True)):
            env[var] = self._constant(f"constants/{position}", var.aval, const)
        self.results = self._walk(closed.jaxpr, env)

    def _constant(self, name: str, aval: Any, const: Any) -> Operand:
        if np.ndim(const) == 0 and not jax.dtypes.issubdtype(aval.dtype, jax.dtypes.extended):
            return Literal(const, np.dtype(aval.dtype))
        return self._argument(name, aval, False, const)

    def _argument(self, name: str, aval: Any, donated: bool, constant: Any) -> int:
        index = self._value(aval, len(self.ops))
        self.ops.append(Op(len(self.ops), ARGUMENT, (), (index,)))
        self.arguments.append(Argument(name, index, donated, constant))
        return index

    def _value(self, aval: Any, producer: int) -> int:
        if not hasattr(aval, "shape"):
            raise TraceError(f"a value of type {aval} is not an array; autopart partitions programs over arrays only")
        shape = tuple(int(size) for size in aval.shape)
        self.values.append(Value(len(self.values), shape, aval.dtype, producer))
        return len(self.values) - 1

    def _walk(self, jaxpr: Any, env: dict[Any, Operand]) -> list[Operand]:
        def read(atom: Any) -> Operand:
            if isinstance(atom, jex.Literal):
                return Literal(atom.val, np.dtype(atom.aval.dtype))
            return env[atom]

        for eqn in jaxpr.eqns:
            operands = [read(atom) for atom in eqn.invars]
            results = self._equation(eqn, operands)
            env.update(zip(eqn.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _equation(self, eqn: Any, operands: list[Operand]) -> list[Operand]:
        name = eqn.primitive.name
        if name in _INLINED and _INLINED[name] in eqn.params:
            return self._inline(eqn.params[_INLINED[name]], operands)
        if name in _REMAT:
            if eqn.params.get("prevent_cse", True):
                operands = self._barrier(eqn, operands)
            return self._inline(eqn.params["jaxpr"], operands)
        if name == "optimization_barrier":
            return self._barrier(eqn, operands)
        return list(self._emit(name, operands, [v.aval for v in eqn.outvars], eqn.params, eqn))

    def _inline(self, body: Any, operands: list[Operand]) -> list[Operand]:
        jaxpr, consts = (body.jaxpr, body.consts) if hasattr(body, "consts") else (body, ())
        env: dict[Any, Operand] = dict(zip(jaxpr.invars, operands, strict=True))
        for var, const in zip(jaxpr.constvars, consts, strict=True):
            env[var] = self._constant(f"constants/inner{len(self.values)}", var.aval, const)
        return self._walk(jaxpr, env)

    def _barrier(self, eqn: Any, operands: list[Operand]) -> list[Operand]:
        """One single-operand barrier per value, tied by a number, so that each can have its own layout."""
        self.barriers += 1
        out: list[Operand] = []
        for operand in operands:
            if isinstance(operand, Literal):
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
        self.ops.append(Op(index, name, tuple(operands), results, params, bind, eqn.source_info, barrier))
        return results

    def finish(self, out_paths: list[Any], in_tree: Any, out_tree: Any) -> Graph:
        results = self._distinct_results()
        carried = self._carried(out_paths, results)
        outputs = [
            Output(self.arguments[c].name if c >= 0 else "/".join(x for x in ("out", path_name(p)) if x), r, c)
            for p, r, c in zip(out_paths, results, carried, strict=True)
        ]
        return _compact(self.values, self.ops, self.arguments, outputs, in_tree, out_tree)

    def _distinct_results(self) -> list[int]:
        """Results as values of their own: an argument, a literal or a repeated value gets a copy op."""
        taken: set[int] = set()
        out: list[int] = []
        for result in self.results:
            if isinstance(result, Literal):
                value = np.asarray(result.value, result.dtype)
                result = self._argument(f"constants/out{len(out)}", value, False, value)
            source = self.values[result]
            if result in taken or self.ops[source.producer].primitive == ARGUMENT:
                index = len(self.ops)
                copy = self._value(source, index)
                self.ops.append(Op(index, "copy", (result,), (copy,), {}, jex.primitives.copy_p))
                result = copy
            taken.add(result)
            out.append(result)
        return out

    def _carried(self, out_paths: list[Any], results: list[int]) -> list[int]:
        """For each output the donated argument it becomes: equal path below the top level, shape and dtype."""

        def signature(value: int) -> tuple[Any, ...]:
            return (self.values[value].shape, self.values[value].dtype)

        free = [i for i, argument in enumerate(self.arguments) if argument.donated]
        carried: list[int] = []
        for path, result in zip(out_paths, results, strict=True):
            tail = path_name(path[1:])
            match = [
                i for i in free
                if self.arguments[i].name.partition("/")[2] == tail
                and signature(self.arguments[i].value) == signature(result)
            ]  # fmt: skip
            carried.append(match[0] if match else -1)
            if match:
                free.remove(match[0])
        return carried


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
