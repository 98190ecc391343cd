"""``autopart explain`` and ``autopart compare`` on run folders, whole, crashed and foreign."""

from __future__ import annotations

import io
import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from rich.console import Console

from autopart.benchmarks.schedules import EXPERTS
from autopart.cli.compare import compare_runs
from autopart.cli.explain import explain_run
from autopart.cli.run_folder import REPORT, write_config, write_plan
from autopart.errors import PlanError
from autopart.plan.plan import plan_of
from tests.autopart.text.test_html_page import EVIL, Seen
from tests.autopart.tiny import tiny

MODEL = {"name": EVIL, "target": "autopart.benchmarks.models.mlp.step", "fields": {"preset": "tiny"}}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    for number, name in enumerate(("BP", "BP+MP+Z3")):
        write_config(folder / f"{number}_mlp", {"model": MODEL})
        write_plan(folder / f"{number}_mlp", plan_of(tiny("mlp"), EXPERTS["mlp"][1][name]))
    write_config(folder / "2_crashed", {"model": MODEL})
    write_config(folder / "3_foreign", {"model": {**MODEL, "target": "somebody.s"}})
    write_plan(folder / "3_foreign", plan_of(tiny("mlp"), []))
    return folder


def terminal() -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=200, emoji=False, highlight=False), file


def explained(run: Path, of: str | None = None, other: Path | None = None, as_json: bool = False) -> str:
    console, file = terminal()
    explain_run(run, of, other, None, console, as_json)
    return file.getvalue()


def test_a_run_is_explained_from_its_folder(sweep: Path) -> None:
    run = sweep / "1_mlp"
    assert "Tactic by tactic" in explained(run)
    text = explained(run, "rs1")
    assert "mlp.py:" in text
    assert "tactic 1 (data parallel on batch)" in text
    assert "avoid    without" in text
    assert "P(('model', 'batch'))" in explained(run, "params/layers/1/w")
    document = json.loads(explained(run, "all_gather:batch", as_json=True))
    assert {row["kind"] for row in document} == {"all_gather"}
    assert "The other plan" in explained(run, other=sweep / "0_mlp")


def test_a_foreign_target_is_not_imported(sweep: Path) -> None:
    with pytest.raises(PlanError, match=r"explain .*3_foreign --target somebody.s"):
        explained(sweep / "3_foreign")
    with pytest.raises(PlanError, match="no plan at"):
        explained(sweep)


def test_runs_of_a_sweep_in_one_table_and_one_page(sweep: Path) -> None:
    console, file = terminal()
    rows = compare_runs([sweep], console, sweep / "page.html", False)
    assert [bool(row.crashed) for row in rows] == [False, False, False, True]
    steps = [row.step_s for row in rows[:3]]
    assert steps == sorted(steps, key=lambda s: s or 0.0)
    assert "crashed: stopped before it was done" in " ".join(file.getvalue().split())
    seen = Seen((sweep / "page.html").read_text())
    assert "img" not in seen.tags
    assert seen.text.count(EVIL) == 1  # Said once of all runs.
    with pytest.raises(PlanError, match="no run in"):
        compare_runs([sweep / "nothing"], console, None, False)


class Links(Seen):
    """Where the links of a page lead, beside what stands on it."""

    def __init__(self, text: str) -> None:
        self.hrefs: list[str] = []
        super().__init__(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        self.hrefs += [value or "" for name, value in attrs if name == "href"]


@pytest.mark.parametrize("below", [".", "pages"])
def test_a_run_leads_from_the_page_to_its_report(tmp_path: Path, below: str) -> None:
    names = [f"{EVIL} #?%41", "javascript:alert(1)", "none"]
    for name in names:
        write_config(tmp_path / name, {"model": MODEL})
        write_plan(tmp_path / name, plan_of(tiny("mlp"), EXPERTS["mlp"][1]["BP"]))
        if name != "none":
            (tmp_path / name / REPORT).write_text(name)
    page = tmp_path / below / "page.html"
    page.parent.mkdir(exist_ok=True)
    rows = compare_runs([tmp_path], terminal()[0], page, False)
    links = Links(page.read_text())
    assert set(links.tags) & {"img", "script"} == set()
    assert {row.name for row in rows if not row.report} == {f"{tmp_path.name}/none"}
    assert len(links.hrefs) == 2
    for href in links.hrefs:
        assert not urlsplit(href).scheme
        assert not urlsplit(href).query + urlsplit(href).fragment
        assert (page.parent / unquote(href)).read_text() in names


def test_runs_say_in_which_settings_they_differ_and_which_is_best(sweep: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("BP", "BP+MP+Z3")):
        folder = tmp_path / f"{number}"
        write_config(folder, {"model": MODEL, "search": {"seed": number, "prior": "static"}})
        write_plan(folder, plan_of(tiny("mlp"), EXPERTS["mlp"][1][name]))
    rows = compare_runs([tmp_path, tmp_path / "0", sweep / "0_mlp"], terminal()[0], None, False)
    assert len(rows) == 3  # A run that is named twice stands there once.
    assert sum(row.best for row in rows) == 1
    assert rows[0].best
    own = compare_runs([tmp_path], terminal()[0], None, False)
    assert {row.name.rpartition("/")[2]: dict(row.settings) for row in own} == {
        "0": {"search.seed": "0"}, "1": {"search.seed": "1"}
    }  # fmt: skip
    assert not any(row.settings for row in rows)  # One of them does not say its seed.


def test_a_plan_file_names_its_run_and_a_changed_program_is_refused_in_few_lines(sweep: Path, tmp_path: Path) -> None:
    assert explained(sweep / "1_mlp" / "plan.json", "RS1") == explained(sweep / "1_mlp", "rs1")
    write_config(tmp_path, {"model": {**MODEL, "fields": {"preset": "tiny", "layers": 9}}})
    write_plan(tmp_path, plan_of(tiny("mlp"), EXPERTS["mlp"][1]["BP"]))
    with pytest.raises(PlanError, match=r"is not the one that the plan was made for(.|\n)*Fix: ") as caught:
        explained(tmp_path)
    assert len(str(caught.value).splitlines()) <= 10
