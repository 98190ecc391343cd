"""A row for each program: its collectives as counted here, and as a compiler places them."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from autopart.benchmarks.accuracy.agreement import Comparison
from autopart.benchmarks.accuracy.compilers import JIT, PARTITIONER
from autopart.benchmarks.accuracy.description import Description, Traces
from autopart.benchmarks.accuracy.verdict import Verdict
from autopart.benchmarks.accuracy.worker import SHARDY
from autopart.benchmarks.accuracy.workers import Request, Workers
from autopart.benchmarks.collectives.counts import Counts, count
from autopart.benchmarks.collectives.derivations import Derivation, derive
from autopart.benchmarks.collectives.programs import Asked
from autopart.emit.lower import CollectiveKey
from autopart.errors import AutopartError
from autopart.partitioning.state import State
from autopart.tactics.manual import apply_schedule

XLA: Final = "xla"
JUDGES: Final = {XLA: PARTITIONER, SHARDY: SHARDY}
"""Compilers by the names that the command line has for them -> names of the judges."""

NAMES: Final = {XLA: "XLA's partitioner", SHARDY: "Shardy's reshards"}
"""What tables call them."""


@dataclass(frozen=True)
class Row:
    """One model under one schedule.

    Attributes:
        schedule: its name.
        program: model, size, mesh and tactics.
        counts: the collectives; ``None`` where the schedule does not fit the program.
        layers: of the model, if it is made of layers.
        verdict: of the compiler that was asked about ``plan.jit()``, if one was.
        fault: why the schedule does not fit.
    """

    schedule: str
    program: Description
    counts: Counts | None
    layers: int | None = None
    verdict: Verdict | None = None
    fault: str = ""

    @property
    def agree(self) -> bool:
        """Whether state, Program and StableHLO were counted, and alike."""
        return self.counts is not None and self.counts.agree

    @property
    def planned(self) -> Counter[CollectiveKey]:
        """The collectives as they stand in the Program."""
        return Counter() if self.counts is None else self.counts.program

    @cached_property
    def comparison(self) -> Comparison | None:
        """The plan beside the compiler, if both are there."""
        if self.counts is None or self.verdict is None:
            return None
        return Comparison(self.program.name, self.counts.program, self.verdict)

    @cached_property
    def derivation(self) -> Derivation | None:
        """Where the counts come from, if it is known of this model and schedule."""
        if self.counts is None or self.layers is None:
            return None
        return derive(self.program.model, self.schedule, self.layers)


def rows(asked: Asked, compiler: str | None, cache: Path | None, say: Callable[[str], None]) -> list[Row]:
    """Counts every program that was asked for; the compiler works in a process of its own meanwhile.

    A schedule that does not fit, and a compiler that breaks, are told in the row and end nothing.
    """
    programs, out, traces = asked.programs(), [], Traces()
    requests = [Request(JUDGES[compiler], program, JIT, cache=cache) for _, program in programs] if compiler else []
    with Workers(1) as workers:
        verdicts = workers.ask(requests)
        for number, (schedule, program) in enumerate(programs, 1):
            say(f"{number} of {len(programs)}: {program.name}")
            layers = asked.layers_of(program.model)
            verdict: Verdict | None = None
            try:
                counts, fault = _counted(traces.traced(program)), ""
            except AutopartError as error:
                counts, fault = None, str(error)
            if compiler:
                verdict = next(verdicts)
            out.append(Row(schedule, program, counts, layers, verdict, fault))
    return out


def _counted(program: Description) -> Counts:
    state = State(program.problem)
    apply_schedule(state, program.tactics)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return count(state)
