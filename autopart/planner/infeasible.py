"""Why no plan meets a limit, in words: the least that was found, what fills it, and what would help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autopart.costmodel.collectives import ALL_GATHER, KIND_NAMES
from autopart.emit import Move
from autopart.explain import label_of
from autopart.goals import ALL_GATHERED_OF, ALL_GATHERS_OF, COMMUNICATION_ON, ops_of
from autopart.plan import Plan
from autopart.program import starify
from autopart.search import Goal
from autopart.tactics.strategies import owners
from autopart.text import bytes_text, figure_text, is_bytes, seconds_text

_MOST_ROWS = 6


def why_infeasible(plan: Plan, goal: Goal, figure: float) -> str:
    """Words for a goal whose limit the best plan that was found exceeds with ``figure``."""
    assert goal.limit is not None
    measure, _, of = goal.metric.partition(":")
    if goal.metric == "peak_memory_bytes":
        rows, advice = _memory_rows(plan), _memory_advice(plan)
        head = f"no plan that was found fits in {bytes_text(goal.limit)} a device: the least is {bytes_text(figure)}"
        return f"{head}, filled at its peak by\n{rows}\nWhat would help: {advice}."
    head = f"no plan that was found has {goal.metric} <= {figure_text(goal.metric, goal.limit)}: the least is "
    head += figure_text(goal.metric, figure)
    if goal.metric == "step_s":
        return f"{head}\n{_step_rows(plan)}\nWhat would help: {_step_advice(plan)}."
    if measure == COMMUNICATION_ON:
        rows = _table(plan, lambda move: of in move.axes, in_bytes=True)
        return f"{head}, moved by\n{rows}\nWhat would help: {_axis_advice(plan, of)}."
    if measure in (ALL_GATHERS_OF, ALL_GATHERED_OF):
        chosen, gather = ops_of(plan.problem, of), KIND_NAMES[ALL_GATHER]
        values = plan.problem.graph.values
        rows = _table(plan, lambda m: m.kind == gather and bool(chosen[values[m.value].producer]), in_bytes=True)
        return (
            f"{head}, of\n{rows}\nWhat would help: keep '{of}' whole on these axes (Atomic), if memory allows, or tile "
            "it along the dimension that its readers sum over, so that their results are reduced instead."
        )
    if goal.metric.startswith(("communication", "exposed")):
        return f"{head}\n{_table(plan, lambda move: True, is_bytes(goal.metric))}\nWhat would help: {_LINKS}."
    return f"{head}. Fix: relax the goal, or give the search more states."


_LINKS = "a smaller or faster mesh axis, a larger share of work for each device, or a limit that is less tight"


@dataclass
class _Row:
    count: int = 0
    nbytes: int = 0
    seconds: float = 0.0


def _table(plan: Plan, wanted: Callable[[Move], bool], in_bytes: bool) -> str:
    """The dearest of a plan's collectives, layers joined, one a line."""
    rows: dict[str, _Row] = {}
    graph, weights = plan.problem.graph, owners(plan.problem, plan.problem.argument_ops)
    for move in plan.program.collectives():
        if wanted(move):
            what = weights.get(move.value) or label_of(plan.state, graph.values[move.value].producer)
            row = rows.setdefault(f"{move.kind} of {starify(what)} on {', '.join(move.axes)}", _Row())
            row.count += move.trips
            row.nbytes += move.trips * move.full_bytes
            row.seconds += move.trips * move.seconds
    ordered = sorted(rows.items(), key=lambda item: (-item[1].nbytes if in_bytes else -item[1].seconds, item[0]))
    return "\n".join(
        f"  {bytes_text(row.nbytes) if in_bytes else seconds_text(row.seconds):>12}  {what}"
        + (f" (x{row.count})" if row.count > 1 else "")
        for what, row in ordered[:_MOST_ROWS]
    )


def _memory_rows(plan: Plan) -> str:
    return "\n".join(
        f"  {bytes_text(nbytes):>12}  {what}" + (f" (x{count})" if count > 1 else "")
        for what, _, nbytes, count in plan.memory_by_kind(_MOST_ROWS)
    )


def _memory_advice(plan: Plan) -> str:
    by_role: dict[str, float] = {}
    for _, role, nbytes, _ in plan.memory_by_kind(1000):
        by_role[role] = by_role.get(role, 0.0) + nbytes
    largest = max(by_role, key=lambda role: by_role[role])
    if largest == "value":
        return "a smaller batch, jax.checkpoint (remat) around layers, or more devices on the batch axis"
    if largest == "gathered":
        return "remat, or a mesh axis that tiles the gathered weights (tensor parallelism)"
    return "more devices, a lower precision of parameters or optimizer state, or a larger mesh axis that divides them"


def _step_rows(plan: Plan) -> str:
    parts = {"compute": "compute_s", "exposed communication": "exposed_s", "starting ops (idle)": "idle_s"}
    rows = [f"  {seconds_text(plan.metrics[metric]):>12}  {what}" for what, metric in parts.items()]
    collectives = _table(plan, lambda move: True, in_bytes=False)
    return "\n".join(rows) + (
        f"\nThe dearest collectives, part of which compute hides:\n{collectives}" if collectives else ""
    )


def _step_advice(plan: Plan) -> str:
    """What the largest part of the step says, and which axes do not share in the work."""
    metrics, problem = plan.metrics, plan.problem
    part = max(("compute_s", "exposed_s", "idle_s"), key=lambda metric: metrics[metric])
    if part == "exposed_s":
        return _LINKS
    if part == "idle_s":
        return "fewer and larger ops: most of the step is the time that ops take to start"
    work = np.bincount(problem.costs.member, problem.costs.member_s, minlength=len(problem.graph.ops))
    tiled = plan.program.tiles >= 0
    spare = [
        f"'{name}' shares {work[tiled[:, axis]].sum() / work.sum():.0%} of the work"
        for axis, (name, size) in enumerate(problem.mesh.axes.items())
        if size > 1 and work[tiled[:, axis]].sum() < 0.5 * work.sum()
    ]
    more = "more or faster devices, a lower precision, or less work in a step"
    return f"{more}; mesh axis {' and '.join(spare)}, another shape of the mesh may serve better" if spare else more


def _axis_advice(plan: Plan, axis: str) -> str:
    others = [name for name, size in plan.problem.mesh.axes.items() if name != axis and size > 1]
    kinds = {move.kind for move in plan.program.collectives() if axis in move.axes}
    if KIND_NAMES[ALL_GATHER] in kinds:
        kept = "keep on it what is now gathered whole (Atomic), if memory allows"
    else:
        kept = "tile on it only what needs no sum over it (ReserveAxis says what may)"
    return f"{kept}{f', or use {chr(39)}{others[0]}{chr(39)} for it' if others else ''}, or relax the limit"
