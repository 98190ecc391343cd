"""``autopart report``: the report of a run again, from its folder."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from autopart.cli.main import main
from autopart.cli.report import report_run
from autopart.cli.run_folder import METRICS_FILE, REPORT, TREE, write_config, write_plan, write_report
from autopart.errors import PlanError
from autopart.plan.plan import plan_of
from autopart.search import SearchError
from tests.autopart.report.html.reports import searched
from tests.autopart.tiny import tiny

MODEL = {"name": "mlp", "target": "autopart.benchmarks.models.mlp.step", "fields": {"preset": "tiny"}}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_config(tmp_path, {"model": MODEL})
    write_plan(tmp_path, searched())
    return tmp_path


def reported(run: Path, target: str | None = None) -> str:
    report_run(run, target, Console(file=io.StringIO()))
    return (run / REPORT).read_text(encoding="utf-8")


def test_it_is_what_the_run_wrote(run: Path) -> None:
    write_report(run, searched(), "mlp")
    first = (run / REPORT).read_text(encoding="utf-8")
    (run / REPORT).unlink()
    assert reported(run) == first
    assert 'id="tree"' in first


def test_a_run_without_a_search_has_a_report(tmp_path: Path) -> None:
    write_config(tmp_path, {"model": MODEL})
    write_plan(tmp_path, plan_of(tiny("mlp"), []))
    (tmp_path / METRICS_FILE).unlink()
    text = reported(tmp_path)
    assert 'id="memory"' in text
    assert 'id="search"' not in text


DAMAGED = [
    "{",
    "[]",
    *map(json.dumps, (
        {"search": {}},
        {"recipes": 3, "search": {}},
        {"recipes": {"BP": {"step_s": 1.0}}, "search": {}},
        {"recipes": {}, "search": {"improvements": [{"simulation": 1}]}},
    )),
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED)
def test_damaged_figures_are_told(run: Path, content: str) -> None:
    (run / METRICS_FILE).write_text(content)
    with pytest.raises(PlanError, match=r"metrics\.json is damaged"):
        reported(run)


def test_a_damaged_tree_is_told(run: Path) -> None:
    (run / TREE).write_bytes(b"PK")
    with pytest.raises(SearchError, match="damaged"):
        reported(run)


def test_a_foreign_target_is_not_imported(run: Path) -> None:
    write_config(run, {"model": {**MODEL, "target": "somebody.s"}})
    with pytest.raises(PlanError, match=r"report .* --target somebody.s"):
        reported(run)


def test_the_verb_says_where_the_report_is(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run)]) == 0
    assert str(run / REPORT) in "".join(capsys.readouterr().out.split("\n"))
    assert main(["report", str(run / "nowhere")]) == 2
    assert "error: no plan at" in capsys.readouterr().err
