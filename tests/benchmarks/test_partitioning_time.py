"""The parts of partitioning time add up, and their shares are of the compilations they say."""

from __future__ import annotations

import json

import pytest

from autopart.benchmarks.partitioning_time import JAX_TRACE, JIT, JIT_LOWERING, OURS, SPMD, document, main


def test_shares_of_made_up_seconds() -> None:
    slow = {**dict.fromkeys(OURS, 2.0), SPMD: 10.0, JIT: 20.0, JIT_LOWERING: 1.0}
    quick = {**dict.fromkeys(OURS, 1.0), JAX_TRACE: 3.0, SPMD: 100.0, JIT: 50.0, JIT_LOWERING: 1.0}
    figures = document(32, "BP", [slow, quick, quick])
    assert figures["partitioning_s"] == 9.0
    assert (figures["share"], figures["share_jit"]) == (0.09, 0.18)
    assert (figures["share_without_jax_trace"], figures["share_without_jax_trace_jit"]) == (0.06, 0.12)
    assert figures["first"]["share"] == 1.4
    assert document(32, "BP", [slow])["share"] == 1.4


def test_every_part_is_timed_on_a_shallow_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--layers", "1", "--rounds", "1", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["seconds"].keys() == {*OURS, SPMD, JIT, JIT_LOWERING}
    assert all(seconds > 0 for seconds in figures["seconds"].values())
    assert figures["partitioning_s"] == pytest.approx(sum(figures["seconds"][part] for part in OURS))


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "examples:" in capsys.readouterr().out
    for wrong in (["--layers", "0"], ["--rounds", "0"]):
        with pytest.raises(SystemExit):
            main(wrong)
