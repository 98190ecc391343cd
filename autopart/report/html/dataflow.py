"""The dataflow of one layer: groups of ops that run together, what they read, and the collectives between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import networkx as nx

from autopart.costmodel.collectives import ALL_GATHER, ALL_SLICE, ALL_TO_ALL, KIND_NAMES, REDUCE_SCATTER
from autopart.emit import DimAxes, Move
from autopart.explain import Subject, moves_of
from autopart.program import ARGUMENT, NAME, Literal, Op
from autopart.sharding import BASE

FormKey: TypeAlias = tuple[int, int]
"""A value and one of its forms."""

Key: TypeAlias = "tuple[str, int] | tuple[str, int, int]"

_CHEAP = ("broadcast_in_dim", "convert_element_type", "reshape", "transpose", "squeeze", "slice", NAME, "stop_gradient")


@dataclass(frozen=True)
class FlowNode:
    """Something that is drawn.

    Attributes:
        kind: ``ops`` (a group of ops), ``argument``, ``outside`` (made elsewhere), ``move``, ``slice`` or ``layout``.
        label: what stands in it; of a layout nothing, ``axes`` tell.
        hint: more, line by line.
        axes: of a move those that it runs over, of a layout those that tile each dimension.
    """

    kind: str
    label: str
    hint: tuple[str, ...] = ()
    axes: DimAxes = ()


@dataclass
class Flow:
    """What is drawn, in program order.

    Attributes:
        nodes: by key.
        edges: (from, to).
    """

    nodes: dict[Key, FlowNode] = field(default_factory=dict)
    edges: dict[tuple[Key, Key], None] = field(default_factory=dict)


def flow_of(subject: Subject, ops: Sequence[int], where: Mapping[int, str]) -> Flow:
    """The dataflow among some ops.

    Args:
        subject: the plan.
        ops: those that are drawn, in program order.
        where: what the makers of values are called that are not drawn, by op.
    """
    return _Drawing(subject, ops, where).flow()


class _Drawing:
    def __init__(self, subject: Subject, ops: Sequence[int], where: Mapping[int, str]) -> None:
        self._subject, self._graph, self._ops, self._where = subject, subject.problem.graph, ops, where
        self._drawn = frozenset(ops)
        self._flow = Flow()
        self._forms = {apply.op: apply.forms for apply in subject.program.applies() if apply.op in self._drawn}
        read = {operand for op in ops for operand in self._graph.ops[op].operands if not isinstance(operand, Literal)}
        made = {result for op in ops for result in self._graph.ops[op].results}
        self._moves = [move for move in subject.program.moves() if move.value in read | made]
        self._moved = {move.value for move in self._moves}
        self._names = {id(move): name for name, move in moves_of(subject).items()}
        self._group = self._groups()
        self._at: dict[FormKey, Key] = {}
        self._axes: dict[FormKey, DimAxes] = {}

    def flow(self) -> Flow:
        """All of it; a move is drawn if one of the drawn ops reads or makes what it makes."""
        wanted = self._read_forms()
        members: dict[int, list[Op]] = {}
        for op in self._ops:
            members.setdefault(self._group[op], []).append(self._graph.ops[op])
        for group, some in members.items():
            self._flow.nodes["ops", group] = _ops_node(self._subject, some)
        for move in self._moves:
            if (move.value, move.form) in wanted:
                self._draw_move(move)
        for op in self._ops:
            self._draw_reads(self._graph.ops[op])
        return self._flow

    def _groups(self) -> dict[int, int]:
        """Op -> the first of those that run with it and between which nothing moves."""
        place = self._subject.problem.costs.place
        joined: nx.Graph[int] = nx.Graph()
        joined.add_nodes_from(self._ops)
        for op in self._ops:
            for operand in self._graph.ops[op].operands:
                if isinstance(operand, Literal) or operand in self._moved:
                    continue
                maker = self._graph.values[operand].producer
                if maker in self._drawn and place[maker] == place[op]:
                    joined.add_edge(maker, op)
        return {op: min(some) for some in nx.connected_components(joined) for op in some}

    def _read_forms(self) -> set[FormKey]:
        """The forms that drawn ops read, with those that they come from, and what completes what drawn ops make."""
        sources = {(m.value, m.form): (m.value, m.source) for m in self._moves if m.source != m.form}
        wanted = {(move.value, BASE) for move in self._moves
                  if move.form == BASE and self._graph.values[move.value].producer in self._drawn}  # fmt: skip
        for op, forms in self._forms.items():
            for operand, form in zip(self._graph.ops[op].operands, forms, strict=True):
                if isinstance(operand, Literal) or form is None:
                    continue
                key: FormKey | None = (operand, form)
                while key is not None and key not in wanted:
                    wanted.add(key)
                    key = sources.get(key)
        return wanted

    def _draw_reads(self, op: Op) -> None:
        for operand, form in zip(op.operands, self._forms[op.index], strict=True):
            if isinstance(operand, Literal) or form is None or not self._graph.values[operand].shape:
                continue
            maker, reader = self._maker(operand), ("ops", self._group[op.index])
            if maker == reader and operand not in self._moved:
                continue
            self._connect(self._layout(operand, form), reader)

    def _draw_move(self, move: Move) -> None:
        """The move after what it starts from; from now on it makes its form."""
        key, node = (move.value, move.form), self._move_node(move)
        name: Key = ("move", len(self._flow.nodes))
        self._flow.nodes[name] = node
        if move.form == move.source:  # One of several, or what completes a sum.
            before = self._at.get(key, self._maker(move.value))
            axes = self._axes.get(key, self._base(move.value))
        else:
            before = self._layout(move.value, move.source)
            axes = self._axes.get((move.value, move.source), self._base(move.value))
        self._connect(before, name)
        self._at[key] = name
        self._axes[key] = self._base(move.value) if move.form == BASE else after(axes, move)

    def _layout(self, value: int, form: int) -> Key:
        """The node that tells how a form lies, after what makes it."""
        key: Key = ("layout", value, form)
        if key not in self._flow.nodes:
            array = self._graph.values[value]
            axes = self._axes.get((value, form), self._base(value))
            name = self._subject.name_of(value)
            hint = (*([name] if name else []), f"{array.dtype}[{','.join(map(str, array.shape))}]")
            self._flow.nodes[key] = FlowNode("layout", "", hint, axes)
            self._connect(self._at.get((value, form), self._maker(value)), key)
        return key

    def _maker(self, value: int) -> Key:
        """The node of what makes a value."""
        maker = self._graph.values[value].producer
        if maker in self._drawn:
            return "ops", self._group[maker]
        key: Key = ("from", maker)
        if key not in self._flow.nodes:
            op, name = self._graph.ops[maker], self._subject.name_of(value)
            if op.primitive == ARGUMENT:
                self._flow.nodes[key] = FlowNode("argument", _short(name), (name,))
            else:
                told = (self._where[maker], f"{op.primitive} at {self._subject.place_of(maker)}")
                self._flow.nodes[key] = FlowNode("outside", f"{name or op.primitive} of {self._where[maker]}", told)
        return key

    def _base(self, value: int) -> DimAxes:
        return self._subject.value_layouts[value]

    def _move_node(self, move: Move) -> FlowNode:
        name, axes = self._names.get(id(move), ""), ", ".join(move.axes)
        slices = move.kind == KIND_NAMES[ALL_SLICE]
        label = f"slice {axes}" if slices else f"{move.kind} {axes}"
        hint = (*([name] if name else []), f"{move.full_bytes} bytes in full, {move.seconds:.3g} s")
        return FlowNode("slice" if slices else "move", label, hint, (move.axes,))

    def _connect(self, source: Key, target: Key) -> None:
        self._flow.edges[source, target] = None


def after(axes: DimAxes, move: Move) -> DimAxes:
    """The layout of a value after a move of one of its forms."""
    rows = [list(names) for names in axes]
    if move.kind == KIND_NAMES[ALL_GATHER]:
        rows[move.dim] = [name for name in rows[move.dim] if name not in move.axes]
    elif move.kind in (KIND_NAMES[ALL_SLICE], KIND_NAMES[REDUCE_SCATTER]):
        rows[move.dim] += move.axes
    elif move.kind == KIND_NAMES[ALL_TO_ALL]:
        rows[move.dim] = [name for name in rows[move.dim] if name not in move.axes]
        rows[move.to_dim] += move.axes
    return tuple(tuple(names) for names in rows)


def _ops_node(subject: Subject, ops: Sequence[Op]) -> FlowNode:
    """A group: named by what it does that is not cheap, and the function in which that was written."""
    telling = [op for op in ops if op.primitive not in _CHEAP] or list(ops)
    products = [op for op in telling if op.primitive in ("dot_general", "conv_general_dilated")] or telling
    kinds = list(dict.fromkeys(op.primitive for op in [*products, *telling]))
    names = list(dict.fromkeys(str(op.params["name"]) for op in ops if op.primitive == NAME))
    function = _function(subject.place_of(products[-1].index).at)
    what = ", ".join(kinds[:3]) + (", …" if len(kinds) > 3 else "")
    label = f"{function}: {what}" if function else what
    hint = (f"{len(ops)} ops", *(f"{op.primitive} at {subject.place_of(op.index).at}" for op in ops))
    return FlowNode("ops", f"{label} → {', '.join(names)}" if names else label, hint)


def _function(place: str) -> str:
    """The outermost function of those whose names a source line gives, one within another."""
    return place.rpartition("(")[2].rstrip(")").partition(".<")[0] if place.endswith(")") else ""


def _short(path: str) -> str:
    """The end of a long path."""
    parts = path.split("/")
    return path if len(parts) < 4 else f"…/{'/'.join(parts[-2:])}"
