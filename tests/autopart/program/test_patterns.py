"""Patterns: what they match, that a cover is exact, and what a wrong one is told."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autopart.errors import TacticError
from autopart.program.patterns import cover, matcher, select, starify
from tests.autopart.tiny import tiny

NAMES = ("params/embed", "params/layers/0/mlp/up", "params/layers/1/mlp/up", "params/layers/1/scale", "batch")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("batch", ["batch"]),
        ("params/*", ["params/embed"]),
        ("params/layers/*/mlp/up", ["params/layers/0/mlp/up", "params/layers/1/mlp/up"]),
        ("params/**", list(NAMES[:4])),
        ("**/up", list(NAMES[1:3])),
        ("**/batch", ["batch"]),
        ("params/**/scale", ["params/layers/1/scale"]),
        ("params/**/embed", ["params/embed"]),
        ("params/layers/{0,2}/**", ["params/layers/0/mlp/up"]),
        ("{batch,params/{embed,layers/*/scale}}", ["params/embed", "params/layers/1/scale", "batch"]),
        ("params/layers/1", ["params/layers/1/mlp/up", "params/layers/1/scale"]),
        ("**", list(NAMES)),
    ],
)
def test_select(pattern: str, found: list[str]) -> None:
    assert list(select(pattern, NAMES)) == found


@pytest.mark.parametrize(("pattern", "near"), [("params/layers/*/mlp/op", "params/layers/*/mlp/up"), ("bach", "batch")])
def test_a_pattern_that_matches_nothing_is_told_the_near_misses(pattern: str, near: str) -> None:
    with pytest.raises(TacticError, match=r"matches no argument\. Near misses: ") as error:
        select(pattern, NAMES)
    assert str(error.value).partition("Near misses: ")[2].split(", ")[0] == near


def test_a_strange_pattern_still_names_what_there_is() -> None:
    with pytest.raises(TacticError, match="Near misses: batch, params/embed"):
        select("zzzz", NAMES)


@pytest.mark.parametrize("pattern", ["{a,b", "a}", "}{", "{{a}"])
def test_braces_must_match(pattern: str) -> None:
    with pytest.raises(TacticError, match="the braces do not match"):
        select(pattern, NAMES)


def test_a_name_in_full_selects_itself_whatever_is_in_it() -> None:
    names = ("p/a*", "p/ab", "p/{x,y}", "p/x", "p/a,b", "p/.", "p/q")
    for name in names:
        assert select(name, names) == (name,)
    assert select("p/a,c", (*names, "p/a,c/d")) == ("p/a,c/d",)


def test_starify() -> None:
    assert starify("opt_state/0/mu/layers/12/w2") == "opt_state/*/mu/layers/*/w2"


component = st.sampled_from(["a", "b", "0", "1", "2", "w.x", "up"])
path = st.lists(component, min_size=1, max_size=4).map("/".join)


@given(all_names=st.lists(path, min_size=1, max_size=14, unique=True), data=st.data())
def test_a_cover_is_exact(all_names: list[str], data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(all_names), min_size=1, unique=True))
    pattern = cover(names, all_names)
    assert pattern is not None
    assert set(select(pattern, tuple(all_names))) == set(names)


@given(all_names=st.lists(st.text("ab/*{},", min_size=1, max_size=5), min_size=2, max_size=6, unique=True))
def test_a_cover_is_exact_or_refused_where_names_have_characters_of_patterns(all_names: list[str]) -> None:
    names = all_names[: len(all_names) // 2 + 1]
    pattern = cover(names, all_names)
    if pattern is None:
        assert any(set(name) & set("*{},") for name in names)
    else:
        assume(len(names) > 1 and pattern not in all_names)
        assert set(select(pattern, tuple(all_names))) == set(names)


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["l/0/w", "l/1/w", "l/2/w"], "l/*/w"),
        (["l/0/w", "l/1/w"], "l/{0,1}/w"),
        (["l/0/w"], "l/0/w"),
        (["l/0/w", "l/0/b", "l/1/w", "l/1/b", "l/2/w", "l/2/b"], "l/*/*"),
        (["l/0/w", "l/1/b"], "{l/0/w,l/1/b}"),
        (["l/0/w", "l/1/w", "l/2/w", "embed"], "{l/*/w,embed}"),
    ],
)
def test_a_cover_is_short(names: list[str], pattern: str) -> None:
    everything = ["embed", *(f"l/{i}/{name}" for i in range(3) for name in "wb")]
    assert cover(names, everything) == pattern


def test_the_groups_of_a_model_are_covered_exactly() -> None:
    for model in ("t32", "mlp"):
        names = tuple(tiny(model).argument_ops)
        for group in tiny(model).groups:
            assert select(group.pattern, names) == group.names


def test_a_matcher_takes_other_characters_as_they_are() -> None:
    assert matcher("a.b+/(c)").fullmatch("a.b+/(c)")
    assert not matcher("a.b").fullmatch("axb")
