"""A simulation of many workers: each searches for a while, reports, waits in a queue to be answered, and goes on."""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from autopart.search.sharing import RootStatistics, merged

ASSUMPTIONS: Final = """\
Assumed: every worker has a core of its own and evaluates {rate:.0f} states/s; it reports every {period:g} s ({batch}
states at most); one process answers reports in the order in which they come, at {state_us:.0f} us a state (as
measured) and, once every {period:g} s, at what adding up the statistics of all roots takes (measured for each number of
workers); a message takes {latency_ms:g} ms each way and {bytes_state:.0f} bytes a state. Starting workers is left out.
States that several workers evaluate count as often; of what was evaluated here, another worker had already: {twice}."""


@dataclass(frozen=True)
class Costs:
    """What the simulation is told.

    Attributes:
        rate: states a second of one worker.
        state_s: seconds that merging takes for each state.
        state_bytes, update_bytes: of a state in a report, and of an answer.
        actions: edges of the root.
        period_s: between two reports.
        latency_s: of a message, one way.
        batch: most states of a report.
        cores: that workers share; ``None``: one each.
    """

    rate: float
    state_s: float
    state_bytes: float
    update_bytes: float
    actions: int
    period_s: float = 0.5
    latency_s: float = 5e-4
    batch: int = 1024
    cores: int | None = None


@dataclass(frozen=True)
class Simulated:
    """What came out for a number of workers.

    Attributes:
        workers: how many.
        per_second: states a second, of all workers together; what several of them evaluate counts as often.
        efficiency: of that without any waiting.
        busy: part of the time that the merging process is busy.
        in_bytes_s, out_bytes_s: that it receives and sends, bytes a second.
    """

    workers: int
    per_second: float
    efficiency: float
    busy: float
    in_bytes_s: float
    out_bytes_s: float


def sum_seconds(workers: int, actions: int) -> float:
    """Seconds that adding up the statistics of so many roots takes here."""
    rng = np.random.default_rng(0)
    roots = {
        number: RootStatistics(
            rng.integers(0, 50, actions), rng.random(actions), rng.random(actions), np.ones(actions, np.bool_)
        )
        for number in range(workers)
    }
    began = time.perf_counter()
    merged(roots)
    return time.perf_counter() - began


def simulate(workers: int, costs: Costs, sum_s: float, seconds: float = 60.0) -> Simulated:
    """Play so many seconds of a search; ``sum_s`` is what one sum over all roots takes."""
    shared = 1.0 if costs.cores is None else min(1.0, costs.cores / workers)
    rate = costs.rate * shared
    states = max(1, min(costs.batch, int(rate * costs.period_s)))
    working = states / rate
    # Workers do not begin together.
    reports = [(working * (1 + number / workers), number) for number in range(workers)]
    heapq.heapify(reports)
    free, busy, done, answered, summed = 0.0, 0.0, 0, 0, 0.0
    while reports[0][0] < seconds:
        sent, number = heapq.heappop(reports)
        begin = max(free, sent + costs.latency_s)
        service = states * costs.state_s
        if begin - summed >= costs.period_s:
            service, summed = service + sum_s, begin
        free = begin + service
        busy += service
        done, answered = done + states, answered + 1
        heapq.heappush(reports, (free + costs.latency_s + working, number))
    return Simulated(
        workers,
        done / seconds,
        done / seconds / (workers * rate),
        min(1.0, busy / seconds),
        done * costs.state_bytes / seconds,
        answered * costs.update_bytes / seconds,
    )
