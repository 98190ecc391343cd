"""JAX function to ``Graph``: trace, inline nested calls, name the leaves, find what is carried over."""

from __future__ import annotations

import inspect
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

import jax
import jax.extend.core as jex
import numpy as np
from jax.interpreters import partial_eval

from autopart.errors import TraceError
from autopart.program.assemble import Flat, compact
from autopart.program.control_flow import ASSUMED_TRIPS, RegionBuilder
from autopart.program.decompose import rewritten
from autopart.program.gc_pause import paused_collection
from autopart.program.graph import ARGUMENT, Argument, Graph, Literal, Op, Operand, Output, source_line
from autopart.program.padding import absorb
from autopart.program.step import Step
from autopart.program.unmap import stacked

# Calls that mean nothing but their body; the name of the parameter that holds the body.
INLINED = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "composite": "jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vjp_call_jaxpr": "fun_jaxpr",
    "custom_lin": "call_jaxpr",
    "custom_vmap_call": "call",
    "linear_call": "callee",
    "remat_opt": "fwd_jaxpr",
    "call": "call_jaxpr",
    "xla_metadata_call": "jaxpr",
}
_REMAT = ("checkpoint", "remat", "remat2")
_DEBUG = ("debug_print", "debug_callback", "inspect_sharding", "dce_sink")
_CONSTRAINTS = (
    "sharding_constraint", "layout_constraint", "reshard", "mesh_cast", "device_put", "shard_alike",
    "with_memory_space_constraint",
)  # fmt: skip
_HARMLESS_EFFECTS = ("DebugEffect",)


@paused_collection()
def trace(
    fn: Callable[..., Any], *args: Any, donate_argnums: int | Sequence[int] = (), while_trips: int = ASSUMED_TRIPS
) -> Graph:
    """Traces ``fn`` at the shapes of ``args`` to a flat dataflow graph; nothing is materialised.

    Debug prints and callbacks are left out, and so are sharding constraints, with one warning each.

    Args:
        fn: what one would hand to ``jax.jit``.
        args: pytrees of arrays, Python scalars or ``jax.ShapeDtypeStruct``.
        donate_argnums: positions of arguments whose buffers may be overwritten; outputs that match
            them in tree, shape and dtype are taken as carried into the next step.
        while_trips: iterations to assume of a ``while`` whose number cannot be read from the program.

    Raises:
        TraceError: the function fails under tracing (the cause is chained), an argument is no array, or
            the function has side effects.
    """
    given = (donate_argnums,) if isinstance(donate_argnums, int) else tuple(donate_argnums)
    bad = sorted(i for i in given if not -len(args) <= i < len(args))
    if bad:
        raise TraceError(f"donate_argnums {bad} out of range: the function is called with {len(args)} arguments")
    if isinstance(while_trips, bool) or not isinstance(while_trips, int) or while_trips < 0:
        raise TraceError(f"while_trips={while_trips!r}: must be a whole number, 0 or more")
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
    builder = _Builder(while_trips)
    builder.start(_without_dead_code(closed), *_leaf_names(labels, abstract, donated))
    return builder.finish(abstract, sorted(donated), out_shape)


def trace_step(step: Step) -> Graph:
    """``trace`` of a step, as the step says.

    Raises:
        TraceError: see ``trace``.
    """
    return trace(step.fn, *step.args, donate_argnums=step.donate_argnums, while_trips=step.while_trips)


def _without_dead_code(closed: Any) -> Any:
    """The program without what no result needs, in the bodies of loops and branches too.

    JAX lowers it so: what only dead code reads would be moved about in vain, and counted.
    """
    jaxpr, _ = partial_eval.dce_jaxpr(closed.jaxpr, [True] * len(closed.jaxpr.outvars), instantiate=True)
    return closed.replace(jaxpr=jaxpr)


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


