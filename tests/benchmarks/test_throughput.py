"""The throughput benchmark: honest playouts, and the document that it prints."""

from __future__ import annotations

import json

import numpy as np
import pytest

from autopart.benchmarks.throughput import FOLDED, PARTS, WHOLE, games_of, main, play_out, problem_of_t32


@pytest.mark.parametrize("name", [FOLDED, WHOLE])
def test_a_playout_ends_where_it_began_and_repeats(name: str) -> None:
    game = games_of(problem_of_t32(6))[name]
    before = game.key(), game.metrics()
    depths = []
    for _ in range(2):
        rng, parts = np.random.default_rng(4), np.zeros(len(PARTS))
        depths.append([play_out(game, rng, parts) for _ in range(10)])
        assert (game.key(), game.metrics()) == before
        assert (parts > 0).all()
    assert depths[0] == depths[1]
    assert set(depths[0]) <= set(range(1, 9))


def test_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--layers", "1", "6", "--seconds", "0.05", "--json"]) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    whole, folded = document[WHOLE], document[FOLDED]
    assert set(whole["seconds_per_state"]) == {"1", "6"}
    assert set(folded["seconds_per_state"]) == {"6"}
    assert folded["ops"]["6"] < whole["ops"]["6"]
    assert document["states_per_s"] == pytest.approx(1 / whole["seconds_per_state"]["1"])
    ratio = folded["seconds_per_state"]["6"] / whole["seconds_per_state"]["1"]
    assert document["deepest_over_shallowest"] == pytest.approx(ratio)
    assert set(whole["parts_s"]["1"]) == set(PARTS)
    parts = folded["parts_s"]["6"]
    counted = parts["propagate"] + parts["evaluate"] + parts["undo"]
    assert folded["seconds_per_state"]["6"] == pytest.approx(counted)


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "examples:" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--seconds", "0"])
