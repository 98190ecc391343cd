"""Arguments that belong together: the same parameter in every layer, moments of the same parameter.

Tying repeated layers keeps the number of decisions independent of depth; a group is one pattern.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from autopart.program import ARGUMENT, ENTER, LOOP_CARRY, NAME, SCAN_SLICE, Graph, Literal, Op, Operand, cover, starify
from autopart.sharding.rules import FREE, FUSIBLE

PARAMETER, MOMENT, STATE, INPUT = "parameter", "moment", "state", "input"

_KEEPING = (*FUSIBLE, *FREE, ENTER, LOOP_CARRY)
"""Ops that work element by element, in and out of loops."""

_REARRANGING = ("transpose", "reshape", "squeeze", "expand_dims")

_CASTS = ("convert_element_type", "copy", NAME, "optimization_barrier", ENTER)


@dataclass(frozen=True)
class Group:
    """Arguments of one shape that are decided together.

    Attributes:
        pattern: matches exactly ``names``.
        names: arguments, in tree order.
        shape: their common shape.
        role: ``parameter``, ``moment`` (optimizer state that mirrors parameters), ``state`` (carried, but
            neither: a cache) or ``input``.
        stacked: a loop takes the arguments apart along their first dimension, which then is no dimension to tile.
    """

    pattern: str
    names: tuple[str, ...]
    shape: tuple[int, ...]
    role: str
    stacked: bool = False

    @property
    def dims(self) -> range:
        """The dimensions that may be tiled."""
        return range(int(self.stacked), len(self.shape))

    @property
    def is_matrix(self) -> bool:
        """Whether it has two dimensions or more, those of one layer."""
        return len(self.dims) >= 2


def groups_of(graph: Graph) -> tuple[Group, ...]:
    """The groups of the graph's arguments with at least one dimension, in tree order."""
    roles = argument_roles(graph)
    sliced = _scanned(graph)
    everything = [a.name for a in graph.arguments]
    rows: dict[tuple[str, str, tuple[int, ...], object, bool], list[str]] = {}
    for argument in graph.arguments:
        value = graph.values[argument.value]
        if value.shape and argument.constant is None:
            role, tail = roles[argument.name]
            stacked = argument.name in sliced or (role == MOMENT and tail in sliced)
            key = (role, starify(tail if role == MOMENT else argument.name), value.shape, value.dtype, stacked)
            rows.setdefault(key, []).append(argument.name)
    return tuple(
        group
        for (role, _, shape, _, stacked), names in rows.items()
        for group in _groups(names, Group("", (), shape, role, stacked), everything)
    )


def split_groups(
    groups: Iterable[Group], all_names: Sequence[str], key: Callable[[str], Hashable]
) -> tuple[Group, ...]:
    """The groups, parted where ``key`` differs between members."""
    out: list[Group] = []
    for group in groups:
        parts: dict[Hashable, list[str]] = {}
        for name in group.names:
            parts.setdefault(key(name), []).append(name)
        if len(parts) == 1:
            out.append(group)
        else:
            out.extend(g for names in parts.values() for g in _groups(names, group, all_names))
    return tuple(out)


def cast_argument(graph: Graph, names: Mapping[int, str], operand: Operand | None) -> str | None:
    """The argument, one of ``names`` by value, that an operand is, or is a cast of."""
    while isinstance(operand, int) and operand not in names:
        maker = graph.ops[graph.values[operand].producer]
        operand = maker.operands[0] if maker.primitive in _CASTS else None
    return names[operand] if isinstance(operand, int) else None


def _scanned(graph: Graph) -> set[str]:
    """Arguments that a scan takes apart, as they are or cast."""
    names = {argument.value: argument.name for argument in graph.arguments}
    slices = (op for op in graph.ops if op.primitive == SCAN_SLICE)
    return {name for op in slices if (name := cast_argument(graph, names, op.operands[0])) is not None}


def _groups(names: Sequence[str], like: Group, all_names: Sequence[str]) -> list[Group]:
    """One group of ``names``, else as ``like``, or one each where no pattern can stand for them."""
    pattern = cover(names, all_names)
    parts = [(pattern, tuple(names))] if pattern is not None else [(name, (name,)) for name in names]
    return [replace(like, pattern=pattern, names=members) for pattern, members in parts]


def argument_roles(graph: Graph) -> dict[str, tuple[str, str]]:
    """Argument name -> (role, name of the argument that it mirrors, else its own).

    Roles follow from the dataflow, not from names. A carried array is *updated* if its next value is made from
    it elementwise, and *inert* if it is read elementwise only (and in sums to a scalar: norms). Updated arrays
    that are not inert are parameters; an inert one that is elementwise linked to a parameter of its shape is
    a moment of it; anything else that is carried is state (a cache, a count). What is not carried is input;
    but where nothing is trained, the first position that is not carried holds the parameters if there are others.
    """
    flow = _Elementwise(graph)
    carried = [graph.arguments[o.carried] for o in graph.outputs if o.carried >= 0]
    arrays = [a for a in carried if graph.values[a.value].shape]
    parameters = [a for a in arrays if a.name in flow.updates[a.name] and not flow.inert[a.name]]
    roles = {a.name: (STATE, a.name) for a in carried} | {a.name: (PARAMETER, a.name) for a in parameters}
    for argument in arrays:
        if flow.inert[argument.name]:
            linked = [p.name for p in parameters if flow.linked(argument.name, p.name)]
            if linked:
                roles[argument.name] = (MOMENT, linked[0])
    others = [a.name for a in graph.arguments if a.constant is None and a.name not in roles]
    roots = list(dict.fromkeys(_root(name) for name in others))
    for argument in graph.arguments:
        first = not parameters and len(roots) > 1 and _root(argument.name) == roots[0]
        roles.setdefault(argument.name, (PARAMETER if first else INPUT, argument.name))
    return roles


