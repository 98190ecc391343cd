"""Predictions beside the clock: step time on 8 host devices, under a profile that micro-benchmarks gave."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jax
from rich.table import Table

from autopart.benchmarks.accuracy.clocked import clocked_programs
from autopart.benchmarks.accuracy.description import Description
from autopart.benchmarks.accuracy.errors import JudgeError
from autopart.benchmarks.accuracy.figures import geometric_mean, spearman
from autopart.benchmarks.accuracy.findings import Findings, Options, Point, Scatter
from autopart.calibration import calibrate
from autopart.costmodel.errors import CostModelError
from autopart.costmodel.mesh import Mesh
from autopart.costmodel.profile import Device
from autopart.errors import AutopartError
from autopart.plan.plan import Plan
from autopart.plan.verify import HOST_DEVICES
from autopart.text.quantities import seconds_text

GOAL: Final = 0.9
"""Rank correlation over all programs, of at least so many:"""
ENOUGH: Final = 30

ROUNDS: Final = 5
_UNMERGED: Final[dict[str, str | bool]] = {"xla_disable_hlo_passes": "cpu-all-reduce-combiner"}
"""One all_reduce a tensor, as the program says and the prediction counts."""


@dataclass(frozen=True)
class Row:
    """One program, predicted and timed.

    Attributes:
        program: what ran.
        metrics: the predicted figures.
        measured_s: seconds of a step: the fastest timing, for what else the machine does only ever adds.
        spread: the slowest timing over the fastest.
    """

    program: Description
    metrics: dict[str, float]
    measured_s: float
    spread: float

    @property
    def predicted_s(self) -> float:
        """Predicted seconds of a step."""
        return self.metrics["step_s"]


def judge(options: Options) -> Findings:
    """Calibrates, predicts, runs, and compares.

    Raises:
        JudgeError: JAX has fewer than 8 host devices, or there is no such device profile.
    """
    _use_host_devices()
    programs = options.chosen(clocked_programs())
    return findings(measure(programs, profile(options), options.say))


def _use_host_devices() -> None:
    try:
        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_num_cpu_devices", HOST_DEVICES)
    except RuntimeError:
        pass  # JAX has started; what it has started with is looked at next.
    if jax.default_backend() != "cpu" or len(jax.devices()) < HOST_DEVICES:
        raise JudgeError(
            f"step times are measured on {HOST_DEVICES} host devices; JAX has started with {len(jax.devices())} of "
            f"{jax.default_backend()}. Fix: run python -m benchmarks.accuracy in a process of its own."
        )


def profile(options: Options) -> Device:
    """The profile that was asked for, or that of this host, measured now.

    Raises:
        JudgeError: there is no such profile, or the host could not be measured.
    """
    try:
        if options.device is not None:
            return Mesh({"all": 1}, options.device).device_profile
        return calibrate("host", tick=lambda what: options.say(f"calibrating: {what}")).device
    except (CostModelError, AutopartError) as error:
        raise JudgeError(str(error)) from error


def measure(
    programs: Sequence[Description],
    device: Device,
    say: Callable[[str], None] = lambda text: None,
    rounds: int = ROUNDS,
) -> list[Row]:
    """Compiles the explicit program of each plan, runs them in turns, and predicts them on ``device``.

    In turns over all of them, so that a while in which the machine is busy with something else falls on all alike. A
    step keeps its arguments; each timing follows a run that is not timed, which brings them into reach.
    """
    plans, steps = [], []
    for number, program in enumerate(programs, 1):
        say(f"compiling {number} of {len(programs)}: {program.name}")
        plan = program.on(device).plan()
        plans.append(plan)
        steps.append(_compiled(program, plan))
    times: list[list[float]] = [[] for _ in programs]
    for turn in range(rounds):
        for number, (program, plan, step) in enumerate(zip(programs, plans, steps, strict=True)):
            say(f"round {turn + 1} of {rounds}: {program.name}")
            arguments = _placed(program, plan)
            for again in range(2):
                begin = time.perf_counter()
                jax.block_until_ready(step(*arguments))
                if again:
                    times[number].append(time.perf_counter() - begin)
    return [
        Row(program, plan.metrics, min(mine), max(mine) / min(mine))
        for program, plan, mine in zip(programs, plans, times, strict=True)
    ]


def _compiled(program: Description, plan: Plan) -> Callable[..., Any]:
    lowered = jax.jit(plan.spmd()).lower(*_placed(program, plan))
    compiled: Callable[..., Any] = lowered.compile(compiler_options=_UNMERGED)
    return compiled


def _placed(program: Description, plan: Plan) -> tuple[Any, ...]:
    """The step's inputs on the devices, as the plan lays them out."""
    assert program.step.inputs is not None, "the models of the zoo draw their own"
    placed: tuple[Any, ...] = jax.block_until_ready(jax.device_put(program.step.inputs(0), plan.in_shardings))
    return placed


