"""``hydra/launcher=ray``: every run of a sweep is a task of Ray."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from autopart.cli.settings import auto_of
from autopart.cli.sweeps.job import Job, run_apart
from autopart.cli.sweeps.launcher import Ended
from autopart.cli.terminal import console
from autopart.errors import USER_ERRORS
from autopart.planner.auto import RAY
from autopart.search import Cluster
from autopart.search.crew import connected

_POLL_S: Final = 0.5


@dataclass(frozen=True)
class _Begun:
    """A job that Ray was given; ``room`` is the placement group that is kept for the workers of its search."""

    job: Job
    room: Any


@dataclass(frozen=True)
class RayPool:
    """Runs jobs on a Ray cluster: one that runs, or one here for the time of the sweep.

    A job whose search has workers begins when there is room for all of them.

    Attributes:
        cluster: where; what it says of workers is not looked at.
        cpus_per_job: what a job takes of a node, as Ray counts it; where its search has workers, these take theirs.
        cpus: of a cluster started here; ``None``: as many as there are.
    """

    cluster: Cluster
    cpus_per_job: float
    cpus: int | None

    def run(self, jobs: Sequence[Job], interrupted: Callable[[], bool]) -> Iterator[Ended]:
        """See ``Pool``.

        Raises:
            SearchError: there is no cluster.
        """
        crews = [_crew_of(job) for job in jobs]
        most = max([self.cpus_per_job, *(sum(crew) for crew in crews)])
        here = self.cpus or max(os.cpu_count() or 1, math.ceil(most))
        with connected(replace(self.cluster, cpus_per_worker=1.0), here) as ray:
            if (there := ray.cluster_resources().get("CPU", 0.0)) < most:
                _warn(f"a run takes {most:g} CPUs and the cluster has {there:g}: it waits for nodes to join")
            pending = dict(self._begin(ray, job, crew) for job, crew in zip(jobs, crews, strict=True))
            is_told = False
            while pending:
                yield from _ended(ray, pending)
                if interrupted() and not is_told:
                    for task in pending:
                        ray.cancel(task)  # As Ctrl-C there: a search ends with the best so far.
                    is_told = True

    def _begin(self, ray: Any, job: Job, crew: Sequence[float]) -> tuple[Any, _Begun]:
        """Hands a job to Ray: once, in a process that runs no other."""
        from ray.util.placement_group import placement_group
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        how: dict[str, Any] = {"num_cpus": self.cpus_per_job}
        room = placement_group([{"CPU": cpus} for cpus in crew]) if crew else None
        if room is not None:
            within = PlacementGroupSchedulingStrategy(room, placement_group_capture_child_tasks=True)
            how = {"num_cpus": 0, "scheduling_strategy": within}
        return ray.remote(max_retries=0, max_calls=1, **how)(run_apart).remote(job), _Begun(job, room)


def _crew_of(job: Job) -> list[float]:
    """The CPUs of each worker that its search has; empty where it has none, or what is asked for makes no sense."""
    if job.apply_only:
        return []
    try:
        auto = auto_of(job.config["search"], job.config["ray"])
    except USER_ERRORS:  # The job will say so.
        return []
    return [auto.cluster.cpus_per_worker] * auto.workers if auto.backend == RAY else []


def _ended(ray: Any, pending: dict[Any, _Begun]) -> Iterator[Ended]:
    """Waits a moment for tasks to end, and takes those that did out of ``pending``."""
    from ray.util.placement_group import remove_placement_group

    ready, _ = ray.wait(list(pending), timeout=_POLL_S)
    for task in ready:
        begun = pending.pop(task)
        if begun.room is not None:
            remove_placement_group(begun.room)
        try:
            yield Ended(begun.job, seconds=ray.get(task))
        except ray.exceptions.TaskCancelledError:
            yield Ended(begun.job, why="interrupted")
        except ray.exceptions.RayTaskError as error:
            yield Ended(begun.job, why=f"could not be run: {_last_line(error)}")
        except ray.exceptions.WorkerCrashedError:  # Which says no more than its name.
            yield Ended(begun.job, why="its process ended without a word: killed, or crashed")
        except ray.exceptions.RayError as error:
            yield Ended(begun.job, why=f"its process ended: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]


def _warn(text: str) -> None:
    console(stderr=True).print(f"warning: {text}", markup=False, soft_wrap=True)
