"""Schedules by name: files are read and never run, plans give their tactics, names are imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from autopart.errors import AutopartError, PlanError, TacticError
from autopart.plan.document import save_plan
from autopart.plan.plan import plan_of
from autopart.plan.schedule_file import DIMENSIONS, load_schedule
from autopart.tactics.manual import FIRST_DIVISIBLE_DIM, REPLICATED, Atomic, Manual
from tests.autopart.tiny import tiny

FILE = '''"""What it does."""

from __future__ import annotations

import autopart
from autopart.tactics import FIRST_DIVISIBLE_DIM, REPLICATED, Atomic, Dim, Manual

# A comment.
SCHEDULE: list[Manual | Atomic] = [
    Manual({"batch": 0, "params/layers/*/w": -1}, axis="batch", name="a name"),
    Atomic(("params/embed", "params/{a,b}"), "model"),
    autopart.Manual({"x": FIRST_DIVISIBLE_DIM, "y": REPLICATED, "z": autopart.REPLICATED}, "model"),
    Manual(tiles={"q": Dim.FIRST_DIVISIBLE_DIM}, axis="model"),
]
'''


def written(folder: Path, text: str) -> str:
    path = folder / "schedule.py"
    path.write_text(text)
    return str(path)


def test_a_file_gives_its_tactics(tmp_path: Path) -> None:
    assert load_schedule(written(tmp_path, FILE)).tactics == (
        Manual({"batch": 0, "params/layers/*/w": -1}, "batch"),
        Atomic(("params/embed", "params/{a,b}"), "model"),
        Manual({"x": FIRST_DIVISIBLE_DIM, "y": REPLICATED, "z": REPLICATED}, "model"),
        Manual({"q": FIRST_DIVISIBLE_DIM}, "model"),
    )
    assert load_schedule(written(tmp_path, FILE)).tactics[0].name == "a name"
    assert load_schedule(written(tmp_path, "SCHEDULE = []")).tactics == ()


def test_what_a_plan_writes_is_read_again(tmp_path: Path) -> None:
    plan = plan_of(tiny("mlp"), [Manual({"batch": 0}, "batch", "dp"), Atomic(("params/layers/0/w",), "model"),
                                 Manual({"params/layers/*/w": FIRST_DIVISIBLE_DIM}, "model")])  # fmt: skip
    assert load_schedule(written(tmp_path, plan.schedule_source())).tactics == plan.schedule
    save_plan(plan, tmp_path / "plan.json")
    for name in (tmp_path, tmp_path / "plan.json"):
        found = load_schedule(str(name))
        assert found.tactics == plan.schedule
        assert found.saved is not None
        assert found.saved.metrics == plan.metrics


def test_the_names_are_those_of_the_tactics() -> None:
    assert DIMENSIONS["REPLICATED"] is REPLICATED


HOSTILE = [
    "import os\nSCHEDULE = []",
    "from os import system\nSCHEDULE = []",
    "from autopart.tactics import Manual as M\nSCHEDULE = []",
    "from . import tactics\nSCHEDULE = []",
    "open('{witness}', 'w')\nSCHEDULE = []",
    "def f(): pass\nSCHEDULE = []",
    "SCHEDULE = [open('{witness}', 'w')]",
    "SCHEDULE = [Manual({{'x': open('{witness}', 'w')}}, 'model')]",
    "SCHEDULE = [Manual({{open('{witness}', 'w'): 1}}, 'model')]",
    "SCHEDULE = [Manual({{'x': 1}}, f\"{{open('{witness}', 'w')}}\")]",
    "SCHEDULE = [Manual({{'x': (lambda: 0)()}}, 'model')]",
    "SCHEDULE = [Manual({{'x': 0}}, 'mo' + 'del')]",
    "SCHEDULE = [Manual({{**open('{witness}', 'w')}}, 'model')]",
    "SCHEDULE = [Manual(**open('{witness}', 'w'))]",
    "SCHEDULE = [Manual(*open('{witness}', 'w'))]",
    "SCHEDULE = [Manual.__init__({{'x': 0}}, 'model')]",
    "SCHEDULE = [autopart.tactics.Manual({{'x': 0}}, 'model')]",
    "SCHEDULE = [os.Manual({{'x': 0}}, 'model')]",
    "SCHEDULE = [Manual for _ in open('{witness}', 'w')]",
    "SCHEDULE = [*open('{witness}', 'w')]",
    "SCHEDULE = open('{witness}', 'w')",
    "SCHEDULE = []\nSCHEDULE += [open('{witness}', 'w')]",
    "SCHEDULE: open('{witness}', 'w')",
    "if open('{witness}', 'w'):\n    SCHEDULE = []",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_file_is_read_and_not_run(tmp_path: Path, text: str) -> None:
    witness = tmp_path / "witness"
    name = written(tmp_path, text.format(witness=witness))
    with pytest.raises(PlanError, match=r"schedule\.py:\d: .*\n  .*not run\. Fix: write it out"):
        load_schedule(name)
    assert not witness.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SCHEDULE = [", r"schedule\.py:1: not Python"),
        ("x = '\\ud800'", "holds imports and SCHEDULE"),
        ("", "must say SCHEDULE = .* once, says it 0 times"),
        ("SCHEDULE = []\nSCHEDULE = []", "once, says it 2 times"),
        ("SCHEDULE = [\n    Manul({'x': 0}, 'model')\n]", r"schedule\.py:2: .*\n  no tactic 'Manul'; there is Manual"),
        ("SCHEDULE = [Auto()]", "Auto searches, which a schedule file does not"),
        (
            "SCHEDULE = [\n\nManual({'x': 'y'}, 'model')]",
            r"schedule\.py:3: Manual: .*is not a pattern with a dimension",
        ),
        ("SCHEDULE = [Manual({'x': 1.5}, 'model')]", r"schedule\.py:1: Manual: .*is not a pattern with a dimension"),
        ("SCHEDULE = [Manual({'x': 0, 'x': 1}, 'model')]", "the key 'x' stands twice"),
        ("SCHEDULE = [Manual({'x': 0})]", r"schedule\.py:1: Manual: .*missing 1 required positional argument: 'axis'"),
        ("SCHEDULE = [Manual({'x': 0}, 'model', colour='red')]", "unexpected keyword argument 'colour'"),
        ("SCHEDULE = [Atomic('params', 'model')]", "takes a tuple of patterns"),
        ("SCHEDULE = " + "[" * 200 + "]" * 200, "too many nested|a tactic is one of"),
        ("SCHEDULE = [Manual(" + "-" * 5000 + "1, 'model')]", "cannot be read|not Python|written out"),
    ],
)
def test_what_is_no_schedule_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises((PlanError, TacticError), match=said):
        load_schedule(written(tmp_path, text))


def test_a_file_that_is_not_text_and_one_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "schedule.py").write_bytes(b"\xff\x00")
    with pytest.raises(PlanError, match="cannot be read as a schedule"):
        load_schedule(str(tmp_path / "schedule.py"))
    with pytest.raises(PlanError, match="no schedule at"):
        load_schedule(str(tmp_path / "absent.py"))
    with pytest.raises(PlanError, match="no plan at"):
        load_schedule(str(tmp_path / "absent.json"))


def test_a_dotted_name_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_schedules.py").write_text(
        "from autopart import Manual\nDATA = 'ba' + 'tch'\nSCHEDULE = [Manual({'x': 0}, DATA)]\n"
        "OTHER = 7\nMIXED = [1]\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load_schedule("my_schedules.SCHEDULE").tactics == (Manual({"x": 0}, "batch"),)
    for name in ("OTHER", "MIXED"):
        with pytest.raises(PlanError, match=f"'my_schedules.{name}' is .*must be a list of tactics"):
            load_schedule(f"my_schedules.{name}")
    with pytest.raises(PlanError, match=r"cannot import schedule 'my_schedules\.ABSENT'"):
        load_schedule("my_schedules.ABSENT")
    with pytest.raises(PlanError, match=r"cannot import schedule 'no_such_module\.SCHEDULE'"):
        load_schedule("no_such_module.SCHEDULE")


@pytest.mark.parametrize("name", ["", "word", "a b.c", "x.yaml/", "..", "1.2"])
def test_another_name_is_told_what_there_is(name: str) -> None:
    with pytest.raises(AutopartError, match=r"not a schedule|no plan at"):
        load_schedule(name)
