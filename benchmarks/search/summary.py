"""What the trials of one strategy on one case come to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from autopart.benchmarks.search.cases import Case
from autopart.benchmarks.search.trial import Trial
from autopart.cost.metrics import PEAK, STEP_S


@dataclass(frozen=True)
class Row:
    """A strategy on a case.

    Attributes:
        case, strategy, trials: what was run.
    """

    case: Case
    strategy: str
    trials: tuple[Trial, ...]

    @property
    def cost_over_expert(self) -> float:
        """Median of the answers' step time over the expert's; of bytes where the expert does not fit."""
        metric = STEP_S if self.case.goals.satisfied(self.case.expert.metrics) else PEAK
        return statistics.median(trial.metrics[metric] for trial in self.trials) / self.case.expert.metrics[metric]

    def document(self) -> dict[str, Any]:
        """The figures as plain JSON values."""
        reached = [trial.reached for trial in self.trials if trial.reached is not None]
        return {
            "model": self.case.model,
            "mesh": self.case.mesh,
            "expert": self.case.expert.name,
            "strategy": self.strategy,
            "seeds": len(self.trials),
            "success_rate": len(reached) / len(self.trials),
            "near_rate": sum(trial.nearly is not None for trial in self.trials) / len(self.trials),
            "median_seconds": statistics.median(seconds for _, seconds in reached) if reached else None,
            "median_states": statistics.median(states for states, _ in reached) if reached else None,
            "cost_over_expert": self.cost_over_expert,
        }


def table(rows: Sequence[Row]) -> Table:
    """A row for each strategy on each case."""
    out = Table(title="plans no worse than the best expert's, found without it")
    for column in ("model", "mesh", "best expert", "strategy"):
        out.add_column(column)
    for column in ("reached", "95 %", "states", "seconds", "cost / expert"):
        out.add_column(column, justify="right")
    for row in rows:
        found, count = row.document(), len(row.trials)
        states, seconds = found["median_states"], found["median_seconds"]
        out.add_row(
            row.case.model, row.case.mesh, row.case.expert.name, row.strategy,
            f"{found['success_rate'] * count:.0f} of {count}", f"{found['near_rate'] * count:.0f}",
            "-" if states is None else f"{states:.0f}", "-" if seconds is None else f"{seconds:.1f}",
            f"{row.cost_over_expert:.3f}",
        )  # fmt: skip
    return out
