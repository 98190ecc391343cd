"""Soaks: how many times as many examples there are is said once, and what makes no sense is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.examples import SOAK, examples, factor


def test_examples_are_multiplied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SOAK, raising=False)
    assert (factor(), examples(25).max_examples) == (1, 25)
    monkeypatch.setenv(SOAK, "20")
    assert (factor(), examples(25).max_examples) == (20, 500)


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "many"])
def test_a_factor_that_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(SOAK, text)
    with pytest.raises(ValueError, match="must be a whole number of at least 1"):
        factor()


@pytest.mark.parametrize("text", ["0", "1", "x"])
def test_the_script_refuses_it_before_anything_runs(text: str) -> None:
    script = Path(__file__).parents[2] / "scripts" / "soak.sh"
    done = subprocess.run(["bash", str(script), text], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"factor '{text}' must be a whole number of at least 2" in done.stderr
