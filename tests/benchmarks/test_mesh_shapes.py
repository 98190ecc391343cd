"""The benchmark of mesh shapes."""

from __future__ import annotations

import json

import pytest

from autopart.benchmarks.mesh_shapes import main


def test_each_shape_stands_beside_the_best(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--models", "mlp", "--preset", "tiny", "--devices", "8", "--device", "cpu", "--beside", "4x2"]
    assert main([*arguments, "--seeds", "2", "--budget", "60", "--json"]) == 0
    out = capsys.readouterr().out
    found, given = json.loads(out.splitlines()[-1])
    assert (found["mesh"], given["mesh"], given["found"]) == ("auto", "4x2", ["4x2", "4x2"])
    assert found["states"] == given["states"] == [60, 60]
    best = min(row["metrics"]["step_s"] for row in found["shapes"][0] if row["metrics"])
    assert found["step_s"][0] == best
    assert given["shapes"] == [[], []]
    assert "mlp: shapes of seed 0" in out


def test_a_wrong_number_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--budget", "0"])
    assert "must be at least 1" in capsys.readouterr().err
