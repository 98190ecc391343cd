"""Worker processes that judge programs; one that dies or hangs is a finding about the program that it was at."""

from __future__ import annotations

import multiprocessing as mp
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from autopart.benchmarks.fuzz.generate import generate
from autopart.benchmarks.fuzz.shrink import shrink
from autopart.benchmarks.fuzz.trial import Outcome, Trial, run_program

XLA_FLAGS = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
"""Most of the time goes to compiling small programs that run once."""

_DEVICES = 8
_PATIENCE_S = 300.0
_FORGET_AFTER = 50
"""Programs after which a worker drops what JAX has compiled."""


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    number: int = -1
    deadline: float = 0.0

    def give(self, number: int) -> None:
        """Sends a program to judge."""
        self.number, self.deadline = number, time.monotonic() + _PATIENCE_S
        self.pipe.send(number)

    def end(self) -> None:
        """Ends the process, whatever it is at."""
        self.pipe.close()
        self.process.kill()
        self.process.join()


def prepare_devices() -> None:
    """Eight host devices in this process."""
    import jax

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", _DEVICES)


def _serve(pipe: Connection, seed: int, shrink_s: float) -> None:
    """The life of a worker: takes numbers of programs, gives back what became of them."""
    import signal

    import jax

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer.
    prepare_devices()
    done = 0
    while True:
        try:
            outcome = run_program(seed, pipe.recv())
            if outcome.failed is not None and shrink_s > 0:
                outcome.failed = shrink(outcome.failed, outcome.verdict, shrink_s)
            pipe.send(outcome)
        except (EOFError, BrokenPipeError):  # The parent is gone, or has no more to do.
            return
        done += 1
        if done % _FORGET_AFTER == 0:
            jax.clear_caches()


@contextmanager
def _flags() -> Iterator[None]:
    """The environment that a new process starts with; XLA reads its flags before any code of ours runs."""
    before = os.environ.get("XLA_FLAGS")
    os.environ["XLA_FLAGS"] = f"{before or ''} {XLA_FLAGS}".strip()
    try:
        yield
    finally:
        os.environ.pop("XLA_FLAGS")
        if before is not None:
            os.environ["XLA_FLAGS"] = before


def _start(seed: int, shrink_s: float) -> _Worker:
    context = mp.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, seed, shrink_s), daemon=True)
    with _flags():
        process.start()
    theirs.close()
    return _Worker(process, ours)


def _lost(seed: int, number: int, how: str) -> Outcome:
    """The finding about a program that took its process with it; not shrunk."""
    return Outcome(number, verdict=f"crash: {how}", failed=Trial(generate((seed, number)), {}, ()))


def outcomes(seed: int, numbers: Iterator[int], workers: int, shrink_s: float = 60.0) -> Iterator[Outcome]:
    """Judges programs in worker processes and yields what became of each, in the order in which they end.

    Args:
        seed: of all programs.
        numbers: which programs.
        workers: processes.
        shrink_s: about how long a failure may be shrunk, 0 for not at all.
    """
    busy: list[_Worker] = []
    try:
        for number in (n for _, n in zip(range(workers), numbers, strict=False)):
            busy.append(_start(seed, shrink_s))
            busy[-1].give(number)
        while busy:
            for worker in _ready(busy):
                outcome = _answer(worker, seed)
                if outcome.verdict.startswith("crash: the process"):
                    worker.end()
                    busy[busy.index(worker)] = worker = _start(seed, shrink_s)
                yield outcome
                if (number := next(numbers, -1)) >= 0:
                    worker.give(number)
                else:
                    worker.end()
                    busy.remove(worker)
    finally:
        for worker in busy:
            worker.end()


def _ready(busy: list[_Worker]) -> list[_Worker]:
    """Workers that have answered, died, or been at it for too long."""
    patience = max(min(w.deadline for w in busy) - time.monotonic(), 0.0)
    answered = wait([w.pipe for w in busy], timeout=patience)
    return [w for w in busy if w.pipe in answered or w.deadline < time.monotonic()]


def _answer(worker: _Worker, seed: int) -> Outcome:
    if not worker.pipe.poll():
        return _lost(seed, worker.number, f"the process did not answer in {_PATIENCE_S:.0f} s")
    try:
        outcome: Outcome = worker.pipe.recv()
    except (EOFError, ConnectionResetError):
        worker.process.join()
        return _lost(seed, worker.number, f"the process ended with {worker.process.exitcode}")
    return outcome
