"""Workers on Ray: who is there, what each may still evaluate, and what happens when one is gone.

Ray is imported when a crew is made, and nowhere else in this package.
"""

import pickle
import socket
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from autopart.search.errors import SearchError
from autopart.search.extras import extra
from autopart.search.journal import Evaluated
from autopart.search.sharing import Report, Update
from autopart.search.worker import Assignment, Worker

_POLL_S: Final = 0.1
_KNOCK_S: Final = 10.0
_START: Final = 10
"""How many times `patience_s` a worker may take to start: it may have to compile, or wait for its node."""

_MOST_FAILURES: Final = 3
"""A crew gives up after so many departures for each worker wanted, with no report in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where workers run.

    Attributes:
        address: of a running cluster ("auto": that of this machine); None: one for the time of the search, here.
        cpus_per_worker: what a worker takes of a node, as Ray counts it.
        object_store_bytes: of a cluster started here; None: as Ray chooses.
        period_s: how often a worker reports.
        patience_s: after so many seconds without a word a worker is late: what it may evaluate goes to others, and
            where no other is left, this process searches by itself. For its first word it has ten times as long.
        environment: variables of the workers' processes.
    """

    address: str | None = None
    cpus_per_worker: float = 1.0
    object_store_bytes: int | None = None
    period_s: float = 0.5
    patience_s: float = 60.0
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("cpus_per_worker", "period_s", "patience_s"):
            if not getattr(self, name) > 0:
                raise SearchError(f"{name} is {getattr(self, name)}: must be positive")


@dataclass(slots=True)
class Traffic:
    """What went over the wire, in bytes, and who came and went.

    `program_bytes` is the game and all else that a worker begins with: put into the object store once, and fetched
    once by each node. `sent` and `received` are by the number of the worker. `states` are those that workers
    evaluated: what several of them did counts as often. `merging_s` are the seconds that the process which leads was
    busy with reports, `memory_bytes` the most that a worker's process held.
    """

    program_bytes: int = 0
    sent: dict[int, int] = field(default_factory=dict)
    received: dict[int, int] = field(default_factory=dict)
    reports: int = 0
    states: int = 0
    merging_s: float = 0.0
    memory_bytes: int = 0
    joined: int = 0
    left: list[str] = field(default_factory=list)
    late: int = 0
    alone: bool = False


@dataclass(slots=True)
class Member:
    """A worker as the crew sees it; `granted` is what it may evaluate before it reports, `since` when it was told."""

    number: int
    actor: Any
    since: float
    granted: int = 0
    has_reported: bool = False
    told: int = 0


@contextmanager
def connected(cluster: Cluster, workers: int) -> Iterator[Any]:
    """Ray, connected; started here if there was none, and then stopped at the end.

    Raises SearchError where there is no cluster at the address.
    """
    with extra("ray", "a search or sweep on Ray"):
        import ray

    if ray.is_initialized():
        yield ray
        return
    how: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "logging_level": "error"}
    if cluster.address is None:
        how |= {"address": "local", "num_cpus": max(1, round(workers * cluster.cpus_per_worker))}
        how |= {} if cluster.object_store_bytes is None else {"object_store_memory": cluster.object_store_bytes}
    else:
        how = {"address": cluster.address, "log_to_driver": False, "logging_level": "error"}
    try:
        with warnings.catch_warnings():
            # JAX warns of any fork; what Ray forks becomes another program at once.
            warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
            _knock(cluster.address)
            ray.init(**how)
    except (ConnectionError, ValueError, OverflowError, RuntimeError, OSError) as error:
        raise SearchError(
            f"no Ray at address {cluster.address!r}: {str(error).rstrip('.')}. Fix: ray start --head, or "
            "ray.address=null; RAY_AUTH_MODE=token where the cluster wants a token."
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _knock(address: str | None) -> None:
    """Raises OSError where nobody answers at HOST:PORT, at which Ray itself goes on trying for minutes."""
    host, colon, port = (address or "").rpartition(":")
    if colon and port.isdecimal() and "://" not in host:
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK_S).close()


