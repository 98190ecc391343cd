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
from typing import Final

import numpy as np
import numpy.typing as npt

from autopart.cost import METRICS, Counted
from autopart.costmodel.collectives import ALL_GATHER, KIND_NAMES
from autopart.errors import GoalError, TacticError
from autopart.partitioning import Problem
from autopart.sharding.rules import REARRANGING

COMMUNICATION_ON: Final = "communication_bytes_on"
ALL_GATHERS_OF: Final = "all_gathers_of"
ALL_GATHERED_OF: Final = "all_gathered_bytes_of"

_EVERY_KIND: Final = (1 << len(KIND_NAMES)) - 1


def named(measure: str, of: str) -> str:
    """The metric that is ``measure`` of an axis or a pattern."""
    return f"{measure}:{of}"


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
