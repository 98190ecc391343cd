"""Workers that judge: started when needed, used again, and started anew where a compiler took one down."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import IO, Any, Final

from autopart.benchmarks.accuracy.description import Description
from autopart.benchmarks.accuracy.verdict import FAILED, Verdict

ENVIRONMENT: Final = {
    "JAX_PLATFORMS": "cpu",  # No TPU client is made, and none is needed to compile for one.
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",  # Two processes may compile at a time.
    # The rest keeps libtpu from asking, and complaining, where it runs.
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_WORKER_ID": "0",
    "TPU_LOG_DIR": "disabled",
    "TPU_ACCELERATOR_TYPE": "v5litepod-8",
}
ROOT: Final = Path(__file__).resolve().parents[2]
WORDS_OF_A_CRASH = 400
"""Characters of a dead worker's last words that are kept."""


@dataclass(frozen=True)
class Request:
    """A question to a judge.

    Attributes:
        judge: ``tpu``, ``cpu``, ``partitioner`` or ``shardy``.
        program: what is judged.
        emit: ``spmd`` or ``jit``, which of the plan's two ways out.
        effort: of the TPU compiler; 0 is what it does unasked, -1 is quick.
        cache: folder of verdicts.
    """

    judge: str
    program: Description
    emit: str = "jit"
    effort: float = 0.0
    cache: Path | None = None

    def line(self) -> str:
        """The request as a line of JSON."""
        document = {**vars(self), "program": self.program.to_json(), "cache": str(self.cache) if self.cache else ""}
        return json.dumps(document) + "\n"


class Worker:
    """One judge's process."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._noise: IO[bytes] | None = None

    def ask(self, request: Request) -> Verdict:
        """The verdict; one that says ``failed`` where the process died, with its last words."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(request.line())
            process.stdin.flush()
            reply = process.stdout.readline()
        except BrokenPipeError:
            reply = ""
        return Verdict.from_json(json.loads(reply)) if reply else self._bury(process)

    def _start(self) -> subprocess.Popen[str]:
        self._noise = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "autopart.benchmarks.accuracy.worker"],
            cwd=ROOT, env={**os.environ, **ENVIRONMENT}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._noise,
        )  # fmt: skip
        return self._process

    def _bury(self, process: subprocess.Popen[str]) -> Verdict:
        status = process.wait()
        assert self._noise is not None
        self._noise.seek(0)
        words = self._noise.read().decode(errors="replace")[-WORDS_OF_A_CRASH:].strip()
        self.close()
        return Verdict(FAILED, f"the judge's process ended with status {status}: {words}")

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            for stream in (self._process.stdin, self._process.stdout):
                assert stream is not None
                with contextlib.suppress(BrokenPipeError):  # What a dead worker was still to read is lost.
                    stream.close()
            self._process.wait()
        if self._noise is not None:
            self._noise.close()
        self._process, self._noise = None, None


class Workers:
    """A few workers that share the questions; a context manager, which ends them."""

    def __init__(self, count: int) -> None:
        self._workers = [Worker() for _ in range(count)]
        self._idle: SimpleQueue[Worker] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(count)

    def ask(self, requests: Sequence[Request]) -> Iterator[Verdict]:
        """The verdicts, in the order of the requests, each as soon as it and those before it are there."""
        return self._threads.map(self._ask, requests)

    def _ask(self, request: Request) -> Verdict:
        worker = self._idle.get()
        try:
            return worker.ask(request)
        finally:
            self._idle.put(worker)

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Any:
        self._threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.close()
