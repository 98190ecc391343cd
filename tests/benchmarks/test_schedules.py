"""Expert schedules fit their models at both sizes."""

from __future__ import annotations

import pytest

from autopart.plan import plan_of
from benchmarks.schedules import EXPERTS
from tests.autopart.tiny import tiny


@pytest.mark.parametrize("model", EXPERTS)
def test_every_tactic_of_every_schedule_does_something(model: str) -> None:
    for name, schedule in EXPERTS[model][1].items():
        keys = [plan_of(tiny(model), schedule[:count]).state.key() for count in range(len(schedule) + 1)]
        assert len(set(keys)) == len(keys), name
        assert all(tactic.name for tactic in schedule), name


@pytest.mark.parametrize("model", EXPERTS)
def test_what_each_schedule_is_for(model: str) -> None:
    found = {name: plan_of(tiny(model), schedule).metrics for name, schedule in EXPERTS[model][1].items()}
    peaks = [found[name]["peak_memory_bytes"] for name in ("BP", "BP+MP", "BP+MP+Z2", "BP+MP+Z3")]
    assert peaks == sorted(peaks, reverse=True)
    assert found["BP+MP"]["compute_s"] < min(found["BP"]["compute_s"], found["MP"]["compute_s"])
