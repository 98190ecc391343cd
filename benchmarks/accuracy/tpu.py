"""Predictions beside XLA's TPU compiler: peak memory, collectives and compute."""

from __future__ import annotations

import importlib.util
import itertools
from collections import Counter
from dataclasses import dataclass

from autopart.lower import CollectiveKey
from benchmarks.accuracy.compilers import JIT, SPMD, TPU
from benchmarks.accuracy.description import Description
from benchmarks.accuracy.errors import JudgeError
from benchmarks.accuracy.findings import Findings, Options
from benchmarks.accuracy.programs import tpu_programs
from benchmarks.accuracy.verdict import Verdict
from benchmarks.accuracy.workers import Request, Workers

EFFORT = -1.0
"""Of the compiler. Peak and collectives of programs as large as these are those of full effort (see
docs/accuracy.md), for a sixth of the time."""


@dataclass(frozen=True)
class Row:
    """One program, predicted and judged.

    Attributes:
        program: what was judged.
        metrics: the predicted figures.
        predicted: the predicted collectives.
        spmd, jit: what the compiler says of ``plan.spmd()`` and of ``plan.jit()``.
    """

    program: Description
    metrics: dict[str, float]
    predicted: Counter[CollectiveKey]
    spmd: Verdict
    jit: Verdict


def require() -> None:
    """Checks that libtpu is installed.

    Raises:
        JudgeError: it is not.
    """
    if importlib.util.find_spec("libtpu") is None:
        raise JudgeError(
            "the TPU compiler is not installed (no module 'libtpu'). Fix: pip install 'autopart[tpu]'. It needs no TPU."
        )


def rows(options: Options) -> list[Row]:
    """Predicts and judges the programs that were asked for."""
    programs = options.chosen(list(tpu_programs()))
    requests = [
        Request(TPU, program, emit, EFFORT, options.cache) for program, emit in itertools.product(programs, (SPMD, JIT))
    ]
    out = []
    with Workers(options.workers) as workers:
        verdicts = workers.ask(requests)
        for number, program in enumerate(programs, 1):
            options.say(f"{number} of {len(programs)}: {program.name}")
            plan = program.plan()
            out.append(
                Row(program, plan.metrics, plan.program.collective_counts(), next(verdicts), next(verdicts))
            )  # fmt: skip
    return out
