"""A user's own tactics on disk: they come back by their class, or as their tiles, and nothing is imported."""

from __future__ import annotations

import json
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autopart import DataParallel, Plan, PlanError, SavedTactic, TacticError, load_plan, plan_of, save_plan
from autopart.plan.document import digest, document_text
from autopart.plan.schedule_file import load_schedule, read_schedule
from autopart.tactics.as_json import from_json, to_json
from autopart.tactics.custom import SavedTacticWarning
from autopart.tactics.strategies import ArgumentStrategy
from tests.autopart.tactics.own import Inside, Spoken, Widest
from tests.autopart.tiny import tiny

WIDEST = Widest("model", ("w", "b"))


@pytest.fixture
def plan() -> Plan:
    return plan_of(tiny("mlp"), [DataParallel("batch"), WIDEST])


def saved(plan: Plan, folder: Path) -> Path:
    save_plan(plan, folder / "plan.json")
    (folder / "schedule.py").write_text(plan.schedule_source())
    return folder


def test_it_comes_back_by_its_class(plan: Plan, tmp_path: Path) -> None:
    folder = saved(plan, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [load_plan(folder, tactics=[Spoken, Widest]).schedule, read_schedule(folder / "schedule.py", [Widest])]
    assert found == [plan.schedule] * 2
    assert all(isinstance(schedule[1], Widest) for schedule in found)


def test_of_a_class_that_was_not_handed_over_the_tiles_stay_and_that_is_said(plan: Plan, tmp_path: Path) -> None:
    folder = saved(plan, tmp_path)
    with pytest.warns(SavedTacticWarning, match=r"tests\.autopart\.tactics\.own:Widest is applied as the tiles"):
        first = load_plan(folder).schedule
    with pytest.warns(SavedTacticWarning):
        second = load_schedule(str(folder / "schedule.py")).tactics
    for schedule in (first, second):
        again = plan_of(tiny("mlp"), schedule)
        assert isinstance(schedule[1], SavedTactic)
        assert (again.state.key(), again.metrics) == (plan.state.key(), plan.metrics)
        assert schedule[1].name == "widest"
        rewritten = plan_of(tiny("mlp"), schedule)
        assert rewritten.schedule_source().count("SavedTactic(") == 1


def test_nothing_that_a_file_names_is_imported(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "evil_module.py").write_text("raise SystemExit('imported')")
    folder = saved(plan, tmp_path)
    document = json.loads((folder / "plan.json").read_text())
    document["tactics"][1]["kind"] = "evil_module:Evil"
    del document["digest"]
    (folder / "plan.json").write_text(document_text({**document, "digest": digest(document)}))
    source = (folder / "schedule.py").read_text().replace("tests.autopart.tactics.own:Widest", "evil_module:Evil")
    (folder / "schedule.py").write_text(source)
    with pytest.warns(SavedTacticWarning, match="evil_module:Evil"):
        assert isinstance(load_plan(folder, [Widest]).schedule[1], SavedTactic)
    with pytest.warns(SavedTacticWarning, match="evil_module:Evil"):
        assert isinstance(read_schedule(folder / "schedule.py", [Widest])[1], SavedTactic)
    assert "evil_module" not in sys.modules


def test_a_class_may_say_itself_what_is_written(tmp_path: Path) -> None:
    plan = plan_of(tiny("mlp"), [Spoken("params/layers/*/w")])
    folder = saved(plan, tmp_path)
    [again] = load_plan(folder, tactics=[Spoken]).schedule
    assert isinstance(again, Spoken)
    assert plan_of(tiny("mlp"), [again]).state.key() == plan.state.key()


def test_what_tiles_values_without_names_needs_its_class(tmp_path: Path) -> None:
    plan = plan_of(tiny("mlp"), [Inside("model")])
    folder = saved(plan, tmp_path)
    assert load_plan(folder, tactics=[Inside]).schedule == plan.schedule
    with pytest.warns(SavedTacticWarning):
        [again] = load_plan(folder).schedule
    with pytest.raises(TacticError, match=r"values that have no names.*load_plan\(path, tactics=\[Inside\]\)"):
        plan_of(tiny("mlp"), [again])


def test_a_strategy_that_a_user_derived_is_their_own() -> None:
    @dataclass(frozen=True)
    class Mine(ArgumentStrategy):
        title, looks_for = "mine", "weights"

        def tiles(self, problem: Any) -> dict[str, Any]:
            return {"params/layers/*/w": 1}

    written = to_json(Mine("model"))
    assert written["tactic"] == "SavedTactic"
    assert written["kind"].endswith("Mine")
    again = from_json(written)
    assert isinstance(again, SavedTactic)
    assert again.fields == {"axis": "model", "among": ""}


class Mute:
    axis, name = "model", ""

    def steps(self, state: Any) -> Any:
        return state.steps([])


@dataclass(frozen=True)
class Opaque:
    axis: str
    held: object
    name: str = ""

    def steps(self, state: Any) -> Any:
        return state.steps([])


@pytest.mark.parametrize(
    ("tactic", "why"),
    [
        (Mute(), "make it a dataclass, or give it to_json and from_json"),
        (Opaque("model", object()), "not JSON serializable. Fix: give it to_json"),
        (Opaque("model", float("nan")), "cannot be written down"),
        (Opaque("model", {1: 2}), "does not come back equal"),
    ],
)
def test_what_cannot_be_written_says_what_to_do(tactic: Any, why: str, tmp_path: Path) -> None:
    with pytest.raises(TacticError, match=why):
        save_plan(plan_of(tiny("mlp"), [tactic]), tmp_path / "plan.json")
    assert not (tmp_path / "plan.json").exists()


def test_a_class_that_changed_says_so(plan: Plan, tmp_path: Path) -> None:
    document = to_json(WIDEST) | {"fields": {"axis": "model", "wings": 3}, "tiles": None}
    body = {**json.loads((saved(plan, tmp_path) / "plan.json").read_text()), "tactics": [document]}
    del body["digest"]
    (tmp_path / "plan.json").write_text(document_text({**body, "digest": digest(body)}))
    with pytest.raises(PlanError, match="does not take the fields that were saved"):
        load_plan(tmp_path, tactics=[Widest])
