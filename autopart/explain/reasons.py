"""Why an op is not tiled as a neighbour asks, or not at all, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from autopart.explain.subject import Action, Subject
from autopart.sharding.rules import Kind

_REDUCTIONS: Mapping[Kind, str] = MappingProxyType({
    Kind.SUM: "sums", Kind.MAX: "takes the maximum", Kind.MIN: "takes the minimum", Kind.OR: "takes any",
    Kind.AND: "takes all",
})  # fmt: skip


def factor_text(subject: Subject, op: int, factor: int) -> str:
    """A factor of an op as a dimension that people know: of its result, else one that it sums over."""
    rule = subject.problem.rules[op]
    for number, dims in enumerate(rule.results):
        if factor in dims:
            of = "" if subject.place_of(op).is_argument else f" of its result{f' {number}' if number else ''}"
            return f"dimension {dims.index(factor)}{of}"
    kind, size = rule.factors[factor].kind, rule.factors[factor].size
    if kind in _REDUCTIONS:
        return f"a dimension of size {size} over which it {_REDUCTIONS[kind]}"
    number, dims = next((number, dims) for number, dims in enumerate(rule.operands) if factor in dims)
    return f"dimension {dims.index(factor)} of its operand {number}"


def why_not_tiled(subject: Subject, op: int, axis: int, asked: int) -> str:
    """Why an op does not run along a factor that a neighbour asks for (-1: a dimension for which it has none)."""
    marks, name = subject.state.marks, subject.axis_names[axis]
    tiled = int(marks.tile[op, axis])
    if tiled >= 0 and tiled != asked:
        action = subject.actions[subject.tiled_by(op, axis)]
        return f"{action} tiled {factor_text(subject, op, tiled)}"
    if (op, axis) in subject.kept_whole:
        return f"kept whole by {subject.actions[subject.kept_whole[op, axis]]}"
    if tiled >= 0:
        return f"it takes the parts in another order of axes, or a partial sum over {name} as it is"
    return _torn(subject, op, axis) or (
        _too_small(subject, op, axis, asked) if asked >= 0 else "it needs that dimension whole"
    )


def why_whole(subject: Subject, op: int, axis: int) -> str:
    """Why an op is tiled along nothing on an axis."""
    state, name = subject.state, subject.axis_names[axis]
    if subject.problem.mesh.axes[name] == 1:
        return f"{name} has one device"
    if (op, axis) in subject.kept_whole:
        return f"kept whole by {subject.actions[subject.kept_whole[op, axis]]}"
    if asked := sorted(state.evidence(op, axis)):
        return why_not_tiled(subject, op, axis, asked[0])
    actions = [action for action in subject.actions if action.axis == name]
    if not actions:
        return f"no tactic is on {name}"
    rule, stacked = subject.problem.rules[op], bool(subject.problem.stacked[op])
    factors = [f for f in range(stacked, len(rule.factors)) if rule.factors[f].size > 1]
    if not factors:
        return "it has no dimension to tile"
    named = subject.namers(op, axis)
    meant = [dim for _, dim in named if dim >= 0] or factors
    if not any(_fits(subject, op, axis, factor) for factor in meant):
        who = f"{named[0][0]} names it, but " if named else ""
        loop = "; dimension 0 is taken apart by a loop" if stacked else ""
        return f"{who}{'; '.join(_too_small(subject, op, axis, factor) for factor in meant)}{loop}"
    *most, last = [str(action) for action in actions]
    if not subject.is_named(subject.called(op)):
        return f"no tile of {' or '.join([*most, last])} reaches it"
    neither = f"neither {', '.join(most)} nor {last} names it" if most else f"{last} does not name it"
    return f"{neither}, and no tile reaches it"


def _torn(subject: Subject, op: int, axis: int) -> str:
    """The conflict at an op, as who asks for what; empty where there is none."""
    wanted: dict[Action, dict[int, None]] = {}
    for neighbour, factor, _ in subject.state.asked(op, axis):
        wanted.setdefault(subject.actions[subject.tiled_by(neighbour, axis)], {})[factor] = None
    factors = {factor for asked in wanted.values() for factor in asked}
    if len(factors) < 2 or not any(_fits(subject, op, axis, factor) for factor in factors):
        return ""
    sides = (
        f"{action} asks for {' and for '.join(factor_text(subject, op, f) for f in sorted(asked))}"
        for action, asked in sorted(wanted.items(), key=lambda item: item[0].number)
    )
    return f"conflict: {', '.join(sides)}"


def _cut(subject: Subject, op: int, axis: int, factor: int) -> tuple[int, list[str]]:
    """Into how many parts other axes cut a factor of an op, and these axes."""
    axes, tile = subject.problem.mesh.axes, subject.state.marks.tile[op]
    others = [name for place, name in enumerate(subject.axis_names) if place != axis and tile[place] == factor]
    return math.prod(axes[name] for name in others), others


def _fits(subject: Subject, op: int, axis: int, factor: int) -> bool:
    parts, _ = _cut(subject, op, axis, factor)
    return subject.problem.rules[op].factors[factor].size % (parts * int(subject.problem.sizes[axis])) == 0


def _too_small(subject: Subject, op: int, axis: int, factor: int) -> str:
    parts, others = _cut(subject, op, axis, factor)
    size, name = subject.problem.rules[op].factors[factor].size, subject.axis_names[axis]
    already = f", which is cut into {parts} on {', '.join(others)} already," if others else ""
    return (
        f"{factor_text(subject, op, factor)} has size {size}{already} and cannot be cut into "
        f"{int(subject.problem.sizes[axis])}{' more' if others else ''} on {name}"
    )
