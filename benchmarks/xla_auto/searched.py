"""Our answer: autopart's search on the same program and mesh."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autopart.benchmarks.accuracy.description import Description
from autopart.planner.api import partition_graph
from autopart.planner.auto import Auto
from autopart.program.trace import trace_step
from autopart.search import Budget
from autopart.tactics.as_json import from_json, to_json
from autopart.tactics.manual import Tactic


@dataclass(frozen=True)
class Answer:
    """What autopart picked.

    Attributes:
        tactics: the schedule.
        answer_s: seconds from the beginning of tracing until the shardings of arguments and results were there.
        simulations: states that were looked at.
    """

    tactics: tuple[Tactic, ...]
    answer_s: float
    simulations: int

    def to_json(self) -> dict[str, Any]:
        """The answer as plain JSON values."""
        return {**vars(self), "tactics": [to_json(tactic) for tactic in self.tactics]}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Answer:
        """The answer that ``to_json`` wrote."""
        tactics = tuple(from_json(tactic) for tactic in document["tactics"])
        return cls(tactics, document["answer_s"], document["simulations"])


def search(program: Description, simulations: int, seed: int) -> Answer:
    """Searches as ``autopart.partition`` does unasked, but for the number of states."""
    step = program.step  # XLA is handed the step too.
    begin = time.perf_counter()
    auto = Auto(budget=Budget(simulations), seed=seed)
    plan = partition_graph(trace_step(step), program.mesh, tactics=[auto])
    _ = plan.in_specs, plan.out_specs
    return Answer(plan.schedule, time.perf_counter() - begin, plan.search["simulations"])
