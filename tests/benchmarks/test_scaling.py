"""Scaling: the simulation's corners, and a small run of it all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from autopart.benchmarks.scaling.__main__ import main
from autopart.benchmarks.scaling.measured import steady_rate
from autopart.benchmarks.scaling.simulated import Costs, simulate, sum_seconds

COSTS = Costs(rate=400.0, state_s=1e-5, state_bytes=100.0, update_bytes=1000.0, actions=50, latency_s=0.0)


def test_without_costs_all_workers_are_busy() -> None:
    free = Costs(rate=400.0, state_s=0.0, state_bytes=100.0, update_bytes=1000.0, actions=50, latency_s=0.0)
    for workers in (1, 10, 1000):
        found = simulate(workers, free, sum_s=0.0)
        assert found.efficiency == pytest.approx(1.0, abs=0.02)
        assert found.in_bytes_s == pytest.approx(workers * 40000.0, rel=0.02)
        assert found.out_bytes_s == pytest.approx(workers * 2000.0, rel=0.02)


def test_the_merging_process_ends_the_growth() -> None:
    # It takes in at most 1 / 1e-5 states a second: those of 250 workers.
    found = simulate(1000, COSTS, sum_s=0.0)
    assert found.per_second == pytest.approx(1e5, rel=0.02)
    assert found.busy == pytest.approx(1.0, abs=0.02)
    assert simulate(100, COSTS, sum_s=0.0).efficiency > 0.95
    assert simulate(1000, COSTS, sum_s=0.25).per_second == pytest.approx(5e4, rel=0.1)


def test_cores_are_shared() -> None:
    two = Costs(rate=400.0, state_s=0.0, state_bytes=100.0, update_bytes=1.0, actions=5, latency_s=0.0, cores=2)
    assert simulate(4, two, 0.0).per_second == pytest.approx(simulate(2, two, 0.0).per_second, rel=0.02)


def test_adding_up_roots_takes_time() -> None:
    assert 0 < sum_seconds(2, 10) < 1


def test_the_rate_is_that_of_the_later_half() -> None:
    assert steady_rate([(1.0, 10), (9.0, 100), (10.0, 200), (11.0, 300)]) == 100.0
    assert steady_rate([(1.0, 10)]) == 10.0


def test_a_small_run() -> None:
    small = ["--preset", "tiny", "--workers", "1", "--raylets", "1", "--simulations", "150", "--simulate", "--json"]
    # In a process of its own: Ray's Cluster leaves a socket open until the end.
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scaling", *small], capture_output=True, text=True, timeout=300, check=False,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    out = done.stdout
    assert "Assumed: every worker has a core of its own" in out
    figures = json.loads(out.splitlines()[-1])
    [measured] = figures["measured"]
    assert (measured["workers"], measured["simulations"], measured["joined"]) == (1, 150, 1)
    assert measured["program_bytes"] > 1000
    assert measured["received"][0] > 1000
    assert [row["workers"] for row in figures["simulated"]][-1] == 1000
    assert len(figures["beside_measured"]) == 1


def test_counts_below_one_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--workers", "0"])
    assert "must be at least 1" in capsys.readouterr().err