class _Builder(RegionBuilder):
    """Collects values and ops while walking a jaxpr."""

    def __init__(self, while_trips: int) -> None:
        super().__init__(while_trips)
        self.arguments: list[Argument] = []
        self.results: list[Operand] = []
        self.barriers = 0
        self.taken_names: dict[str, int] = {}  # Name -> the number to try next where it is asked for again.
        self.constants: dict[int, Operand] = {}
        self.held: list[Any] = []  # Keeps the constants alive, so that their ids stay their own.
        self.left_out: dict[str, str] = {}
        self.unmapped = ""
        self.calls: tuple[Any, ...] = ()
        self.rewriting = False

    def start(self, closed: Any, names: list[str], donated: list[bool]) -> None:
        env: dict[Any, Operand] = {}
        for var, name, flag in zip(closed.jaxpr.invars, names, donated, strict=True):
            env[var] = self._argument(name, var.aval, flag, None)
        for var, const in zip(closed.jaxpr.constvars, closed.consts, strict=True):
            env[var] = self._constant(var.aval, const)
        self.results = self._walk(closed.jaxpr, env)
        for name, line in self.left_out.items():
            warnings.warn(f"'{name}' (first at {line}) is left out of the partitioned program", stacklevel=4)
        if self.unmapped:
            warnings.warn(
                f"'shard_map' (first at {self.unmapped}) is partitioned by hand: it is taken as the program over "
                "whole arrays that it stands for, and its mesh and specs are forgotten",
                stacklevel=4,
            )

    def _constant(self, aval: Any, const: Any) -> Operand:
        """A scalar as a literal; an array as an argument that holds it, one for all uses."""
        if np.ndim(const) == 0 and isinstance(aval.dtype, np.dtype):
            return Literal(const, aval.dtype)
        if id(const) not in self.constants:
            self.constants[id(const)] = self._argument(f"constants/{len(self.constants)}", aval, False, const)
            self.held.append(const)
        return self.entered(self.constants[id(const)], self.region)

    def _argument(self, name: str, aval: Any, donated: bool, constant: Any) -> int:
        unique = name
        while unique in self.taken_names:
            unique, self.taken_names[name] = f"{name}#{self.taken_names[name]}", self.taken_names[name] + 1
        self.taken_names[unique] = 2
        index = self.add_value(aval, len(self.ops), 0)
        self.ops.append(Op(len(self.ops), ARGUMENT, (), (index,)))
        self.arguments.append(Argument(unique, index, donated, constant))
        return index

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
        if name in INLINED and INLINED[name] in eqn.params:
            return self.inline(eqn.params[INLINED[name]], operands, eqn)
        if name in _REMAT:
            if eqn.params.get("differentiated", True):
                operands = self._barrier(eqn, operands, eqn.params.get("prevent_cse", True))
            return self.inline(eqn.params["jaxpr"], operands, eqn)
        if name == "optimization_barrier":
            return self._barrier(eqn, operands)
        if name == "shard_map":
            return self._unmap(eqn, operands)
        replacement = rewritten(name, [atom.aval for atom in eqn.invars], eqn.params)
        if replacement is not None:
            return self._rewrite(replacement, operands, eqn)
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
        if name == "scan":
            return self.scan(eqn, operands)
        if name == "while":
            return self.while_loop(eqn, operands)
        if name == "cond":
            return self.condition(eqn, operands)
        params = eqn.params
        if name == "reduce_window_sum" and isinstance(operands[0], int):
            source = self.ops[self.values[operands[0]].producer]
            absorbed = absorb(source, params) if source.primitive == "pad" else None
            if absorbed is not None:
                operands, params = [source.operands[0]], absorbed
        return list(self._emit(name, operands, [v.aval for v in eqn.outvars], params, eqn))

    def _unmap(self, eqn: Any, operands: list[Operand]) -> list[Operand]:
        """What is partitioned by hand, as the program over whole arrays that it stands for."""
        line = source_line(self.source(eqn))
        try:
            whole = stacked(eqn.params, {**INLINED, **dict.fromkeys(_REMAT, "jaxpr")})
            replacement = jax.make_jaxpr(whole)(*(jax.ShapeDtypeStruct(a.aval.shape, a.aval.dtype) for a in eqn.invars))
        except Exception as error:
            raise TraceError(
                f"'shard_map' at {line} is partitioned by hand, and its body cannot be mapped over stacked tiles: "
                f"{type(error).__name__}: {error}\nFix: hand autopart the function over whole arrays."
            ) from error
        self.unmapped = self.unmapped or line
        return self.inline(replacement, operands, eqn)

    def _leave_out(self, eqn: Any) -> None:
        self.left_out.setdefault(eqn.primitive.name, source_line(self.source(eqn)))

    def _check_partitionable(self, eqn: Any) -> None:
        effects = sorted({type(e).__name__ for e in eqn.effects} - set(_HARMLESS_EFFECTS))
        if effects:
            raise TraceError(
                f"'{eqn.primitive.name}' at {source_line(self.source(eqn))} has a side effect ({', '.join(effects)}), "
                "which cannot be partitioned. Fix: move it out of the function that is partitioned."
            )

    def source(self, eqn: Any) -> tuple[Any, ...]:
        """Where the equation was written, and the calls around it."""
        return self.calls if self.rewriting else (eqn.source_info, *self.calls)

    def _rewrite(self, replacement: Any, operands: list[Operand], eqn: Any) -> list[Operand]:
        """Inlines what stands for an op; all that it is made of was written where the op was."""
        around = self.rewriting, self.calls
        self.calls, self.rewriting = self.source(eqn), True
        results = self._walk_closed(replacement, operands)
        self.rewriting, self.calls = around
        return results

    def inline(self, body: Any, operands: list[Operand], call: Any) -> list[Operand]:
        """Walks a jaxpr in place of the equation that calls it."""
        around, self.calls = self.calls, self.source(call)
        results = self._walk_closed(body, operands)
        self.calls = around
        return results

    def _walk_closed(self, body: Any, operands: list[Operand]) -> list[Operand]:
        jaxpr, consts = (body.jaxpr, body.consts) if hasattr(body, "consts") else (body, ())
        env: dict[Any, Operand] = dict(zip(jaxpr.invars, operands, strict=True))
        for var, const in zip(jaxpr.constvars, consts, strict=True):
            env[var] = self._constant(var.aval, const)
        return self._walk(jaxpr, env)

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
        results = tuple(self.add_value(aval, index, self.region) for aval in avals)
        bind = None if barrier >= 0 else eqn.primitive
        params = _without_shardings(params)
        self.ops.append(
            Op(index, name, tuple(operands), results, params, bind, self.source(eqn), barrier, self.region)
        )  # fmt: skip
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
        flat = Flat(self.values, self.ops, self.arguments, outputs, self.regions, self.bodies)
        return compact(flat, jax.tree.structure(args), out_tree)

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
                copy = self.add_value(source, index, 0)
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
        types = [self._type_of(result) for result in results]
        held = [self._type_of(argument.value) for argument in self.arguments]
        sizes = [len(jax.tree.leaves(arg)) for arg in args]
        begins = list(accumulate(sizes, initial=0))
        free = {position: tuple(held[begins[position] : begins[position + 1]]) for position in donated}
        carried = _carried_trees(
            _components(out_shape), types, {p: (jax.tree.structure(args[p]), own) for p, own in free.items()}, begins
        )
        taken = set(carried)
        whole = {position for position in donated if sizes[position] and begins[position] in taken}
        loose = [i for p in donated if p not in whole for i in range(begins[p], begins[p + 1])]
        tails = [self.arguments[i].name.partition("/")[2] for i in loose]
        _carry_leaves(carried, out_paths, types, loose, [(tail, held[i]) for tail, i in zip(tails, loose, strict=True)])
        return carried

    def _type_of(self, value: int) -> Type:
        return self.values[value].shape, self.values[value].dtype


