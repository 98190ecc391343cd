"""Predicted collectives beside those of a judge that needs no accelerator and no libtpu."""

from __future__ import annotations

from collections.abc import Sequence

from autopart.benchmarks.accuracy import agreement
from autopart.benchmarks.accuracy.agreement import Comparison
from autopart.benchmarks.accuracy.findings import Findings, Options
from autopart.benchmarks.accuracy.programs import host_programs
from autopart.benchmarks.accuracy.workers import Request, Workers


def judge(judge_name: str, emits: Sequence[str], options: Options) -> Findings:
    """Judges the tiny programs on 8 host devices; a section ``collectives_EMIT`` for each way out of a plan."""
    options.say("describing the programs")
    programs = [case.describe() for case in options.chosen(host_programs())]
    found: dict[str, list[Comparison]] = {emit: [] for emit in emits}
    requests = [Request(judge_name, program, emit, cache=options.cache) for program in programs for emit in emits]
    with Workers(options.workers) as workers:
        verdicts = workers.ask(requests)
        for number, program in enumerate(programs, 1):
            options.say(f"{number} of {len(programs)}: {program.name}")
            predicted = program.plan().program.collective_counts()
            for emit in emits:
                found[emit].append(Comparison(program.name, predicted, next(verdicts)))
    return Findings(
        {f"collectives_{emit}": agreement.section(rows) for emit, rows in found.items()},
        tuple(
            table
            for emit, rows in found.items()
            for table in (
                agreement.programs_table(f"Collectives of plan.{emit}(): predicted, and by {judge_name}", rows),
                agreement.kinds_table(f"Collectives of plan.{emit}() by kind", rows),
            )
        ),
    )
