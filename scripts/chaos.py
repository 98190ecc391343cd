"""Kills workers, nodes and drivers of searches on a real cluster of Ray, and looks whether anything found is lost.

    python scripts/chaos.py --rounds 20

The cluster has several raylets on this machine. Each round runs `autopart` as a person would, with workers on that
cluster, waits until they have found something, and at a random moment kills (SIGKILL) one of the three, drawn at
random: a worker's process, a node (its raylet and all that runs there; another joins), or the driver, whose run is then
resumed. The plan at the end must rank no worse than the best that the journal held before the kill.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from autopart.cli.run_folder import JOURNAL, read_run
from autopart.cost.metrics import METRICS
from autopart.goals.named_goals import default_goals
from autopart.planner.aims import aim_of
from autopart.search import JournalError
from autopart.search.journal import Section, read_journal
from autopart.text.quantities import seconds_text
from autopart.text.readable import plain_table

KINDS: Final = ("worker", "node", "driver")
ROUNDING: Final = 1e-9
"""Seconds of folded and whole programs that differ by no more, relatively, are the same."""


@dataclass(frozen=True)
class Round:
    """What one round came to.

    Attributes:
        fault: what was killed.
        states: evaluated when it was.
        before, after: step time in seconds of the best before the fault and of the plan at the end.
        left, joined: workers that were lost, and that reported, in the last process of the driver.
        resumed: whether the run had to be resumed.
        seconds: that the round took.
        kept: whether the plan ranks no worse than the best before the fault.
    """

    fault: str
    states: int
    before: float
    after: float
    left: int
    joined: int
    resumed: bool
    seconds: float
    kept: bool


class Machines:
    """A cluster of Ray with raylets of its own on this machine: a head without workers, and nodes of one CPU."""

    def __init__(self, nodes: int, object_store_bytes: int) -> None:
        from ray.cluster_utils import Cluster

        store = {"object_store_memory": object_store_bytes}
        self._store = store
        self._cluster: Any = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 0, "_system_config": {"worker_niceness": 0}, **store}
        )
        self.nodes = [self._added() for _ in range(nodes)]

    def _added(self) -> Any:
        return self._cluster.add_node(num_cpus=1, **self._store)

    @property
    def address(self) -> str:
        """What a driver connects to."""
        return str(self._cluster.address)

    def replace_node(self, number: int) -> None:
        """Kill a node, and add another."""
        self._cluster.remove_node(self.nodes.pop(number), allow_graceful=False)
        self.nodes.append(self._added())

    def workers(self) -> list[int]:
        """Process ids of the actors that search: children of our raylets, and nobody else's."""
        raylets = {info.process.pid for node in self.nodes for info in node.all_processes["raylet"]}
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _is_worker(pid, raylets)]

    def stop(self) -> None:
        """End all."""
        self._cluster.shutdown()


def _is_worker(pid: int, raylets: set[int]) -> bool:
    try:
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        return parent in raylets and Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::Worker")
    except (OSError, ValueError, IndexError):
        return False  # It ended meanwhile.


def sections(run: Path) -> list[Section]:
    """What the journal of a run holds by now."""
    try:
        return read_journal(run / JOURNAL).sections
    except JournalError:
        return []


