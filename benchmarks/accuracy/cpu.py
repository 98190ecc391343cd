"""Predicted collectives beside XLA's CPU compiler, of both ways out of a plan."""

from __future__ import annotations

from autopart.benchmarks.accuracy import hosts
from autopart.benchmarks.accuracy.compilers import CPU, JIT, SPMD
from autopart.benchmarks.accuracy.findings import Findings, Options


def judge(options: Options) -> Findings:
    """Runs the backend."""
    return hosts.judge(CPU, (SPMD, JIT), options)
