"""A question to a fresh process of the environment, and the answers that are known already."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from autopart.benchmarks.accuracy.workers import ENVIRONMENT, ROOT, WORDS_OF_A_CRASH
from autopart.files import write_json

WORKER: Final = "autopart.benchmarks.xla_auto.worker"


class NoAnswerError(Exception):
    """The process ended without an answer, or took too long; the message says which, with its last words."""


def ask(python: Path, question: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
    """The answer of a worker that is started for this question and has nothing else to do.

    Args:
        python: the environment's interpreter.
        question: plain values, see ``worker.answer``.
        timeout_s: seconds after which the process is ended.

    Raises:
        NoAnswerError: there is none.
    """
    # A process that is ended leaves its dumps behind, so they are put where they are removed. The path is that of the
    # project alone: what else the user's holds may be another JAX, or another libtpu.
    with tempfile.TemporaryDirectory() as scratch:
        environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": str(ROOT), "TMPDIR": scratch}
        try:
            ran = subprocess.run(
                [str(python), "-m", WORKER], cwd=ROOT, env=environment, input=json.dumps(question) + "\n",
                capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as late:
            raise NoAnswerError(f"no answer within {timeout_s:.0f} s") from late
    if ran.returncode or not ran.stdout:
        words = ran.stderr[-WORDS_OF_A_CRASH:].strip()
        raise NoAnswerError(f"the process ended with status {ran.returncode}: {words}")
    reply: dict[str, Any] = json.loads(ran.stdout)
    return reply


def known_answer(cache: Path, question: Mapping[str, Any]) -> Path:
    """Where the answer to a question rests, by a hash of the question."""
    digest = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()[:32]
    return cache / f"{question['ask']}-{digest}.json"


def ask_once(python: Path, question: Mapping[str, Any], timeout_s: float, cache: Path, again: bool) -> dict[str, Any]:
    """The answer from the cache, or a new one, which is kept there at once.

    Args:
        python: the environment's interpreter.
        question: plain values; all that the answer depends on is in it, the program's text and versions too.
        timeout_s: seconds after which the process is ended.
        cache: folder of answers.
        again: ask even if the answer is known.

    Raises:
        NoAnswerError: as of `ask`.
    """
    where = known_answer(cache, question)
    if where.exists() and not again:
        known: dict[str, Any] = json.loads(where.read_text(encoding="utf-8"))
        return known
    answer = ask(python, question, timeout_s)
    write_json(where, answer)
    return answer