def driver(arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """The program, as a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    with log.open("ab") as output:
        command = [sys.executable, "-m", "autopart.cli", *arguments]
        return subprocess.Popen(command, env=environment, stdout=output, stderr=output)


def settled(process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for a driver to end well."""
    if process.wait() != 0:
        raise SystemExit(f"the driver failed:\n{log.read_text()[-3000:]}")


def play(machines: Machines, run: Path, settings: Sequence[str], fault: str, draw: random.Random) -> Round:
    """One round."""
    began, log = time.monotonic(), run.with_suffix(".log")
    process = driver([*settings, f"ray.address={machines.address}", f"hydra.run.dir={run}"], log)
    wanted = draw.randrange(100, 600)
    while process.poll() is None and sum(len(s.states) for s in sections(run)) < wanted:
        time.sleep(0.2)
    held = sections(run)
    best = held[-1].improvements[-1].metrics
    faults: dict[str, Callable[[], None]] = {
        "worker": lambda: os.kill(draw.choice(machines.workers()), signal.SIGKILL),
        "node": lambda: machines.replace_node(draw.randrange(len(machines.nodes))),
        "driver": process.kill,
    }
    hit = process.poll() is None and (fault != "worker" or bool(machines.workers()))
    if hit:
        faults[fault]()
    if fault == "driver" and hit:
        process.wait()
        process = driver(["resume", str(run), f"ray.address={machines.address}"], log)
    settled(process, log)
    plan = read_run(run).plan
    goals = aim_of(default_goals(plan.mesh), plan.mesh).goals
    figures = json.loads((run / "metrics.json").read_text())["search"]["workers"]
    step = METRICS.index("step_s")
    lenient = [
        value * (1 + ROUNDING) if name.endswith("_s") else value for name, value in zip(METRICS, best, strict=True)
    ]
    return Round(
        fault if hit else "none: it had ended",
        sum(len(s.states) for s in held),
        best[step],
        plan.metrics["step_s"],
        len(figures["left"]),
        figures["joined"],
        fault == "driver" and hit,
        time.monotonic() - began,
        goals.rank([plan.metrics[name] for name in METRICS]) <= goals.rank(lenient),
    )


def table(rounds: Sequence[Round]) -> Table:
    """A row a round."""
    out = plain_table("Kills during searches")
    columns = ("", "killed", "at state", "before", "after", "lost", "resumed", "took", "kept")
    for column in columns:
        out.add_column(column, justify="left" if column == "killed" else "right")
    for number, one in enumerate(rounds, 1):
        out.add_row(
            str(number), one.fault, str(one.states), seconds_text(one.before), seconds_text(one.after), str(one.left),
            "yes" if one.resumed else "", f"{one.seconds:.0f} s", "yes" if one.kept else "NO",
        )  # fmt: skip
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the rounds; returns 0 if nothing was lost, else 1."""
    parser = argparse.ArgumentParser(
        prog="python scripts/chaos.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20, help="how many (default: 20)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="what is killed (default: all)")
    parser.add_argument("--nodes", type=int, default=2, help="raylets with a worker each (default: 2)")
    parser.add_argument("--seed", type=int, default=0, help="of what is killed, and when (default: 0)")
    parser.add_argument("--model", default="t32", help="default: t32")
    parser.add_argument("--preset", choices=("full", "tiny"), default="full", help="sizes (default: full)")
    parser.add_argument("--mesh", default="tpu_v3_16x2", help="default: tpu_v3_16x2")
    parser.add_argument("--simulations", type=int, default=4000, help="evaluated states of a search (default: 4000)")
    parser.add_argument("--object-store-mb", type=int, default=100, help="of each raylet (default: 100)")
    parser.add_argument("--json", action="store_true", help="print the rounds as JSON, as the last line")
    options = parser.parse_args(argv)
    settings = [
        f"model={options.model}", f"model.fields.preset={options.preset}", f"mesh={options.mesh}",
        "search.backend=ray", f"search.workers={options.nodes}", f"search.simulations={options.simulations}",
    ]  # fmt: skip
    draw, rounds = random.Random(options.seed), list[Round]()
    with tempfile.TemporaryDirectory() as folder:
        machines = Machines(options.nodes, options.object_store_mb * 10**6)
        try:
            for number in range(options.rounds):
                fault = draw.choice(options.kinds)
                rounds.append(play(machines, Path(folder) / f"run{number}", settings, fault, draw))
                Console(stderr=True).print(json.dumps(asdict(rounds[-1])), markup=False, soft_wrap=True)
        finally:
            machines.stop()
    Console().print(table(rounds))
    if options.json:
        print(json.dumps([asdict(one) for one in rounds]))
    return 0 if all(one.kept for one in rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
