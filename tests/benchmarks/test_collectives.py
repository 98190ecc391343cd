"""The table of collectives: the law of each count, agreement, and what happens without it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from autopart.lower import by_kind
from benchmarks import collectives
from benchmarks.collectives import Counts, disagreements, main


@pytest.fixture(scope="module")
def three_layers() -> dict[str, Counts]:
    from rich.console import Console

    return collectives.count_t32(3, Console(stderr=True, quiet=True))


def test_counts_follow_the_number_of_layers(three_layers: dict[str, Counts]) -> None:
    layers = 3
    laws = {  # all_gather, all_reduce, reduce_scatter; with 32 layers these are the published figures.
        "BP": (0, 9 * layers + 2, 0),
        "MP": (0, 4 * layers, 0),
        "BP+MP": (0, 13 * layers + 2, 0),
        "BP+MP+Z2": (4 * layers + 1, 9 * layers + 1, 4 * layers + 1),
        "BP+MP+Z3": (8 * layers + 3, 9 * layers + 1, 4 * layers + 1),
    }
    for name, (gathers, reduces, scatters) in laws.items():
        found = by_kind(three_layers[name].program)
        assert found == {
            "all_gather": gathers, "all_reduce": reduces, "reduce_scatter": scatters, "all_to_all": 0,
            "collective_permute": 0,
        }, name  # fmt: skip


def test_state_program_and_stablehlo_agree(three_layers: dict[str, Counts]) -> None:
    assert all(found.agree for found in three_layers.values())
    assert disagreements(three_layers) == []


def test_a_disagreement_is_told_and_ends_in_failure(
    three_layers: dict[str, Counts], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = three_layers["MP"]
    key = next(iter(good.program))
    bad = Counts(good.decided, good.program + Counter({key: 1}), good.stablehlo)
    monkeypatch.setattr(collectives, "count_t32", lambda layers, console: {"MP": bad})
    assert main([]) == 1
    assert "disagreement: MP: all_reduce over model of" in capsys.readouterr().err


def test_json_is_the_last_line_and_only_when_asked(
    three_layers: dict[str, Counts], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(collectives, "count_t32", lambda layers, console: three_layers)
    assert main(["--layers", "3", "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert document["t32"]["BP"]["all_reduce"] == 29
    assert main(["--layers", "3"]) == 0
    assert "{" not in capsys.readouterr().out


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "examples:" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--layers", "0"])
