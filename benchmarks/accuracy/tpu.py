"""Predictions beside XLA's TPU compiler: peak memory, collectives and compute."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autopart.benchmarks.accuracy import agreement, peaks, speeds
from autopart.benchmarks.accuracy.agreement import Comparison
from autopart.benchmarks.accuracy.compilers import JIT, SPMD, TPU
from autopart.benchmarks.accuracy.description import Description
from autopart.benchmarks.accuracy.errors import JudgeError
from autopart.benchmarks.accuracy.findings import Findings, Options, Point, Scatter
from autopart.benchmarks.accuracy.peaks import Peak
from autopart.benchmarks.accuracy.programs import tpu_programs
from autopart.benchmarks.accuracy.speeds import Speed
from autopart.benchmarks.accuracy.verdict import DONE, FAILED, PEAK, Verdict
from autopart.benchmarks.accuracy.workers import Request, Workers
from autopart.cost.metrics import METRICS
from autopart.emit.lower import CollectiveKey

QUICK = -1.0
"""Effort of the compiler for ``plan.jit()``, of which only collectives are read: at a sixth of the time they are the
same. ``plan.spmd()`` is compiled as users compile, for the cycles differ."""


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
    options.say("describing the programs")
    programs = [case.describe() for case in options.chosen(tpu_programs())]
    requests = [
        Request(TPU, program, emit, effort, options.cache)
        for program in programs
        for emit, effort in ((SPMD, options.effort), (JIT, QUICK))
    ]
    out = []
    with Workers(options.workers) as workers:
        verdicts = workers.ask(requests)
        for number, program in enumerate(programs, 1):
            options.say(f"{number} of {len(programs)}: {program.name}")
            plan = program.plan()
            metrics = dict(zip(METRICS, (float(x) for x in plan.state.metrics()), strict=True))
            predicted = plan.program.collective_counts()
            out.append(Row(program, metrics, predicted, next(verdicts), next(verdicts)))
    return out


def judge(options: Options) -> Findings:
    """Runs the backend.

    Raises:
        JudgeError: libtpu is not installed.
    """
    require()
    return findings(rows(options))


def findings(judged: Sequence[Row]) -> Findings:
    """What the rows come to."""
    memory = [_peak(row) for row in judged]
    compute = [_speed(row) for row in judged if row.spmd.status == DONE]
    explicit, jitted = (
        [Comparison(row.program.name, row.predicted, verdict) for row, verdict in zip(judged, verdicts, strict=True)]
        for verdicts in ([row.spmd for row in judged], [row.jit for row in judged])
    )
    document: dict[str, Any] = {
        "peak_memory": peaks.section(memory),
        "collectives_spmd": agreement.section(explicit),
        "collectives_jit": agreement.section(jitted),
        "compute": speeds.section(compute),
        "seconds": {
            SPMD: sum(row.spmd.seconds for row in judged), JIT: sum(row.jit.seconds for row in judged)
        },
    }  # fmt: skip
    tables = (
        peaks.table(memory),
        agreement.programs_table("Collectives of plan.spmd(): predicted, and in optimised HLO", explicit),
        agreement.kinds_table("Collectives of plan.spmd() by kind", explicit),
        agreement.programs_table("Collectives of plan.jit(): predicted, and in optimised HLO", jitted),
        speeds.table(compute),
    )
    broken = [f"{row.program.name}: {v.text}" for row in judged for v in (row.spmd, row.jit) if v.status == FAILED]
    return Findings(document, tables, _scatters(judged, document), (*peaks.faults(memory), *broken))


def _peak(row: Row) -> Peak:
    device = row.program.mesh.device_profile
    return Peak(row.program.name, device.name, device.hbm_usable_bytes, row.metrics["peak_memory_bytes"], row.spmd)


def _speed(row: Row) -> Speed:
    device = row.program.mesh.device_profile.name
    return Speed(row.program.name, device, row.metrics["compute_s"], row.spmd.cycles)


def _scatters(judged: Sequence[Row], document: dict[str, Any]) -> tuple[Scatter, ...]:
    compiled = [row for row in judged if row.spmd.status == DONE]
    if not compiled:
        return ()
    memory, rank = document["peak_memory"], document["compute"]["spearman"]
    sizes = [
        Point(row.program.name, row.program.model, row.metrics["peak_memory_bytes"] / 1e9,
              row.spmd.memory_bytes[PEAK] / 1e9)
        for row in compiled
    ]  # fmt: skip
    cycles = [
        Point(row.program.name, row.program.mesh.device_profile.name, row.metrics["compute_s"], row.spmd.cycles)
        for row in compiled
    ]
    error = f"median error {memory['median_error']:.1%}, worst {memory['worst_error']:.1%}"
    return (
        Scatter("peak_memory", f"Peak memory of {len(sizes)} programs: {error}", "predicted (GB)",
                "XLA's TPU compiler (GB)", tuple(sizes)),
        Scatter("compute", "Compute of a step" + ("" if rank is None else f": Spearman {rank:.3f}"), "predicted (s)",
                "XLA's TPU compiler (cycles)", tuple(cycles), diagonal=False),
    )  # fmt: skip
