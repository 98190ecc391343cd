"""``python -m benchmarks.scaling``: simulations a second with more and more workers, measured and simulated."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from rich.console import Console
from rich.table import Table

from autopart.benchmarks.scaling.measured import Measured, case, measure, raylets
from autopart.benchmarks.scaling.simulated import ASSUMPTIONS, Costs, Simulated, simulate, sum_seconds
from autopart.game.actions import action_table
from autopart.search import Cluster
from autopart.text.quantities import bytes_text
from autopart.text.readable import plain_table

DESCRIPTION = """\
Searches T32 on a mesh of 16x2 with 1, 2 and 4 workers on two raylets of this machine (a real cluster of Ray):
simulations a second, simulations and seconds to a plan no worse than the best expert's, bytes shipped. The expert's
schedule is not among the known compositions from which the search starts. With --simulate, what was measured with the
first number of workers goes into a simulation of up to 1,000, whose small end stands beside what was measured.
"""
EXAMPLES = """\
examples:
  python -m benchmarks.scaling                          (some minutes)
  python -m benchmarks.scaling --simulate --json | tail -1
  python -m benchmarks.scaling --workers 1 2 --simulations 20000
"""
MANY: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)


def costs_of(one: Measured, actions: int, period_s: float) -> Costs:
    """What the simulation needs, from a search with one worker."""
    return Costs(
        rate=one.per_second,
        state_s=one.merging_s / one.simulations,
        state_bytes=sum(one.received) / one.simulations,
        update_bytes=sum(one.sent) / max(1, one.reports),
        actions=actions,
        period_s=period_s,
    )


def measured_table(rows: Sequence[Measured]) -> Table:
    """A row a number of workers."""
    table = plain_table(f"T32 on 16x2, {rows[0].simulations} states, workers on raylets of this machine")
    columns = ("workers", "states/s", "x", "twice", "expert at", "took", "sent", "received")
    one = next(row for row in rows if row.workers)
    for column in columns:
        table.add_column(column, justify="right")
    for row in rows:
        reached = "never" if row.expert is None else f"{row.expert[0]}, {row.expert[1]:.1f} s"
        sent, received = (bytes_text(sum(some) / max(1, len(some))) for some in (row.sent, row.received))
        table.add_row(
            str(row.workers), f"{row.per_second:.0f}", f"{row.per_second / one.per_second:.2f}", f"{row.twice:.0%}",
            reached, f"{row.seconds:.0f} s", sent, received,
        )  # fmt: skip
    table.caption = (
        f"{os.cpu_count()} CPUs. x: states/s in the later half of a search, over those of {one.workers} worker(s). "
        "Twice: of what workers evaluated, what another had already. Expert at: states, seconds. The program "
        f"({bytes_text(one.program_bytes)}) is shipped once, and fetched once by each raylet; sent, received: of a "
        f"worker, which holds {bytes_text(max(row.memory_bytes for row in rows))} at most. 0 workers: one process, "
        "without Ray."
    )
    return table


def simulated_table(rows: Sequence[Simulated], real: Sequence[tuple[Measured, Simulated]]) -> Table:
    """A row a number of workers, then what was measured beside what is simulated for as many CPUs."""
    table = plain_table("Simulated")
    for column in ("workers", "states/s", "efficiency", "busy", "received/s", "sent/s", "measured"):
        table.add_column(column, justify="right")

    def row(one: Simulated, measured: str) -> None:
        table.add_row(
            str(one.workers), f"{one.per_second:.0f}", f"{one.efficiency:.0%}", f"{one.busy:.0%}",
            bytes_text(one.in_bytes_s), bytes_text(one.out_bytes_s), measured,
        )  # fmt: skip

    for one in rows:
        row(one, "")
    table.add_section()
    for measured, one in real:
        row(one, f"{measured.evaluated_per_second:.0f}")
    table.caption = (
        "Busy: the process that merges. "
        f"Below the line: with the {os.cpu_count()} CPUs of this machine, beside what was measured on it."
    )
    return table


def parser() -> argparse.ArgumentParser:
    """The command line."""
    out = argparse.ArgumentParser(
        prog="python -m benchmarks.scaling", description=DESCRIPTION, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    out.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4], help="default: 1 2 4; 0: one process, no Ray")
    out.add_argument("--simulations", type=int, default=20000, help="evaluated states of each search (default: 20000)")
    out.add_argument("--raylets", type=int, default=2, help="default: 2")
    out.add_argument("--preset", choices=("full", "tiny"), default="full", help="sizes (default: full)")
    out.add_argument("--from-nothing", action="store_true", help="no known composition is looked at first")
    out.add_argument("--seed", type=int, default=0, help="default: 0")
    out.add_argument("--simulate", action="store_true", help="also simulate up to 1,000 workers")
    out.add_argument("--object-store-mb", type=int, default=100, help="of each raylet (default: 100)")
    out.add_argument("--json", action="store_true", help="print the figures as JSON, as the last line")
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status."""
    options = parser().parse_args(argv)
    if min(options.simulations, options.raylets, max(options.workers)) < 1 or min(options.workers) < 0:
        parser().error("--simulations, --raylets and one of --workers must be at least 1")
    searched, rows = case(options.preset), list[Measured]()
    cpus = -(-max(options.workers) // options.raylets)
    with raylets(options.raylets, cpus, options.object_store_mb * 10**6) as address:
        for workers in options.workers:
            rows.append(measure(searched, address, workers, options.simulations, options.seed, options.from_nothing))
            Console(stderr=True).print(json.dumps(asdict(rows[-1])), markup=False, soft_wrap=True)
    Console().print(measured_table(rows))
    figures: dict[str, object] = {"cpus": os.cpu_count(), "measured": [asdict(row) for row in rows]}
    if options.simulate:
        actions = action_table(searched.problem, searched.problem.mesh.axis_names).actions
        figures |= _simulated(rows, len(actions))
    if options.json:
        print(json.dumps(figures))
    return 0


def _simulated(rows: Sequence[Measured], actions: int) -> dict[str, object]:
    rows = [row for row in rows if row.workers]
    costs = costs_of(rows[0], actions, Cluster().period_s)
    many = [simulate(workers, costs, sum_seconds(workers, costs.actions)) for workers in MANY]
    cores = os.cpu_count() or 1
    here = Costs(**{**asdict(costs), "cores": cores})
    real = [(row, simulate(row.workers, here, sum_seconds(row.workers, costs.actions))) for row in rows]
    Console().print(simulated_table(many, real))
    print(
        ASSUMPTIONS.format(
            rate=costs.rate,
            period=costs.period_s,
            batch=costs.batch,
            state_us=costs.state_s * 1e6,
            latency_ms=costs.latency_s * 1e3,
            bytes_state=costs.state_bytes,
            twice=", ".join(f"{row.twice:.0%} by {row.workers}" for row in rows),
        )
    )
    return {
        "costs": asdict(costs),
        "simulated": [asdict(one) for one in many],
        "beside_measured": [asdict(one) for _, one in real],
    }


if __name__ == "__main__":
    sys.exit(main())