def findings(rows: Sequence[Row]) -> Findings:
    """Figures, a table, a plot, and whether the goal was met."""
    rank = spearman([row.predicted_s for row in rows], [row.measured_s for row in rows])
    ratio = geometric_mean([row.predicted_s / row.measured_s for row in rows])
    by_model = {
        model: spearman([row.predicted_s for row in mine], [row.measured_s for row in mine])
        for model, mine in _by_model(rows).items()
    }
    document = {
        "programs": len(rows),
        "spearman": rank,
        "spearman_by_model": by_model,
        "geometric_mean_ratio": ratio,
        "ratio_by_model": {
            model: geometric_mean([row.predicted_s / row.measured_s for row in mine])
            for model, mine in _by_model(rows).items()
        },
        "steps": [
            {"program": row.program.name, "predicted_s": row.predicted_s, "measured_s": row.measured_s} for row in rows
        ],
    }
    points = tuple(Point(row.program.name, row.program.model, row.predicted_s, row.measured_s) for row in rows)
    title = f"Step time on {HOST_DEVICES} host devices: rank correlation {rank:.3f}" if rank else "Step time"
    scatter = Scatter("step_time", title, "predicted step, s", "measured step, s", points)
    missed = len(rows) >= ENOUGH and (rank is None or rank < GOAL)
    faults = (f"rank correlation of step times is {rank}, the goal is {GOAL}",) if missed else ()
    return Findings({"step_time": document}, (_steps(rows), _summary(document)), (scatter,), faults)


def _by_model(rows: Sequence[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.program.model, []).append(row)
    return groups


def _steps(rows: Sequence[Row]) -> Table:
    table = Table(title=f"Steps on {HOST_DEVICES} host devices", title_justify="left")
    for column in ("program", "measured", "spread", "predicted", "compute", "communication", "ratio"):
        table.add_column(column, justify="left" if column == "program" else "right", no_wrap=True)
    for row in rows:
        compute, communication = row.metrics["compute_s"], row.metrics["communication_s"]
        table.add_row(
            row.program.name,
            seconds_text(row.measured_s),
            f"{row.spread:.2f}",
            *(seconds_text(seconds) for seconds in (row.predicted_s, compute, communication)),
            f"{row.predicted_s / row.measured_s:.2f}",
        )
    return table


def _summary(document: dict[str, Any]) -> Table:
    table = Table(title="Predicted against measured", title_justify="left")
    for column in ("model", "rank correlation", "predicted / measured"):
        table.add_column(column, justify="left" if column == "model" else "right")
    ranks, ratios = document["spearman_by_model"], document["ratio_by_model"]
    every = ("all", document["spearman"], document["geometric_mean_ratio"])
    for model, rank, ratio in (*((model, ranks[model], ratios[model]) for model in ranks), every):
        table.add_row(model, "-" if rank is None else f"{rank:.3f}", f"{ratio:.2f}")
    return table
