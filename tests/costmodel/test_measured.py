"""Measured collectives: what lies between, in a profile, and in the table of a mesh."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from autopart.costmodel import (
    ALL_GATHER,
    ALL_REDUCE,
    CostModelError,
    Device,
    Line,
    Link,
    Mesh,
    collective_time,
    device,
    pack_axes,
)
from autopart.costmodel.measured import between, read_lines

LINES = {2: Line(1e-6, 1e-9), 8: Line(3e-6, 5e-9)}
MEASURED = replace(device("cpu"), name="mine", collective_lines={"all_reduce": LINES})


def test_between_and_beyond() -> None:
    assert [between(LINES, n) for n in (2, 8)] == list(LINES.values())
    # Four is half way from two to eight, in rounds.
    assert between(LINES, 4) == pytest.approx(Line(2e-6, 3e-9))
    assert between(LINES, 16) == LINES[8]
    assert between({4: LINES[8]}, 2) == LINES[8]


def test_a_mesh_takes_what_was_measured_over_its_own_links() -> None:
    plain, mesh = (Mesh({"data": 4, "model": 2}, what).links().table for what in ("cpu", MEASURED))
    for axes, line in (([0], Line(2e-6, 3e-9)), ([1], LINES[2]), ([0, 1], LINES[8])):
        assert collective_time(ALL_REDUCE, 1e6, pack_axes(axes), mesh) == pytest.approx(line.at(1e6), rel=1e-12)
    assert collective_time(ALL_REDUCE, 1e6, 0, mesh) == 0.0
    # A kind that was not measured, and links that are not the device's, are as before.
    assert (mesh[:, ALL_GATHER] == plain[:, ALL_GATHER]).all()
    own = {"data": Link(1e9, 0.0)}
    elsewhere = [Mesh({"data": 4, "model": 2}, what, own).links().table for what in ("cpu", MEASURED)]
    assert (elsewhere[0] == elsewhere[1]).all()


def test_comes_back_from_its_document() -> None:
    again = Device.from_json(json.loads(json.dumps(MEASURED.to_json(), sort_keys=True)))
    assert (again, hash(again)) == (MEASURED, hash(MEASURED))
    assert replace(device("cpu"), name="mine") != MEASURED
    assert not hasattr(MEASURED.collective_lines, "__setitem__")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ({"all_slice": {2: (0.0, 1.0)}}, "unknown kind 'all_slice'; there is all_gather, "),
        ({"all_reduce": {2: (0.0,)}}, r"all_reduce must have \[start_s, s_per_byte\]"),
        ({"all_reduce": 3}, "all_reduce must have"),
        ({"all_reduce": {}}, "needs 2 devices or more"),
        ({"all_reduce": {1: (0.0, 1.0)}}, "needs 2 devices or more"),
        ({"all_reduce": {2: (-1.0, 1.0)}}, "seconds above 0"),
    ],
)
def test_wrong_lines_are_refused(lines: Any, message: str) -> None:
    with pytest.raises(CostModelError, match=message):
        read_lines(lines)
