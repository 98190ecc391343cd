"""The benchmark of gaps, on what takes a moment."""

from __future__ import annotations

import json

import pytest

from autopart.benchmarks.gap.__main__ import main
from autopart.benchmarks.gap.blocks import block_gap


def test_enumeration_judges_a_small_program(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--programs", "head", "--shapes", "4", "--blocks"]
    assert main([*sizes, "--seeds", "2", "--budget", "40", "--limit", "300", "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (row["judge"], row["mesh"], row["proven"]) == ("exhaustive", "4", True)
    assert row["gap"] >= 0
    assert row["optimum_s"] <= min(search["step_s"] for search in row["searches"])
    assert row["states"] > 0


def test_integer_programming_judges_a_layer() -> None:
    sizes = {"d_model": 256, "heads": 8, "head_dim": 32, "d_ff": 1024, "vocab": 512, "seq": 128, "batch": 16}
    found = block_gap("t32, 1 layer", "8x4", [0], 60, **sizes)
    row = found.document()
    assert row["proven"]
    assert row["op_by_op"]["serial_s"] == pytest.approx(row["optimum_s"], rel=0.05)
    assert row["table_gap"] >= 0
    assert row["searches"][0]["serial_s"] >= 0.95 * row["optimum_s"]
