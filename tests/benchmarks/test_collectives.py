"""The table of collectives: counts that agree, laws that hold, a compiler beside them, and what happens without."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autopart.benchmarks.accuracy import differences as named
from autopart.benchmarks.accuracy.verdict import DONE, FAILED, Verdict
from autopart.benchmarks.accuracy.worker import SHARDY
from autopart.benchmarks.collectives import document, tables
from autopart.benchmarks.collectives.__main__ import main
from autopart.benchmarks.collectives.derivations import LAWS, Term, derive, formula
from autopart.benchmarks.collectives.programs import TINY, Asked
from autopart.benchmarks.collectives.rows import XLA, Row, rows
from autopart.benchmarks.schedules import EXPERTS, MODEL
from autopart.emit.lower import CollectiveKey, by_kind
from autopart.tactics.manual import Manual

LAYERS = 3


def counted(model: str, *schedules: str) -> list[Row]:
    return rows(Asked([model], schedules or ("*",), layers=LAYERS), None, None, lambda text: None)


@pytest.fixture(scope="module")
def three_layers() -> dict[str, Row]:
    return {row.schedule: row for row in counted("t32")}


@pytest.mark.parametrize("model", sorted(LAWS))
def test_laws_give_what_is_counted(model: str, three_layers: dict[str, Row]) -> None:
    found = list(three_layers.values()) if model == "t32" else counted(model)
    derived = [row for row in found if row.derivation is not None]
    assert derived
    for row in derived:
        assert row.derivation is not None
        assert row.derivation.counts() == {kind: n for kind, n in by_kind(row.planned).items() if n}, row.schedule
    assert document.faults(found) == []


@pytest.mark.parametrize(
    ("schedule", "counts"),
    [
        ("BP", {"all_reduce": 290}),
        ("MP", {"all_reduce": 128}),
        ("BP+MP", {"all_reduce": 418}),
        ("BP+MP+Z2", {"all_gather": 129, "all_reduce": 289, "reduce_scatter": 129}),
    ],
)
def test_laws_give_the_published_counts(schedule: str, counts: dict[str, int]) -> None:
    derivation = derive("t32", schedule, 32)
    assert derivation is not None
    assert derivation.counts() == counts


def test_a_law_in_words() -> None:
    derivation = derive("t32", "BP+MP+Z2", 32)
    assert derivation is not None
    assert derivation.formulas() == {
        "all_reduce": "9 L + 1", "reduce_scatter": "4 L + 1", "all_gather": "4 L + 1"
    }  # fmt: skip
    assert [formula(4, 0), formula(0, 3), formula(-4, -1), formula(0, 0)] == ["4 L", "3", "-4 L - 1", "0"]
    assert Term("all_reduce", 4, 1, "").of(32) == 129
    assert derive("t32", "BP+XYZ", 32) is None
    assert derive("mlp", "BP", 4) is None


def test_counts_agree_in_all_three_places(three_layers: dict[str, Row]) -> None:
    assert all(row.agree for row in three_layers.values())
    assert document.faults(list(three_layers.values())) == []


def test_what_differs_is_told_and_is_a_fault(three_layers: dict[str, Row]) -> None:
    good = three_layers["MP"]
    assert good.counts is not None
    more = good.counts.program + Counter({next(iter(good.planned)): 1})
    bad = replace(good, counts=replace(good.counts, program=more))
    disagreement, underived = document.faults([bad])
    assert disagreement.startswith("disagreement: t32 MP: all_reduce over model of")
    assert underived.startswith("underived: t32 MP: the law gives {'all_reduce': 12}")
    assert tables.kinds([bad], None).faulty == {0}
    derived = tables.derived([bad])
    assert derived is not None
    assert derived.faulty == {0}


def test_a_schedule_that_does_not_fit_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    make, schedules = EXPERTS["mlp"]
    wrong = {**schedules, "XX": (Manual({"params/nothing": 0}, MODEL),)}
    monkeypatch.setattr("autopart.benchmarks.collectives.programs.EXPERTS", {**EXPERTS, "mlp": (make, wrong)})
    found = counted("mlp", "MP", "XX")
    assert [row.agree for row in found] == [True, False]
    [fault] = document.faults(found)
    assert fault.startswith("mlp XX: ")
    assert "params/nothing" in fault


def test_a_compiler_that_breaks_is_told_and_ends_nothing(three_layers: dict[str, Row]) -> None:
    row = replace(three_layers["MP"], verdict=Verdict(FAILED, "the judge's\nprocess ended"))
    [cells] = tables.kinds([row], XLA).cells
    assert cells[2:] == ("12", "-", "failed: the judge's process ended")
    assert document.faults([row]) == []
    assert document.summary([row])["failed"] == {"t32 MP": "the judge's\nprocess ended"}


def test_differences_of_no_explained_kind_are_named(three_layers: dict[str, Row]) -> None:
    found: Counter[CollectiveKey] = Counter(
        {("reduce_scatter", *key[1:]): n for key, n in three_layers["MP"].planned.items()}
    )
    row = replace(three_layers["MP"], verdict=Verdict(DONE, collectives=found))
    assert document.unexplained([row]) == [named.SCATTERED_SUM]


def test_loops_count_once_in_the_text_and_once_a_trip_when_run() -> None:
    [row] = counted("it32", "MP")
    assert row.counts is not None
    assert by_kind(row.counts.program)["all_reduce"] == 2 * LAYERS
    assert by_kind(row.counts.executed)["all_reduce"] == 2 * LAYERS * 1536
    table = tables.loops([row])
    assert table is not None
    assert table.cells == (("it32", "MP", "all_reduce", str(2 * LAYERS), str(2 * LAYERS * 1536)),)


def test_xla_beside_a_tiny_model(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page, cache = tmp_path / "page.md", tmp_path / "cache"
    arguments = ["--models", "mlp", "--preset", "tiny", "--json", "--markdown", str(page), "--cache", str(cache)]
    assert main(arguments) == 0
    figures: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    schedules = EXPERTS["mlp"][1]
    assert figures["programs"] == figures["agreeing"] == len(schedules)
    compiler = figures["compiler"]
    assert compiler["programs"] == compiler["equal_but_for_reduce_scatters"] == len(schedules)
    assert set(compiler["differences"]) == {named.WHOLE_SUM}
    both = figures["models"]["mlp"]["BP+MP"]
    assert both["compiler"]["collectives"] == both["collectives"] != []
    assert both["compiler"]["differences"] == {}
    assert len(list(cache.glob("*.json"))) == len(schedules)
    assert "| mlp | BP | " in page.read_text(encoding="utf-8")


def test_shardy_beside_a_tiny_model() -> None:
    [row] = rows(Asked(["mlp"], ["BP+MP"], TINY), SHARDY, None, lambda text: None)
    assert row.comparison is not None
    assert row.comparison.equal


def test_fields_follow_what_a_model_has() -> None:
    shallow = Asked(list(EXPERTS), layers=2)
    assert shallow.fields("t32") == {"preset": "full", "remat": False, "layers": 2}
    assert shallow.fields("resnet") == {"preset": "full"}
    assert (shallow.layers_of("t32"), shallow.layers_of("resnet")) == (2, None)
    assert Asked(["t32"], remat=True).fields("t32") == {"preset": "full"}
    assert Asked(["t32"]).layers_of("t32_scan") == 32


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "examples:" in capsys.readouterr().out
    for wrong in (["--layers", "0"], ["--schedules", "none such"]):
        with pytest.raises(SystemExit):
            main(wrong)
