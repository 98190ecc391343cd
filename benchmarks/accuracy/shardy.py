"""Predicted collectives beside those that Shardy would place in ``plan.jit()``."""

from __future__ import annotations

from autopart.benchmarks.accuracy import hosts
from autopart.benchmarks.accuracy.compilers import JIT
from autopart.benchmarks.accuracy.findings import Findings, Options

SHARDY = "shardy"


def judge(options: Options) -> Findings:
    """Runs the backend."""
    return hosts.judge(SHARDY, (JIT,), options)