class Crew:
    """Keeps `workers` workers, as far as there is room, and passes messages."""

    def __init__(self, ray: Any, cluster: Cluster, workers: int, traffic: Traffic) -> None:
        self._ray, self._cluster, self._workers, self.traffic = ray, cluster, workers, traffic
        self._busy: dict[Any, Member] = {}
        self.idle: list[Member] = []
        self._environment = {"env_vars": dict(cluster.environment)} if cluster.environment else None
        self._numbers = 0
        self._failures = 0
        self._heard = time.monotonic()

    def ship(self, assignment: Assignment, known: Sequence[Evaluated]) -> bool:
        """Put into the object store what each worker begins with; return whether there was room."""
        from ray import cloudpickle

        program: bytes = cloudpickle.dumps(assignment)  # type: ignore[no-untyped-call]
        parts = [program, pickle.dumps(list(known))]
        self.traffic.program_bytes = sum(map(len, parts))
        try:
            self._shipped = [self._ray.put(part) for part in parts]
        except self._ray.exceptions.RayError as error:
            self.traffic.left.append(f"program: {_first_line(error)}")
            return False
        return True

    @property
    def members(self) -> list[Member]:
        """All who are there or about to come, by number."""
        return sorted([*self._busy.values(), *self.idle], key=lambda member: member.number)

    @property
    def is_lost(self) -> bool:
        """Whether nobody is left, and nobody comes."""
        if self._failures >= _MOST_FAILURES * self._workers:
            return True
        patience = self._cluster.patience_s * (1 if any(m.has_reported for m in self._busy.values()) else _START)
        return not self.idle and time.monotonic() - self._heard > patience

    def fill(self) -> None:
        """Ask for as many workers as are missing; one starts when Ray has room for it."""
        while len(self._busy) + len(self.idle) < self._workers and not self.is_lost:
            actor = (
                self._ray.remote(Worker)
                .options(num_cpus=self._cluster.cpus_per_worker, max_restarts=0, runtime_env=self._environment)
                .remote(self._numbers, *self._shipped)
            )
            self.send(Member(self._numbers, actor, time.monotonic()), Update(0, [], None, None))
            self._numbers += 1

    def send(self, member: Member, update: Update) -> None:
        """Tell a worker to go on."""
        message = pickle.dumps(update)
        try:
            pending = member.actor.advance.remote(message)
        except self._ray.exceptions.RayError:  # The object store is full: do without the news.
            message = pickle.dumps(update._replace(states=[]))
            pending = member.actor.advance.remote(message)
        sent = self.traffic.sent
        sent[member.number] = sent.get(member.number, 0) + len(message)
        member.granted, member.since = update.grant, time.monotonic()
        self._busy[pending] = member

    def receive(self) -> list[tuple[Member, Report]]:
        """Wait a moment, and return the reports that came; whoever died is no longer a member."""
        if not self._busy:
            time.sleep(_POLL_S)
            return []
        ready, _ = self._ray.wait(list(self._busy), num_returns=1, timeout=_POLL_S)
        more, _ = self._ray.wait(list(self._busy), num_returns=len(self._busy), timeout=0)
        reports = []
        for pending in dict.fromkeys([*ready, *more]):
            member = self._busy.pop(pending)
            try:
                message = self._ray.get(pending)
            except self._ray.exceptions.RayTaskError:
                raise
            except self._ray.exceptions.RayError as error:
                self._failures += 1
                self.traffic.left.append(f"worker {member.number}: {_first_line(error)}")
                continue
            reports.append((member, self._opened(member, message)))
        return reports

    def _opened(self, member: Member, message: bytes) -> Report:
        traffic, self._heard, self._failures = self.traffic, time.monotonic(), 0
        traffic.received[member.number] = traffic.received.get(member.number, 0) + len(message)
        traffic.reports += 1
        traffic.joined += not member.has_reported
        member.granted, member.has_reported = 0, True
        report: Report = pickle.loads(message)
        traffic.states += len(report.states)
        traffic.memory_bytes = max(traffic.memory_bytes, report.memory_bytes)
        return report

    def call_in(self) -> None:
        """Take back what workers may evaluate that have not been heard of for too long; they stay members."""
        for member in self._busy.values():
            if member.granted and time.monotonic() - member.since > self._cluster.patience_s:
                member.granted = 0
                self.traffic.late += 1

    def dismiss(self) -> None:
        """End all workers."""
        for member in self.members:
            self._ray.kill(member.actor)
        self._busy.clear()
        self.idle.clear()


def _first_line(error: Exception) -> str:
    return ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])
