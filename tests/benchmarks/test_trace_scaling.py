"""Seconds of tracing by size: which programs are timed, what is divided by what, and that all parts can be timed."""

from __future__ import annotations

import json

import pytest

from autopart.benchmarks.trace_scaling import KINDS, REST, Row, barriers, conditions, document, leaves, main
from autopart.program.trace import trace_step


def test_the_programs_hold_as_many_as_they_say() -> None:
    kinds = {
        "leaves": trace_step(leaves(7)),
        "conditions": trace_step(conditions(7)),
        "barriers": trace_step(barriers(7)),
    }
    assert kinds.keys() == KINDS.keys()
    assert sum(output.carried >= 0 for output in kinds["leaves"].outputs) == 7
    assert len(kinds["conditions"].controls) == 7
    assert len({op.barrier for op in kinds["barriers"].ops} - {-1}) == 7


def test_growth_is_the_largest_of_a_kind_over_its_first() -> None:
    rows = [Row("leaves", 10, 2.0, 1.0, {}), Row("leaves", 20, 4.0, 6.0, {}), Row("barriers", 5, 1.0, 1.0, {})]
    figures = document(rows)
    assert figures["growth"] == {"leaves": pytest.approx(3.0), "barriers": 1.0}
    assert [row["ratio"] for row in figures["rows"]] == [0.5, 1.5, 1.0]
    assert figures["rows"][1]["per_item_s"] == 0.3


def test_every_part_is_timed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--kind", "conditions", "--sizes", "2", "3", "--all", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])["rows"]
    assert [row["count"] for row in rows] == [2, 3]
    assert all(row["rest_s"].keys() == set(REST) and row["ours_s"] > 0 for row in rows)


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "examples:" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--sizes", "0"])
