"""Both answers to one program, and what they come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from autopart.benchmarks.accuracy.compilers import JIT
from autopart.benchmarks.accuracy.description import Description
from autopart.benchmarks.xla_auto import searched, solver
from autopart.benchmarks.xla_auto.figures import Figures
from autopart.benchmarks.xla_auto.modelled import modelled, moved_results
from autopart.cost.metrics import METRICS
from autopart.emit.array_layouts import spec_text
from autopart.partitioning.problem import Problem
from autopart.tactics.as_json import to_json

QUICKER: Final = 10.0
"""How many times as soon as XLA's solver a search is to answer."""


@dataclass(frozen=True)
class Row:
    """One program.

    Attributes:
        program: it and the mesh.
        problem: the traced program.
        ours: what autopart picked.
        compiled: the TPU compiler's figures of it, by way out of the plan (``jit``, ``spmd``).
        metrics: the model's figures of it.
        theirs: what XLA picked, and the figures of what its compiler made of it; ``None`` if it did not answer.
        their_metrics: the model's figures of XLA's layouts; ``None`` where the model cannot have them.
        faults: what went without an answer, and why.
    """

    program: Description
    problem: Problem = field(repr=False)
    ours: searched.Answer
    metrics: tuple[float, ...]
    compiled: Mapping[str, Figures]
    theirs: tuple[solver.Answer, Figures] | None
    faults: tuple[str, ...] = ()

    @property
    def times_quicker(self) -> float | None:
        """XLA's time to answer over ours."""
        return None if self.theirs is None else self.theirs[0].answer_s / self.ours.answer_s

    @property
    def no_slower(self) -> bool | None:
        """Whether ``plan.jit()`` takes no more of the compiler's cycles than what it made of XLA's answer."""
        if self.theirs is None or JIT not in self.compiled:
            return None
        return self.compiled[JIT].cycles <= self.theirs[1].cycles

    def to_json(self) -> dict[str, Any]:
        """The row as plain JSON values."""
        return {
            "program": self.program.name,
            "model": self.program.model,
            "fields": dict(self.program.fields),
            "mesh": self.program.mesh.to_json(),
            "autopart": {
                "answer_s": self.ours.answer_s,
                "simulations": self.ours.simulations,
                "tactics": [to_json(tactic) for tactic in self.ours.tactics],
                "model": dict(zip(METRICS, self.metrics, strict=True)),
                **{emit: figures.to_json() for emit, figures in self.compiled.items()},
            },
            "xla": None if self.theirs is None else self._theirs(*self.theirs),
            "times_quicker": self.times_quicker,
            "no_slower": self.no_slower,
            "faults": list(self.faults),
        }

    def _theirs(self, answer: solver.Answer, figures: Figures) -> dict[str, Any]:
        names = [argument.name for argument in self.problem.graph.arguments if argument.constant is None]
        model = modelled(self.problem, answer)
        metrics = model.metrics(self.problem)
        return {
            "answer_s": answer.answer_s,
            "compile_s": answer.compile_s,
            "arguments": {name: spec_text(dims) for name, dims in zip(names, answer.inputs, strict=True)},
            "results_laid_out_unlike_arguments": moved_results(self.problem, answer),
            "model": None if metrics is None else dict(zip(METRICS, metrics, strict=True)),
            "not_modelled": model.refused or None,
            "nested_otherwise_in_model": list(model.turned),
            **figures.to_json(),
        }


def document(rows: Sequence[Row]) -> dict[str, Any]:
    """All rows as plain JSON values, and how many of them keep what is promised."""
    return {
        "programs": len(rows),
        "no_slower": sum(row.no_slower is True for row in rows),
        "ten_times_quicker": sum(row.times_quicker is not None and row.times_quicker >= QUICKER for row in rows),
        "both": sum(
            row.no_slower is True and row.times_quicker is not None and row.times_quicker >= QUICKER for row in rows
        ),
        "rows": [row.to_json() for row in rows],
    }
