"""The actions that cause a collective: whose tile makes the parts that it brings together.

For every axis of a collective the rule is one of three, read from the decided layout:

* a reduction (all_reduce, reduce_scatter) stands there because ops sum over a tiled factor: the cause is the action
  that tiled that factor. A sum may have been carried by linear ops and joined by others: then what made its parts;
* an all_gather or all_to_all stands there because the value is tiled: the cause is the action that tiled the op
  that makes it. Where the value is what is left of a scattered sum: the actions that caused the sum;
* a collective_permute stands there because its reader runs in tiles that need a halo: the action that tiled the reader.

Without the action there is nothing to bring together. It may still stand there if another action of the schedule then
tiles the same: that is a *stand-in*, which ``without.Removal`` names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from autopart.costmodel.collectives import ALL_REDUCE, COLLECTIVE_PERMUTE, KIND_NAMES, REDUCE_SCATTER, unpack_axes
from autopart.emit import Move
from autopart.explain.names import Place
from autopart.explain.provenance import Origin, origin_of
from autopart.explain.reasons import factor_text, why_not_tiled
from autopart.explain.subject import Action, Subject
from autopart.sharding import FORM_FIRST_USE
from autopart.sharding.rules import Kind

REDUCTIONS = (KIND_NAMES[ALL_REDUCE], KIND_NAMES[REDUCE_SCATTER])


@dataclass(frozen=True)
class Cause:
    """What causes a collective on one of its axes.

    Attributes:
        axis: the mesh axis.
        action: the tactic.
        place: the op whose tile it is.
        why: in words.
        origin: how the tile came to that op.
    """

    axis: str
    action: Action
    place: Place
    why: str
    origin: Origin

    def lines(self) -> list[str]:
        """The cause in words: action, op, and the way of the tile."""
        first, *rest = [str(self.action), f"{self.place}: {self.why}", *self.origin.lines()]
        return [f"  cause    on {self.axis}: {first}", *(f"           {line}" for line in rest)]


def causes_of(subject: Subject, move: Move) -> tuple[Cause, ...]:
    """What causes a collective; for each axis one, or more where the parts of a sum come from several actions."""
    found: dict[tuple[str, int], Cause] = {}
    for axis_name in move.axes:
        axis = subject.axis_names.index(axis_name)
        for op, why in _tiled_ops(subject, move, axis):
            origin = origin_of(subject, op, axis)
            assert origin is not None, "a collective without a tile"
            cause = Cause(axis_name, origin.action, subject.place_of(op), why, origin)
            found.setdefault((axis_name, origin.action.number), cause)
    return tuple(found.values())


def reader_of(subject: Subject, move: Move) -> int:
    """The op that first reads what a collective makes; -1: it completes it for all readers, or returns it."""
    if move.form < 0:
        return -1
    slot = int(subject.layout.forms[move.form, FORM_FIRST_USE])
    return int(subject.problem.tables.slot_op[slot]) if slot < subject.problem.tables.n_uses else -1


def why_read_otherwise(subject: Subject, move: Move) -> str:
    """Why the reader does not read the value as it lies; empty where it is no matter of a reader."""
    reader = reader_of(subject, move)
    if move.kind in REDUCTIONS or move.kind == KIND_NAMES[COLLECTIVE_PERMUTE]:
        return ""
    if reader < 0:
        return "it is returned in the layout of the argument that it becomes"
    slot = int(subject.layout.forms[move.form, FORM_FIRST_USE])
    factor = subject.problem.rules[reader].operands[_position(subject, slot)][move.dim]
    reasons = [why_not_tiled(subject, reader, subject.axis_names.index(name), factor) for name in move.axes]
    return "; ".join(dict.fromkeys(reasons))


def _position(subject: Subject, slot: int) -> int:
    """The place among its op's operands, literals counted, of an operand slot."""
    op = subject.problem.graph.ops[int(subject.problem.tables.slot_op[slot])]
    arrays = [place for place, operand in enumerate(op.operands) if isinstance(operand, int)]
    return arrays[slot - int(subject.problem.tables.use_ptr[op.index])]


def _tiled_ops(subject: Subject, move: Move, axis: int) -> Iterator[tuple[int, str]]:
    """The ops whose tile on an axis causes a collective there, and in words why."""
    producer = subject.problem.graph.values[move.value].producer
    name = subject.axis_names[axis]
    if move.kind in REDUCTIONS:
        for op in sums_of(subject, move.value, axis):
            yield op, f"{factor_text(subject, op, int(subject.layout.tile[op, axis]))} is tiled on {name}"
    elif move.kind == KIND_NAMES[COLLECTIVE_PERMUTE]:
        yield reader_of(subject, move), f"its tiles on {name} need what lies at the border of their neighbours'"
    elif axis in unpack_axes(int(subject.layout.scattered[move.value])):
        for op in sums_of(subject, move.value, axis):
            yield op, f"its sum was scattered on {name}"
    else:
        yield producer, f"dimension {move.dim} is tiled on {name}"


def sums_of(subject: Subject, value: int, axis: int) -> list[int]:
    """The ops that make the parts of a sum that is partial over an axis, in program order."""
    graph, layout = subject.problem.graph, subject.layout
    found, seen, stack = set[int](), set[int](), [value]
    while stack:
        value = stack.pop()
        if value in seen:
            continue
        seen.add(value)
        op = graph.ops[graph.values[value].producer]
        factor = int(layout.tile[op.index, axis])
        if factor >= 0 and subject.problem.rules[op.index].factors[factor].kind is not Kind.PASS:
            found.add(op.index)
        else:
            stack += [o for o in op.operands if isinstance(o, int) and (int(layout.carried[o]) >> axis) & 1]
    return sorted(found)
