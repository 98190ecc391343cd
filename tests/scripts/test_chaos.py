"""Chaos, in small: a driver is killed and its run resumed; what would be a loss is seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from scripts.chaos import Round, table

ROOT = Path(__file__).parents[2]

ROUND = Round("node", 150, 2e-3, 1e-3, 1, 3, False, 9.0, True)


def test_a_round_of_each_is_a_row() -> None:
    shown = table([ROUND, replace(ROUND, fault="driver", resumed=True, kept=False)])
    assert shown.row_count == 2
    assert [list(column.cells)[1] for column in shown.columns][-1] == "NO"


def test_a_killed_driver_loses_nothing() -> None:
    small = [
        "--kinds",
        "driver",
        "--rounds",
        "1",
        "--nodes",
        "1",
        "--model",
        "mlp",
        "--preset",
        "tiny",
        "--mesh",
        "cpu_4x2",
    ]
    # In a process of its own: Ray's Cluster leaves a socket open until the end.
    done = subprocess.run(
        [sys.executable, "scripts/chaos.py", *small, "--simulations", "1000", "--json"], capture_output=True, text=True,
        timeout=1200, check=False, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [one] = json.loads(done.stdout.splitlines()[-1])
    assert one["kept"]
    assert one["after"] <= one["before"] * (1 + 1e-9)
    assert one["resumed"] == (one["fault"] == "driver")
