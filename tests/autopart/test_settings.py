"""Configuration values of wrong types are named, not guessed."""

from __future__ import annotations

from typing import Any

import pytest

from autopart.errors import GoalError
from autopart.settings import auto_of, flag, goals_of, mesh_of
from costmodel.mesh import Mesh

SEARCH = {"simulations": 10, "seconds": None, "seed": 0, "prior": "static", "axes": None}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"simulations": "abc"}, "search.simulations='abc'"),
        ({"seconds": "abc"}, "search.seconds='abc'"),
        ({"seed": 1.5}, "search.seed=1.5"),
        ({"axis": "data"}, "no setting search.axis"),
    ],
)
def test_wrong_search_settings(change: dict[str, Any], said: str) -> None:
    with pytest.raises(GoalError, match=said):
        auto_of({**SEARCH, **change})


def test_one_name_is_a_list_of_one() -> None:
    assert auto_of({**SEARCH, "axes": "data"}).axes == ("data",)


def test_wrong_goals_mesh_and_flags() -> None:
    with pytest.raises(GoalError, match=r"goals\.memory_gib='abc'"):
        goals_of({"memory_gib": "abc", "minimise": ["step_s"]}, Mesh({"data": 2}, "cpu"))
    with pytest.raises(GoalError, match=r"mesh\.axes=8"):
        mesh_of({"axes": 8, "device": "cpu"})
    for text in ("no", "off", "maybe"):
        with pytest.raises(GoalError, match="must be true or false"):
            flag({"verify": text}, "verify")
