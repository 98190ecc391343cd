"""Where a search beats the best expert: its schedule, by how much, why, and that the answer is the same.

Each model at full size is searched as in ``benchmarks.search``. The winner's tactics are then applied to the tiny
preset on 8 host devices, which is executed and compared with the original output by output.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import jax
from rich.console import Console
from rich.table import Table

from autopart.benchmarks.schedules import EXPERTS
from autopart.benchmarks.search.cases import MESHES, MODELS, Case, case_of
from autopart.benchmarks.search.trial import seeds_without
from autopart.cost.metrics import COMPUTE_S, EXPOSED_S, PEAK, STEP_S
from autopart.errors import MeshError, TacticError, VerificationError
from autopart.partitioning.problem import Problem
from autopart.plan.plan import Plan, plan_of
from autopart.plan.verify import HOST_DEVICES, check_collectives, execute, host_mesh
from autopart.planner.aims import aim_on
from autopart.planner.auto import Auto
from autopart.planner.searching import search_after
from autopart.program.trace import trace_step
from autopart.search import Budget
from autopart.tactics.as_source import tactic_text
from autopart.tactics.manual import Tactic
from autopart.text.quantities import bytes_text

EXAMPLES = """\
examples:
  python -m benchmarks.winners                      all models, both meshes (a quarter of an hour)
  python -m benchmarks.winners --models moe --meshes 8x4
  python -m benchmarks.winners --json | tail -1     a list, for a script
"""


@dataclass(frozen=True)
class Winner:
    """What a search found, beside the best of the experts' schedules.

    Attributes:
        model, mesh, expert: what was searched, and the schedule to beat.
        step_s, expert_step_s: seconds of a step.
        peak_bytes, expert_peak_bytes: memory of a device.
        compute_s, exposed_s: by how much the search's step computes, and waits, longer (negative: shorter).
        traffic: kind of collective over axes -> by how many seconds the search's take longer, overlapped ones too.
        tactics: the search's, as source text.
        verified: what came of executing the tactics in the tiny preset.
    """

    model: str
    mesh: str
    expert: str
    step_s: float
    expert_step_s: float
    peak_bytes: float
    expert_peak_bytes: float
    compute_s: float
    exposed_s: float
    traffic: dict[str, float]
    tactics: tuple[str, ...]
    verified: str

    @property
    def ratio(self) -> float:
        """Step time over the expert's."""
        return self.step_s / self.expert_step_s


def winner_of(case: Case, simulations: int, preset: str = "tiny") -> Winner:
    """Searches a case and looks at what comes of it."""
    auto = Auto(budget=Budget(simulations))
    aim, seeds = aim_on(case.problem, case.goals), seeds_without(case.expert, case.goals)
    found = search_after(case.problem, (), auto, aim, seeds=seeds)
    ours, theirs = plan_of(case.problem, found.tactics), plan_of(case.problem, case.expert.schedule)
    a, b = list(ours.metrics.values()), list(theirs.metrics.values())
    more, less = traffic(ours), traffic(theirs)
    moved = {kind: more.get(kind, 0.0) - less.get(kind, 0.0) for kind in {**more, **less}}
    return Winner(
        case.model, case.mesh, case.expert.name, a[STEP_S], b[STEP_S], a[PEAK], b[PEAK],
        a[COMPUTE_S] - b[COMPUTE_S], a[EXPOSED_S] - b[EXPOSED_S], moved,
        tuple(map(tactic_text, found.tactics)), verified_in_tiny(case, found.tactics, preset),
    )  # fmt: skip


def traffic(plan: Plan) -> dict[str, float]:
    """Seconds of collectives in a step, by kind and axes."""
    out: dict[str, float] = defaultdict(float)
    for move in plan.program.collectives():
        out[f"{move.kind} on {'+'.join(move.axes)}"] += move.seconds * move.trips
    return out


def verified_in_tiny(case: Case, tactics: Sequence[Tactic], preset: str) -> str:
    """Applies tactics to a small preset, executes that on host devices, and says what came of it."""
    step = EXPERTS[case.model][0](preset)
    problem = Problem.of(trace_step(step), host_mesh(case.problem.mesh))
    try:
        plan = plan_of(problem, tactics)
        check_collectives(plan)
        explicit, jitted = execute(step, plan)
    except TacticError as error:
        return f"does not apply there: {error}"
    except (VerificationError, MeshError) as error:
        return f"WRONG: {error}"
    worst = max(row.error for row in (*explicit, *jitted))
    return f"{len(explicit)} of {len(explicit)} outputs equal, largest difference {worst:.1e}"


def table(winners: Sequence[Winner]) -> Table:
    """A row for each case."""
    out = Table(title="what a search finds beside the best expert's schedule")
    for column in ("model", "mesh", "best expert"):
        out.add_column(column)
    for column in ("step / expert's", "computes, waits longer by", "peak", "expert's"):
        out.add_column(column, justify="right")
    out.add_column("executed in tiny")
    for w in winners:
        deals = f"{w.compute_s / w.expert_step_s:+.1%}, {w.exposed_s / w.expert_step_s:+.1%}"
        out.add_row(
            w.model, w.mesh, w.expert, f"{w.ratio:.3f}", deals, bytes_text(w.peak_bytes),
            bytes_text(w.expert_peak_bytes), w.verified,
        )  # fmt: skip
    return out


def details(winner: Winner) -> str:
    """The schedule, and the collectives that take most seconds more or less, in lines."""
    rows = sorted(winner.traffic.items(), key=lambda row: -abs(row[1]))[:4]
    moved = "; ".join(f"{1e3 * seconds:+.1f} ms {name}" for name, seconds in rows)
    lines = [f"{winner.model} {winner.mesh} against {winner.expert}: collectives {moved}"]
    return "\n".join([*lines, *(f"    {tactic}" for tactic in winner.tactics)])


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status: 1 if an answer was wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.winners", description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), help="default: all")
    parser.add_argument("--meshes", nargs="+", choices=list(MESHES), default=list(MESHES), help="default: all")
    parser.add_argument("--budget", type=int, default=2000, help="evaluated states (default: 2000)")
    parser.add_argument("--preset", choices=("full", "tiny"), default="full", help="sizes (default: full)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, as the last line")
    options = parser.parse_args(argv)
    winners, terminal = [], Console(stderr=True)
    with terminal.status("") as status:
        for model in options.models:
            for mesh in options.meshes:
                status.update(f"{model} on {mesh}")
                winners.append(winner_of(case_of(model, mesh, options.preset), options.budget))
                terminal.print(details(winners[-1]), markup=False, soft_wrap=True)
    Console(width=200).print(table(winners))
    if options.json:
        print(json.dumps([asdict(winner) for winner in winners]))
    return int(any(winner.verified.startswith("WRONG") for winner in winners))


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", HOST_DEVICES)
    sys.exit(main())
