"""Asks Shardy for its rules, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from autopart.errors import AutopartError


class ShardyError(AutopartError):
    """Shardy could not be asked: the message holds what its process said."""


def ask(modules: Sequence[str]) -> list[dict[str, Any] | None]:
    """Each module's main function, flat, with Shardy's rules (see `autopart.benchmarks.shardy.populate.flat`).

    Of a module at which Shardy aborts its process there is ``None``, and another process goes on after it.

    Raises:
        ShardyError: Shardy's process fails at once, or does not understand a module.
    """
    answers: list[dict[str, Any] | None] = []
    while len(answers) < len(modules):
        done = _run(modules[len(answers) :])
        answers += [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode > 0:
            raise ShardyError(f"Shardy's process ended with status {done.returncode}:\n{done.stderr[-2000:]}")
        if done.returncode < 0:
            answers.append(None)
    return answers


def _run(modules: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Modules are read to the last before the first is answered, so that no pipe runs full."""
    return subprocess.run(
        [sys.executable, "-m", "autopart.benchmarks.shardy.populate"],
        input=json.dumps(modules), text=True, capture_output=True, check=False,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )  # fmt: skip
