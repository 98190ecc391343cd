"""A search of T32 with some number of workers on several raylets of this machine, run for run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from autopart.benchmarks.search.cases import Case, case_of
from autopart.benchmarks.search.trial import no_seeds, seeds_without
from autopart.planner.aims import aim_on
from autopart.planner.auto import RAY, Auto
from autopart.planner.listener import Listener
from autopart.planner.searching import search_after
from autopart.search import Budget, Cluster, Improvement, Progress, Traffic

MESH: Final = "16x2"
STEADY: Final = 0.5
"""The later part of a search's states, over which its speed is taken: all workers are there, all kernels compiled."""


@dataclass(frozen=True)
class Measured:
    """What a search with some workers came to.

    Attributes:
        workers, simulations: of the search; 0 workers: in one process, without Ray.
        seconds: that it took, with starting the workers.
        per_second: simulations a second over the later part of it.
        expert: (simulations, seconds) until a plan no worse than the best expert's; ``None`` if never.
        program_bytes: put into the object store once, and fetched once by each node.
        sent, received: bytes to and from each worker while it searched.
        reports, states: of all workers; a state that two of them evaluated counts twice.
        merging_s: seconds that the process which leads was busy with reports.
        joined: workers that reported.
        memory_bytes: the most that a worker's process held.
    """

    workers: int
    simulations: int
    seconds: float
    per_second: float
    expert: tuple[int, float] | None
    program_bytes: int
    sent: tuple[int, ...]
    received: tuple[int, ...]
    reports: int
    states: int
    merging_s: float
    joined: int
    memory_bytes: int

    @property
    def twice(self) -> float:
        """What part of what workers evaluated another had evaluated already."""
        return max(0.0, 1.0 - self.simulations / self.states) if self.states else 0.0

    @property
    def evaluated_per_second(self) -> float:
        """States a second over the later part, what several workers evaluated counted as often."""
        return self.per_second / (1.0 - self.twice)


class _Log(Listener):
    def __init__(self) -> None:
        self.progress: list[tuple[float, int]] = []
        self.found: list[tuple[float, Improvement]] = []
        self._began = time.perf_counter()

    def on_improvement(self, improvement: Improvement) -> None:
        self.found.append((time.perf_counter() - self._began, improvement))

    def on_progress(self, progress: Progress) -> None:
        self.progress.append((time.perf_counter() - self._began, progress.simulations))


@contextmanager
def raylets(count: int, cpus: int, object_store_bytes: int) -> Iterator[str]:
    """A cluster with so many raylets of so many CPUs each, and a head that runs no worker; its address."""
    from ray.cluster_utils import Cluster as RayCluster

    store = {"object_store_memory": object_store_bytes}
    made: Any = RayCluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "_system_config": {"worker_niceness": 0}, **store}
    )
    try:
        for _ in range(count):
            made.add_node(num_cpus=cpus, **store)
        yield str(made.address)
    finally:
        made.shutdown()


def case(preset: str) -> Case:
    """What is searched."""
    return case_of("t32", MESH, preset)


def measure(
    case: Case, address: str, workers: int, simulations: int, seed: int = 0, from_nothing: bool = False
) -> Measured:
    """One search, the best expert's schedule not among the compositions that are looked at first.

    If ``from_nothing``, no composition is looked at first; with 0 ``workers`` it runs in this process, without Ray.
    """
    log, began = _Log(), time.perf_counter()
    auto = Auto(budget=Budget(simulations), seed=seed)
    if workers:
        auto = replace(auto, backend=RAY, workers=workers, cluster=Cluster(address=address))
    seeds = no_seeds if from_nothing else seeds_without(case.expert, case.goals)
    found = search_after(case.problem, (), auto, aim_on(case.problem, case.goals), log, seeds)
    seconds, story = time.perf_counter() - began, found.story.get("workers", asdict(Traffic()))
    wanted = case.goals.rank(case.expert.metrics)
    reached = ((i.simulation, at) for at, i in log.found if case.goals.rank(i.metrics) <= wanted)
    return Measured(
        workers,
        found.story["simulations"],
        seconds,
        steady_rate(log.progress or [(seconds, found.story["simulations"])]),
        next(reached, None),
        story["program_bytes"],
        tuple(story["sent"].values()),
        tuple(story["received"].values()),
        story["reports"],
        story["states"],
        story["merging_s"],
        story["joined"],
        story["memory_bytes"],
    )


def steady_rate(progress: Sequence[tuple[float, int]]) -> float:
    """Simulations a second over the later part of (seconds, simulations)."""
    last_s, last = progress[-1]
    first_s, first = max(point for point in [(0.0, 0), *progress[:-1]] if point[1] <= last * (1 - STEADY))
    return (last - first) / (last_s - first_s)