Type: TypeAlias = tuple[tuple[int, ...], Any]
"""Shape and dtype."""


def _carried_trees(
    components: Iterable[tuple[int, Any]], types: Sequence[Type], free: Mapping[int, tuple[Any, tuple[Type, ...]]],
    begins: Sequence[int],
) -> list[int]:  # fmt: skip
    """For each output leaf that of a whole donated argument of equal tree, shapes and dtypes, or -1; each but once.

    ``free``: position of each donated argument -> its tree, and the types of its leaves.
    """
    alike: dict[tuple[Any, tuple[Type, ...]], deque[int]] = {}
    for position, key in free.items():
        alike.setdefault(key, deque()).append(position)
    carried = [-1] * len(types)
    for begin, tree in components:
        end = begin + tree.num_leaves
        if begin == end or any(argument >= 0 for argument in carried[begin:end]):
            continue
        positions = alike.get((tree, tuple(types[begin:end])))
        if positions:
            first = begins[positions.popleft()]
            carried[begin:end] = range(first, first + tree.num_leaves)
    return carried


def _carry_leaves(
    carried: list[int], out_paths: Sequence[Any], types: Sequence[Type], loose: Sequence[int],
    names: Sequence[tuple[str, Type]],
) -> None:  # fmt: skip
    """Adds to what is carried single leaves of equal path below the top level, shape and dtype, the first of each.

    ``loose``: argument leaves, ascending; ``names``: the path and type of each.
    """
    alike: dict[tuple[str, Type], deque[int]] = {}
    for leaf, name in zip(loose, names, strict=True):
        alike.setdefault(name, deque()).append(leaf)
    for number, (path, kind) in enumerate(zip(out_paths, types, strict=True)):
        if carried[number] < 0:
            tails = {path_name(path), path_name(path[1:])} - {""}
            able = [leaves for tail in tails if (leaves := alike.get((tail, kind)))]
            if able:
                carried[number] = min(able, key=lambda leaves: leaves[0]).popleft()


def _without_shardings(params: Any) -> Any:
    """Parameters of an op that runs on tiles, which knows of no mesh of the user's."""
    if not any(isinstance(value, jax.sharding.Sharding) for value in params.values()):
        return params
    return {name: None if isinstance(value, jax.sharding.Sharding) else value for name, value in params.items()}


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
