"""The throughput benchmark: honest playouts, and the document that it prints."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.throughput import PARTS, game_of_t32, main, play_out


def test_a_playout_ends_where_it_began_and_repeats() -> None:
    game = game_of_t32(1)
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
    assert main(["--layers", "1", "2", "--seconds", "0.05", "--json"]) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(document["seconds_per_state"]) == {"1", "2"}
    assert document["states_per_s"] == pytest.approx(1 / document["seconds_per_state"]["1"])
    assert set(document["parts_s"]["1"]) == set(PARTS)
    parts = document["parts_s"]["2"]
    counted = parts["propagate"] + parts["evaluate"] + parts["undo"]
    assert document["seconds_per_state"]["2"] == pytest.approx(counted)


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "examples:" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--seconds", "0"])
