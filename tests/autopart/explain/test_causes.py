"""Every collective has a cause, and goes when its cause goes."""

from __future__ import annotations

import pytest

from autopart.explain.causes import causes_of
from autopart.explain.subject import Action, Subject
from autopart.explain.without import Stand, removal, stands_of, without
from benchmarks.schedules import EXPERTS
from tests.autopart.tiny import tiny

CASES = [
    (model, name)
    for model in ("mlp", "t32", "t32_scan", "it32", "unet", "gns", "moe", "llama3_8b")
    for name in EXPERTS[model][1]
]


def caused_by(subject: Subject, action: Action) -> set[Stand]:
    """Where the collectives stand that are said to be caused by an action, axis by axis."""
    found: set[Stand] = set()
    for move in subject.program.collectives():
        axes = {cause.axis for cause in causes_of(subject, move) if cause.action == action}
        found |= {stand for stand in stands_of(subject, move) if stand[2] in axes}
    return found


def stands(subject: Subject) -> set[Stand]:
    return {stand for move in subject.program.collectives() for stand in stands_of(subject, move)}


@pytest.mark.parametrize(("model", "name"), CASES)
def test_what_an_action_caused_goes_with_it(model: str, name: str) -> None:
    subject = Subject(tiny(model), EXPERTS[model][1][name])
    for move in subject.program.collectives():
        assert {cause.axis for cause in causes_of(subject, move)} == set(move.axes)
    for action in subject.actions:
        asked, left = caused_by(subject, action), without(subject, action.number)
        for stand in asked & stands(left):  # Some other action tiles the same now, and without it too they are gone.
            standing_in = {other for other in left.actions if stand in caused_by(left, other)}
            assert standing_in
            bare = left
            for other in sorted(standing_in, key=lambda a: -a.number):
                bare = without(bare, other.number)
            assert stand not in stands(bare)


@pytest.mark.parametrize("name", ["BP", "MP", "BP+MP", "BP+MP+Z2", "BP+MP+Z3"])
def test_in_a_perceptron_no_other_action_stands_in(name: str) -> None:
    subject = Subject(tiny("mlp"), EXPERTS["mlp"][1][name])
    for action in subject.actions:
        assert not caused_by(subject, action) & stands(without(subject, action.number))


def test_a_stand_in_is_named() -> None:
    subject = Subject(tiny("moe"), EXPERTS["moe"][1]["BP+EP+Z3"])
    action = next(a for a in subject.actions if a.name == "data parallel")
    moves = [m for m in subject.program.collectives() if any(c.action == action for c in causes_of(subject, m))]
    change = removal(subject, action, moves, ["batch"])
    assert [a.name for a in change.stays] == ["ZeRO-3"]
    assert change.stays[0] in subject.actions  # As it is numbered in the schedule as it was.
    assert 0 < change.gone < sum(len(stands_of(subject, m)) for m in moves)
