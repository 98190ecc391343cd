"""The script that times the explorer runs, on a tree that it searches and on one that a run has left."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from autopart.benchmarks.report_speed import main
from tests.search.trees import searched


@pytest.fixture(autouse=True)
def needs_browser(request: pytest.FixtureRequest) -> None:
    """The script opens a browser of its own; where there is none the test goes the way of those that are given one."""
    if shutil.which("chromium") is None:
        request.getfixturevalue("browser")


def test_a_small_search_is_timed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--states", "60", "--preset", "tiny", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["states"] == 60
    assert figures["page_bytes"] < 1e6
    assert 0 < figures["expand_s"] <= figures["longest_expand_s"]
    assert min(figures[name] for name in ("first_paint_s", "best_answer_s", "chart_s")) > 0


def test_a_tree_is_read_and_photographed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    searched()[1].save(tmp_path / "tree.npz")
    assert main(["--tree", str(tmp_path / "tree.npz"), "--screenshots", str(tmp_path / "seen")]) == 0
    assert "Explorer of 200 states" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "seen").iterdir()} == {
        "tree_best.png", "tree_metrics.png", "tree_start.png",
    }  # fmt: skip


def test_a_report_is_timed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    given = ["--report", "--states", "60", "--preset", "tiny", "--screenshots", str(tmp_path), "--json"]
    assert main(given) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["states"] == 60
    assert figures["page_bytes"] < 1e6
    assert min(figures[name] for name in figures if name.endswith("_s") and name != "longest_sort_s") > 0
    assert len(list(tmp_path.iterdir())) == 4


def test_a_tree_has_no_report() -> None:
    with pytest.raises(SystemExit):
        main(["--report", "--tree", "tree.npz"])
