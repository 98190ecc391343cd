"""The dataflow graph that everything else reads: values, the ops that make them, and their names."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from autopart.program.canonical import array_text, params_text
from autopart.text import Rows, bytes_text, cell

if TYPE_CHECKING:
    import networkx as nx

ARGUMENT = "argument"

NAME = "name"
"""Passes on a value that the program named."""

# Ops that stand at the border of a region; all of them belong to the region around it.
ENTER = "enter"
LOOP_CARRY = "loop_carry"
SCAN_SLICE = "scan_slice"
SCAN_STACK = "scan_stack"
BRANCH_JOIN = "branch_join"
BOUNDARY = (ENTER, LOOP_CARRY, SCAN_SLICE, SCAN_STACK, BRANCH_JOIN)

SCAN, WHILE, COND = "scan", "while", "cond"


@dataclass(frozen=True)
class Literal:
    """A scalar constant written into an op's operand list."""

    value: Any
    dtype: np.dtype[Any]


Operand: TypeAlias = "int | Literal"


@dataclass(frozen=True)
class Value:
    """One array of the program: an argument, a constant, or a result of an op.

    Attributes:
        index: its position in ``Graph.values``.
        shape: dimensions of the unpartitioned array.
        dtype: element type.
        producer: index of the op that makes it; arguments have an op of kind ``argument``.
        region: the region in which it exists (see ``Region``); 0 is the program itself.
    """

    index: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    producer: int
    region: int = 0

    @property
    def nbytes(self) -> int:
        """Bytes of the unpartitioned array."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Op:
    """One primitive applied to operands.

    Attributes:
        index: its position in ``Graph.ops``, which is program order.
        primitive: the primitive's name, or ``argument``.
        operands: value indices and literals, in the primitive's order.
        results: value indices.
        params: the primitive's parameters for the unpartitioned shapes.
        bind: the JAX primitive object (``None`` for arguments).
        source_info: JAX's records of where it was written, and of the calls around it, inmost first
            (see ``Graph.source_line``).
        barrier: ops that share a number here are one joint ``optimization_barrier`` (-1: none).
        region: the region in which it stands; an op of ``BOUNDARY`` stands in the region around.
        control: the control whose border it stands at (-1: none).
    """

    index: int
    primitive: str
    operands: tuple[Operand, ...]
    results: tuple[int, ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    bind: Any = None
    source_info: tuple[Any, ...] = ()
    barrier: int = -1
    region: int = 0
    control: int = -1


@dataclass(frozen=True)
class Region:
    """A body that runs in a loop or in one case of a condition; region 0 is the whole program.

    Everything that goes in or out of a body passes an op at its border, so no op reads a value of another region:

    * ``enter`` (value -> the same inside);
    * ``loop_carry`` (first, next -> inside once per body of the loop, last): ``next`` is made inside, in each
      iteration, and takes the layout of the carry; the last result is what is left after the loop;
    * ``scan_slice`` (stacked -> one iteration's) and ``scan_stack`` (one iteration's -> stacked);
    * ``branch_join`` (result of each case -> result).

    Attributes:
        index: its position in ``Graph.regions``; a region comes after the one around it.
        parent: the region around it (-1 for the program).
        control: the control that runs it (-1 for the program).
        trips: how often it runs for one run of the parent; 1 for each case of a condition.
        begin, end: range of its ops in ``Graph.ops``, with those of regions inside.
    """

    index: int
    parent: int
    control: int
    trips: int
    begin: int
    end: int


@dataclass(frozen=True)
class Control:
    """A loop or a condition: ops at its border, and the regions that it runs.

    Attributes:
        index: its position in ``Graph.controls``.
        kind: ``scan``, ``while`` or ``cond``.
        region: the region in which it stands.
        regions: its bodies: of a scan one, of a while the test and the body, of a condition each case.
        begin, end: range of its ops in ``Graph.ops``: those that lead in, the bodies, those that lead out.
        test: of a while the value or literal that says to go on (in the test's region), of a condition the number
            of the case (in the region around); ``None`` for a scan.
        params: of a scan ``length``, ``reverse`` and ``unroll``.
        assumed: the number of trips is not known from the program.
        source_info: as of ``Op``.
    """

    index: int
    kind: str
    region: int
    regions: tuple[int, ...]
    begin: int
    end: int
    test: Operand | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    assumed: bool = False
    source_info: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Argument:
    """An argument leaf of the traced function.

    Attributes:
        name: tree path, e.g. ``params/layers/3/mlp/up``.
        value: index of its value.
        donated: whether the program may overwrite its buffer.
        constant: the array itself when the function closed over it, else ``None``.
    """

    name: str
    value: int
    donated: bool
    constant: Any = None


@dataclass(frozen=True)
class Output:
    """A result leaf of the traced function.

    Attributes:
        name: tree path; a carried output has the name of the argument it becomes.
        value: index of its value.
        carried: position in ``Graph.arguments`` of the argument it becomes in the next step, or -1.
    """

    name: str
    value: int
    carried: int


def source_line(source_info: Sequence[Any]) -> str:
    """``file:line (function)`` of the first of JAX's records that names a line of the user's."""
    from jax.extend import source_info_util

    lines = (str(source_info_util.summarize(info)) for info in source_info)
    return next((line for line in lines if line), "")


def short_source_line(source_info: Sequence[Any]) -> str:
    """``file.py:12 (function)``: no folders, which differ between machines, and no column; "" if nothing is known."""
    where, _, function = source_line(source_info).partition(" ")
    file, _, numbers = where.partition(":")
    place = f"{PurePath(file).name}:{numbers.partition(':')[0]}" if where else ""
    return " ".join(part for part in (place, function) if part)


@dataclass(frozen=True)
class Graph:
    """A traced program in program order, flat: no nested jits are left, and bodies of loops stand in place.

    Attributes:
        values, ops: the dataflow; ``ops`` starts with one ``argument`` op per argument.
        regions, controls: the loops and conditions, see ``Region``.
        arguments, outputs: leaves in tree order (closed-over constants come last).
        in_tree, out_tree: pytree structures of the positional arguments and of the result.
    """

    values: tuple[Value, ...]
    ops: tuple[Op, ...]
    arguments: tuple[Argument, ...]
    outputs: tuple[Output, ...]
    in_tree: Any
    out_tree: Any
    regions: tuple[Region, ...] = (Region(0, -1, -1, 1, 0, 0),)
    controls: tuple[Control, ...] = ()

    def trips(self, region: int) -> int:
        """How often a region runs in one run of the program, cases of conditions counted as if always taken."""
        total = 1
        while region > 0:
            total *= self.regions[region].trips
            region = self.regions[region].parent
        return total

    def boundary(self, control: Control, primitive: str) -> list[Op]:
        """The ops of one kind at the border of a control, in order."""
        return [op for op in self.border(control) if op.primitive == primitive]

    def border(self, control: Control) -> list[Op]:
        """All ops at the border of a control: those that lead in, then those that lead out."""
        inner = [self.regions[r] for r in control.regions]
        into, out = range(control.begin, inner[0].begin), range(inner[-1].end, control.end)
        return [self.ops[i] for i in (*into, *out)]

    @cached_property
    def controls_in(self) -> Mapping[int, Mapping[int, Control]]:
        """Region in which controls stand -> op at which each begins -> the control."""
        found: dict[int, dict[int, Control]] = {}
        for control in self.controls:
            found.setdefault(control.region, {})[control.begin] = control
        return found

    @cached_property
    def barriers(self) -> Mapping[int, tuple[int, ...]]:
        """Number of a joint barrier -> its ops, in order."""
        found: dict[int, list[int]] = {}
        for op in self.ops:
            if op.barrier >= 0:
                found.setdefault(op.barrier, []).append(op.index)
        return {number: tuple(ops) for number, ops in found.items()}

    @cached_property
    def tags(self) -> Mapping[str, tuple[int, ...]]:
        """Name given inside the program (``autopart.tag``, ``checkpoint_name``) -> the ops that pass the value on."""
        found: dict[str, list[int]] = {}
        for op in self.ops:
            if op.primitive == NAME:
                found.setdefault(str(op.params["name"]), []).append(op.index)
        return MappingProxyType({name: tuple(ops) for name, ops in found.items()})

    def source_line(self, op: Op) -> str:
        """``file:line (function)`` where the user wrote ``op``, or the call that led to it."""
        return source_line(op.source_info)

    def fingerprint(self) -> str:
        """Hex digest of all that makes the program: names, shapes, dtypes, ops, parameters and edges.

        Equal for equal programs in any process on any machine; source lines and memory addresses are no
        part of it.
        """
        digest = hashlib.sha256()
        texts: dict[int, str] = {}
        for argument in self.arguments:
            held = "" if argument.constant is None else array_text(argument.constant)
            digest.update(f"{argument.name}:{self._type(argument.value)}:{argument.donated}:{held};".encode())
        for op in self.ops:
            operands = ",".join(
                f"{np.asarray(o.value).tolist()!r}:{o.dtype}" if isinstance(o, Literal) else f"%{o}"
                for o in op.operands
            )
            if id(op.params) not in texts:
                texts[id(op.params)] = params_text(op.params, op.primitive)
            types = ",".join(self._type(r) for r in op.results)
            digest.update(
                f"{op.primitive}[{texts[id(op.params)]}]({operands})->{op.results}:{types}@{op.barrier};".encode()
            )
        for control in self.controls:
            runs = [(r.begin, r.end, r.trips) for r in (self.regions[i] for i in control.regions)]
            digest.update(f"{control.kind}{runs}{control.test}{sorted(control.params.items())};".encode())
        for output in self.outputs:
            digest.update(f"{output.name}={output.value}@{output.carried};".encode())
        return digest.hexdigest()[:32]

    def _type(self, value: int) -> str:
        return f"{self.values[value].dtype}{self.values[value].shape}"

    def _repr_html_(self) -> str:
        """What a notebook shows: the arguments, the ops by kind, and the loops."""
        arguments = [(a.name, self._type(a.value), "donated" if a.donated else "") for a in self.arguments]
        kinds = Counter(op.primitive for op in self.ops if op.primitive != ARGUMENT)
        loops = [
            (control.kind, str(self.regions[control.regions[-1]].trips), source_line(control.source_info))
            for control in self.controls
        ]
        tables = [
            Rows("Arguments", ("path", "type", ""), arguments),
            Rows("Ops by kind", ("primitive", "count"), [(k, str(n)) for k, n in kinds.most_common()], numbers=[1]),
            Rows("Loops and conditions", ("kind", "trips", "written at"), loops, numbers=[1]),
        ]
        nbytes = sum(self.values[a.value].nbytes for a in self.arguments)
        what = f"{len(arguments)} arguments of {bytes_text(nbytes)}, {len(self.outputs)} results"
        return cell(f"Graph of {kinds.total()} ops, {what}", [table for table in tables if table.rows])

    def to_networkx(self) -> nx.MultiDiGraph[int]:
        """The graph with ops as nodes and values as edges, for inspection with networkx."""
        import networkx as nx  # It takes a tenth of a second, for which who asks for no graph need not wait.

        names = {argument.value: argument.name for argument in self.arguments}
        out: nx.MultiDiGraph[int] = nx.MultiDiGraph()
        for op in self.ops:
            label = names.get(op.results[0], op.primitive) if op.primitive == ARGUMENT else op.primitive
            out.add_node(op.index, primitive=op.primitive, label=label, source=self.source_line(op),
                         region=op.region)  # fmt: skip
        for op in self.ops:
            for position, operand in enumerate(op.operands):
                if not isinstance(operand, Literal):
                    value = self.values[operand]
                    out.add_edge(
                        value.producer, op.index, operand=position, value=operand,
                        shape=value.shape, dtype=str(value.dtype),
                    )  # fmt: skip
        return out
