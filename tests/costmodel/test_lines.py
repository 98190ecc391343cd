"""Lines: sums, the slowest of several, and the fastest for each number of bytes."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopart.costmodel.lines import FREE, Line, fastest, one_after_another, side_by_side

lines = st.builds(Line, st.floats(0.0, 1e-3), st.floats(1e-13, 1e-9))
ways = st.lists(lines, min_size=1, max_size=6).map(fastest)
nbytes = st.floats(0.0, 1e12)


def best(lines: tuple[Line, ...], nbytes: float) -> float:
    return min(line.at(nbytes) for line in lines)


def test_a_line_that_is_never_the_fastest_is_left_out() -> None:
    # 1 + 3b and 3 + b meet at b = 1, at 4; 2.5 + 2b takes 4.5 there, 2 + 2b meets both there, 1.5 + 2b passes below.
    ends = [Line(1.0, 3.0), Line(3.0, 1.0)]
    assert fastest([*ends, Line(2.5, 2.0)]) == tuple(ends)
    assert fastest([*ends, Line(2.0, 2.0)]) == tuple(ends)
    assert fastest([*ends, Line(1.5, 2.0)]) == (ends[0], Line(1.5, 2.0), ends[1])
    assert fastest([Line(1.0, 1.0), Line(2.0, 1.0), Line(1.0, 2.0)]) == (Line(1.0, 1.0),)


@given(st.lists(lines, min_size=1, max_size=6), nbytes)
def test_leaving_out_changes_no_time(each: list[Line], nbytes: float) -> None:
    kept = fastest(each)
    assert set(kept) <= set(each)
    assert best(kept, nbytes) == pytest.approx(min(line.at(nbytes) for line in each), rel=1e-12)
    assert [line.s_per_byte for line in kept] == sorted((line.s_per_byte for line in kept), reverse=True)


@given(ways, ways, nbytes)
def test_steps_add_up_or_wait(one: tuple[Line, ...], other: tuple[Line, ...], nbytes: float) -> None:
    a, b = best(one, nbytes), best(other, nbytes)
    assert best(one_after_another(one, other), nbytes) == pytest.approx(a + b, rel=1e-12)
    assert best(side_by_side(one, other), nbytes) >= max(a, b) * (1 - 1e-12)
    assert best(side_by_side(one, other), nbytes) <= (a + b) * (1 + 1e-12)


def test_shares_and_nothing() -> None:
    assert Line(1.0, 4.0).of_share(0.25).at(3.0) == 1.0 + 3.0
    assert one_after_another() == FREE
    assert all(line.at(nbytes) == 0.0 for line, nbytes in product(FREE, (0.0, 1e9)))
