"""The benchmark of scanned layers beside unrolled ones."""

from __future__ import annotations

import json

import pytest

from autopart.benchmarks.scan import SEARCHED, main
from autopart.benchmarks.schedules import T32


def test_scanned_and_unrolled_layers_are_laid_out_alike(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--layers", "2", "--simulations", "20", "--seconds", "0.05", "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    scanned, unrolled = found["ops"]
    assert scanned < unrolled
    experts = {name: plan for name, plan in found["schedules"].items() if name != SEARCHED}
    assert set(experts) == set(T32)
    assert not any(plan["different_layouts"] for plan in experts.values())
