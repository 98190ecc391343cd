"""No primitive of the installed JAX is forgotten."""

from __future__ import annotations

import json

import pytest

from autopart.benchmarks import coverage
from autopart.program.graph import BOUNDARY
from autopart.program.trace import INLINED
from autopart.sharding.rules.custom import CUSTOM_PARTITIONING
from autopart.sharding.rules.replicated import ALWAYS_REPLICATED, QUIET, TRACED
from autopart.sharding.rules.table import RULES


def test_every_primitive_of_jax_is_in_one_list() -> None:
    """A newer JAX that brings a primitive fails here: give it a rule, or a reason in ``autopart/rules/whole.py``."""
    assert coverage.coverage().forgotten == ()


def test_every_rule_is_for_a_primitive_that_there_is() -> None:
    assert {*RULES, CUSTOM_PARTITIONING} - set(coverage.primitives()) == set(BOUNDARY)  # Those are ours.


def test_the_lists_say_what_the_trace_does() -> None:
    assert {name for name, how in TRACED.items() if how == "is inlined"} == set(INLINED)
    assert set(ALWAYS_REPLICATED) >= QUIET


def test_the_walk_finds_primitives_of_every_corner() -> None:
    found = coverage.primitives()
    assert {"add", "scan", "cholesky", "threefry2x32", "psum", "pallas_call", "bcoo_todense"} <= set(found)


def test_a_forgotten_primitive_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    known = coverage.primitives()
    monkeypatch.setattr(coverage, "primitives", lambda: {**known, "brand_new": "jax"})
    assert coverage.main(["--json"]) == 1
    printed = capsys.readouterr()
    assert "'brand_new' is in no list" in printed.err
    report = json.loads(printed.out.splitlines()[-1])
    assert report["forgotten"] == ["brand_new"]
    assert report["counts"]["rules"] == len(report["rules"]) > 100


def test_the_tables_name_primitives_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert coverage.main(["--names"]) == 0
    assert "approx_top_k" in capsys.readouterr().out
