"""Schedules that earlier versions wrote are read and imported as ever."""

from __future__ import annotations

from pathlib import Path

import pytest

import autopart
from autopart import resolve, strategies
from autopart.plan.schedule_file import load_schedule
from autopart.tactics.as_json import STRATEGIES, TACTICS
from autopart.tactics.as_source import Note, schedule_source

EARLIER = '''"""Tactics for a mesh of batch=4, model=2; apply with: autopart apply schedule=schedule.py ..."""

from autopart.resolve import Resolve
from autopart.strategies import DataParallel, ZeRO3
from autopart.tactics import Atomic, Dim, FIRST_DIVISIBLE_DIM, Manual, REPLICATED

SCHEDULE = [
    DataParallel("batch"),
    ZeRO3("batch", among="params/*"),
    Resolve("attend: dot_general: i j, j k -> i k", factor="j", axis="model", name="a side"),
    Manual({"params/layers/*/w": FIRST_DIVISIBLE_DIM, "params/layers/0/b": REPLICATED}, axis="model"),
    Atomic(("params/layers/1/w",), axis="model"),
]
'''
TODAY = (
    autopart.DataParallel("batch"),
    autopart.ZeRO3("batch", among="params/*"),
    autopart.Resolve("attend: dot_general: i j, j k -> i k", "j", "model"),
    autopart.Manual(
        {"params/layers/*/w": autopart.FIRST_DIVISIBLE_DIM, "params/layers/0/b": autopart.REPLICATED}, "model"
    ),
    autopart.Atomic(("params/layers/1/w",), "model"),
)


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "schedule.py").write_text(EARLIER)
    assert load_schedule(str(tmp_path / "schedule.py")).tactics == TODAY


def test_a_module_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "written_before.py").write_text(EARLIER)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load_schedule("written_before.SCHEDULE").tactics == TODAY


def test_the_old_modules_have_every_tactic() -> None:
    assert set(strategies.__all__) == set(STRATEGIES) | {"FSDP"}
    assert resolve.Resolve is TACTICS["Resolve"]


def test_every_name_that_a_schedule_may_import_is_at_the_front_door() -> None:
    assert {*TACTICS, "FIRST_DIVISIBLE_DIM", "REPLICATED"} <= set(autopart.__all__)
    many = tuple(kind("batch") for kind in STRATEGIES.values())
    text = schedule_source((*many, *TODAY[2:]), {"batch": 4, "model": 2}, [Note("", "")] * (len(many) + 3))
    assert max(map(len, text.splitlines())) <= 120
    space: dict[str, object] = {}
    exec(compile(text, "schedule.py", "exec"), space)  # Our own text.
    assert space["SCHEDULE"] == [*many, *TODAY[2:]]
    assert [line for line in text.splitlines() if "import" in line] == ["from autopart import ("]