def _passed_on(op: Op, value: int) -> tuple[int, ...]:
    """The results made from an operand; what a loop begins with goes into its bodies only, the next value out too."""
    return op.results[:-1] if op.primitive == LOOP_CARRY and value not in op.operands[1:] else op.results


def gradient_readers(graph: Graph, moments: Iterable[str]) -> list[int]:
    """The ops that read the gradients from which ``moments`` are updated, in program order.

    A gradient is what goes into the next value of a moment from outside, before what is done to it element by element
    (casts, scaling, squares).
    """
    readers: dict[int, list[Op]] = {}
    for op in graph.ops:
        for operand in dict.fromkeys(o for o in op.operands if not isinstance(o, Literal)):
            readers.setdefault(operand, []).append(op)
    values = {argument.name: argument.value for argument in graph.arguments}
    stack = [values[name] for name in moments]
    flow = set(stack)
    while stack:
        value = stack.pop()
        for op in readers.get(value, []):
            made = op.results[0]
            if op.primitive in _KEEPING and made not in flow and graph.values[made].shape == graph.values[value].shape:
                flow.add(made)
                stack.append(made)
    into = {o for value in flow for o in _arrays(graph, graph.ops[graph.values[value].producer])} - flow
    found: set[int] = set()
    for gradient in (_source(graph, value) for value in into):
        if graph.ops[graph.values[gradient].producer].primitive != ARGUMENT:
            found |= {op.index for op in readers[gradient] if op.primitive in _KEEPING}
    return sorted(found)


def gradients(graph: Graph) -> dict[int, str]:
    """Values that are the gradient of a parameter, or a part of it -> the parameter's name.

    They are what goes into the next value of a parameter from outside, and all on the way that is made of it element by
    element or by casts and rearrangements.
    """
    roles, found = argument_roles(graph), dict[int, str]()
    for output in graph.outputs:
        name = graph.arguments[output.carried].name if output.carried >= 0 else ""
        if not name or roles[name][0] != PARAMETER:
            continue
        stack = [output.value]
        while stack:
            value = stack.pop()
            op = graph.ops[graph.values[value].producer]
            if value in found or op.primitive == ARGUMENT:
                continue
            found[value] = name
            if op.primitive in _REARRANGING:
                stack += [o for o in op.operands[:1] if not isinstance(o, Literal)]
            elif op.primitive in _KEEPING:
                stack += sorted(_arrays(graph, op))
    return found


def _source(graph: Graph, value: int) -> int:
    """The value from which another is made element by element, with nothing else of its shape."""
    while (op := graph.ops[graph.values[value].producer]).primitive in _KEEPING and len(_arrays(graph, op)) == 1:
        [value] = _arrays(graph, op)
    return value


def _arrays(graph: Graph, op: Op) -> set[int]:
    """The operands that have the shape of an op's result, but for those that are one number all over."""
    shape = graph.values[op.results[0]].shape
    found = {o for o in op.operands if not isinstance(o, Literal) and graph.values[o].shape == shape}
    return {o for o in found if not _is_constant(graph, graph.ops[graph.values[o].producer])}


def _is_constant(graph: Graph, op: Op) -> bool:
    return op.primitive == "broadcast_in_dim" and all(
        isinstance(o, Literal) or not graph.values[o].shape for o in op.operands
    )


def _root(name: str) -> str:
    return name.partition("/")[0]


class _Elementwise:
    """What carried arguments become by elementwise ops that keep their shape.

    Attributes:
        updates: carried argument -> names of the carried arguments of its shape whose next value it is part of.
        inert: carried argument -> nothing else reads it, but for sums to a scalar.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._readers: list[list[Op]] = [[] for _ in graph.values]
        for op in graph.ops:
            for operand in op.operands:
                if not isinstance(operand, Literal):
                    self._readers[operand].append(op)
        self._becomes: dict[int, list[str]] = {}
        carried = [(o.value, graph.arguments[o.carried]) for o in graph.outputs if o.carried >= 0]
        for value, argument in carried:
            self._becomes.setdefault(value, []).append(argument.name)
        self.updates: dict[str, set[str]] = {}
        self.inert: dict[str, bool] = {}
        for _, argument in carried:
            self.updates[argument.name], self.inert[argument.name] = self._follow(argument.value)

    def linked(self, one: str, other: str) -> bool:
        """Whether one is part of the next value of the other."""
        return other in self.updates[one] or one in self.updates[other]

    def _follow(self, start: int) -> tuple[set[str], bool]:
        values, shape = self._graph.values, self._graph.values[start].shape
        updates, inert, seen, stack = set(self._becomes.get(start, ())), True, {start}, [start]
        while stack:
            value = stack.pop()
            for op in self._readers[value]:
                results = [r for r in _passed_on(op, value) if values[r].shape == shape]
                if results and op.primitive in _KEEPING:
                    for result in results:
                        if result not in seen:
                            seen.add(result)
                            stack.append(result)
                            updates.update(self._becomes.get(result, ()))
                elif any(math.prod(values[r].shape) > 1 for r in op.results):
                    inert = False
        return updates, inert
