"""Predicted collectives beside those that Shardy would place in ``plan.jit()``."""

from __future__ import annotations

from benchmarks.accuracy import hosts
from benchmarks.accuracy.compilers import JIT
from benchmarks.accuracy.findings import Findings, Options

SHARDY = "shardy"


def judge(options: Options) -> Findings:
    """Runs the backend."""
    return hosts.judge(SHARDY, (JIT,), options)
