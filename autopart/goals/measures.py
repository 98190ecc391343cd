"""Figures beside ``analysis.METRICS`` that a goal may name: sums over some of a program's collectives.

    communication_bytes_on:AXIS      bytes of the collectives that a mesh axis takes part in
    all_gathers_of:PATTERN           how many all_gathers of matching arrays run
    all_gathered_bytes_of:PATTERN    their bytes

All are of one step: what stands in a loop counts once a trip, and the cases of a condition count as if each ran.
Bytes are those of the value in full along the axes of the collective (see ``autopart.costmodel.collectives``). A
pattern selects as it does in tactics, arguments or else values that the program names: and with them their casts,
rearrangements and scanned slices.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from autopart.cost.collective_sums import Counted
from autopart.cost.metrics import METRICS
from autopart.costmodel.collectives import ALL_GATHER, KIND_NAMES
from autopart.errors import GoalError, TacticError
from autopart.folding.fold import Folded
from autopart.partitioning.problem import Problem
from autopart.sharding.flat_program import REARRANGING
from autopart.text.quantities import bytes_text, seconds_text

COMMUNICATION_ON: Final = "communication_bytes_on"
ALL_GATHERS_OF: Final = "all_gathers_of"
ALL_GATHERED_OF: Final = "all_gathered_bytes_of"

_EVERY_KIND: Final = (1 << len(KIND_NAMES)) - 1


def named(measure: str, of: str) -> str:
    """The metric that is ``measure`` of an axis or a pattern."""
    return f"{measure}:{of}"


def is_bytes(metric: str) -> bool:
    """Whether a metric or measure is in bytes."""
    return "_bytes" in metric.partition(":")[0]


def figure_text(metric: str, figure: float) -> str:
    """A figure of a metric or measure as people read it."""
    if is_bytes(metric):
        return bytes_text(figure)
    return seconds_text(figure) if metric.endswith("_s") else f"{figure:g}"


def metric_names(asked: Sequence[str]) -> tuple[str, ...]:
    """``METRICS``, and after them the measures among the metrics that are asked for.

    Raises:
        GoalError: one is neither.
    """
    for name in asked:
        measure, _, of = name.partition(":")
        if name not in METRICS and not (measure in (COMMUNICATION_ON, ALL_GATHERS_OF, ALL_GATHERED_OF) and of):
            near = difflib.get_close_matches(name, METRICS, n=1)
            raise GoalError(
                f"no metric {name!r}{f' (did you mean {near[0]!r}?)' if near else ''}; there is {', '.join(METRICS)}, "
                f"{COMMUNICATION_ON}:AXIS, {ALL_GATHERS_OF}:PATTERN and {ALL_GATHERED_OF}:PATTERN"
            )
    return (*METRICS, *dict.fromkeys(name for name in asked if name not in METRICS))


def counted_of(problem: Problem, names: Sequence[str]) -> tuple[Counted, ...]:
    """What the measures among ``names`` count.

    Raises:
        GoalError: there is no such metric, axis or array.
    """
    return tuple(_counted(problem, name) for name in metric_names(names)[len(METRICS) :])


def _counted(problem: Problem, name: str) -> Counted:
    measure, _, of = name.partition(":")
    axes = problem.mesh.axes
    wide = sum(1 << number for number, size in enumerate(axes.values()) if size > 1)
    if measure == COMMUNICATION_ON:
        if of not in axes:
            raise GoalError(f"{name}: there is no mesh axis {of!r}; there is {', '.join(axes)}")
        axis = 1 << problem.mesh.axis_names.index(of)
        return Counted(name, _EVERY_KIND, axis & wide, True, np.ones(len(problem.graph.ops), np.bool_))
    return Counted(name, 1 << ALL_GATHER, wide, measure == ALL_GATHERED_OF, ops_of(problem, of))


def ops_of(problem: Problem, pattern: str) -> npt.NDArray[np.bool_]:
    """(ops,) whether the op makes an array that a pattern selects, or a cast, rearrangement or scanned slice of one.

    Raises:
        GoalError: it selects none.
    """
    try:
        selected = problem.matching(pattern).tolist()
    except TacticError as error:
        raise GoalError(str(error)) from error
    chosen = np.zeros(len(problem.graph.ops), np.bool_)
    chosen[selected] = True
    for op in problem.graph.ops:
        source = op.operands[0] if op.primitive in REARRANGING else None
        if isinstance(source, int) and chosen[problem.graph.values[source].producer]:
            chosen[op.index] = True
    return chosen


def folded_ops(ops: npt.NDArray[np.bool_], folded: Folded) -> npt.NDArray[np.bool_] | None:
    """The same choice of ops in a folded program; ``None`` if it tells the layers left out from the one for them."""
    kept = ops[folded.kept]
    return kept if np.array_equal(kept[folded.stands_for], ops) else None


def folded_counted(counted: Sequence[Counted], folded: Folded) -> tuple[Counted, ...] | None:
    """What is counted in a folded program to come to the figures of the whole; ``None`` if that cannot be."""
    kept = [folded_ops(one.ops, folded) for one in counted]
    if any(ops is None for ops in kept):
        return None
    return tuple(replace(one, ops=ops) for one, ops in zip(counted, kept, strict=True) if ops is not None)
