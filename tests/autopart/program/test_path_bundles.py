"""Paths of many layers as few lines."""

from __future__ import annotations

import pytest

from autopart.program.path_bundles import Bundle, bundled


def lines(*rows: tuple[str, str]) -> list[str]:
    return [bundle.line() for bundle in bundled((path, (words,)) for path, words in rows)]


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([("a/0/w", "gone")], ["a/0/w gone"]),
        ([("a/0/w", "gone"), ("a/1/w", "gone")], ["a/*/w (×2, first a/0/w) gone"]),
        ([("a/0/w", "gone"), ("a/1/w", "here")], ["a/0/w gone", "a/1/w here"]),
        ([("o/0/mu/w", "x"), ("o/0/nu/w", "x")], ["o/0/{mu,nu}/w (×2, first o/0/mu/w) x"]),
        ([("a/w", "x"), ("b/v", "x")], ["a/w x", "b/v x"]),
        ([("a/w", "x"), ("a/w/v", "x")], ["a/w x", "a/w/v x"]),
        ([], []),
    ],
)
def test_what_is_alike_is_one_line(rows: list[tuple[str, str]], wanted: list[str]) -> None:
    assert lines(*rows) == wanted


def test_moments_of_many_layers_are_one_line() -> None:
    rows = [(f"opt_state/0/{m}/layers/{n}/w", "x") for m in ("mu", "nu") for n in (4, 5)]
    assert lines(*rows) == ["opt_state/0/{mu,nu}/layers/*/w (×4, first opt_state/0/mu/layers/4/w) x"]


def test_other_layers_are_not_joined_under_one_pattern() -> None:
    rows = [("mu/4/w", "x"), ("mu/5/w", "x"), ("nu/6/w", "x"), ("nu/7/w", "x")]
    assert lines(*rows) == ["mu/*/w (×2, first mu/4/w) x", "nu/*/w (×2, first nu/6/w) x"]


def test_numbers_that_are_alike_stay() -> None:
    assert Bundle(("a/0/1/w", "a/0/2/w"), ()).pattern == "a/0/*/w"
