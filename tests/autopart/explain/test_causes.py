"""Every collective has a cause, and goes when its cause goes."""

from __future__ import annotations

import functools

import pytest

from autopart.benchmarks.schedules import EXPERTS
from autopart.costmodel.collectives import ALL_SLICE, KIND_NAMES
from autopart.explain.causes import causes_of
from autopart.explain.removal import Stand, keeping_whole, removal, stands_of, without
from autopart.explain.subject import Action, Subject
from autopart.tactics.manual import Manual
from autopart.tactics.strategies import DataParallel, Megatron, ZeRO3
from tests.autopart.tactics.test_resolve import TORN, problem, side
from tests.autopart.tiny import tiny

CASES = [
    ("mlp", "BP+MP+Z2"), ("t32", "BP+MP+SP+Z3"), ("t32_scan", "BP+MP+Z3"), ("it32", "BP+MP+VOC"),
    ("unet", "BP+SPACE+Z3"), ("gns", "BP+ES+Z3"), ("moe", "BP+EP+MP+Z3"), ("t32", "named"), ("outer", "torn"),
]  # fmt: skip
"""Among them every kind of collective and of tactic: manual, atomic, named strategies, sides of conflicts."""


@functools.cache
def subject_of(model: str, name: str) -> Subject:
    if name == "torn":  # Both sides of the product become a sum where they meet again.
        return Subject(problem(), (*TORN, side(), Manual({"x": 1}, "model")))
    named = (DataParallel("batch"), Megatron("model"), ZeRO3("batch"))
    return Subject(tiny(model), named if name == "named" else EXPERTS[model][1][name])


def test_the_cases_have_every_kind_of_collective_and_of_tactic() -> None:
    subjects = [subject_of(*case) for case in CASES]
    kinds = {move.kind for subject in subjects for move in subject.program.collectives()}
    assert kinds == {*KIND_NAMES} - {KIND_NAMES[ALL_SLICE]}
    tactics = {type(tactic).__name__ for subject in subjects for tactic in subject.schedule}
    assert tactics >= {"Manual", "Atomic", "Resolve", "DataParallel", "Megatron", "ZeRO3"}


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
    subject = subject_of(model, name)
    for move in subject.program.collectives():
        assert {cause.axis for cause in causes_of(subject, move)} == set(move.axes)
    for action in subject.actions:
        asked = caused_by(subject, action)
        if removal(subject, action, [], ()).refused:  # A later tactic settles a conflict that this one made.
            assert name == "torn"
            continue
        left = without(subject, action.number)
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


def test_what_the_action_tiled_besides_is_kept_whole_too() -> None:
    """One Megatron tactic names four weights of a layer: with one of them whole the others bring the same tile."""
    subject = subject_of("t32", "BP+MP")
    move = next(m for m in subject.program.collectives() if m.axes == ("model",))
    [cause] = causes_of(subject, move)
    change = keeping_whole(subject, cause.action, cause.origin.seed, [move], ["model"])
    assert (change.gone, change.stays) == (1, ())
    assert change.kept[0] == cause.origin.seed
    batch = next(m for m in subject.program.collectives() if m.axes == ("batch",))
    [cause] = causes_of(subject, batch)
    change = keeping_whole(subject, cause.action, cause.origin.seed, [batch], ["batch"])
    assert set(change.kept) == {"batch/tokens", "batch/targets"}
    assert (change.gone, change.stays) == (1, ())
