"""Goals: rank, value, and what they refuse."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopart.search import MCTS, AtMost, Budget, Goal, Goals, Minimise, SearchError, Weighted
from tests.search.games import TableGame

NAMES = ("memory_bytes", "runtime_s", "collectives")
FIT_THEN_FAST = Goals([AtMost("memory_bytes", 100.0), Minimise("runtime_s")], NAMES)
ALL = Goals(
    [
        AtMost("memory_bytes", 100.0),
        AtMost("collectives", 8.0),
        Minimise("runtime_s"),
        Minimise("memory_bytes"),
    ],
    NAMES,
)

figures = st.one_of(st.floats(0.0, 1e12), st.integers(0, 200).map(float))
measurements = st.tuples(figures, figures, figures)


@pytest.mark.parametrize(
    ("metrics", "rank"),
    [
        ((50.0, 3.0, 0.0), (0.0, 3.0)),
        ((100.0, 3.0, 0.0), (0.0, 3.0)),
        ((150.0, 1.0, 0.0), (0.5, 1.0)),
        ((300.0, 1.0, 0.0), (2.0, 1.0)),
    ],
)
def test_rank_is_relative_excess_then_metric(metrics: tuple[float, float, float], rank: tuple[float, float]) -> None:
    assert FIT_THEN_FAST.rank(metrics) == rank


@pytest.mark.parametrize(
    ("metrics", "value"),
    [
        ((100.0, 2.0, 0.0), 0.75),  # fits, as fast as the root: 1/2 + 1/2 * 2 / (2 + 2)
        ((100.0, 6.0, 0.0), 0.625),  # three times slower: 1/2 + 1/2 * 2 / (2 + 6)
        ((100.0, 0.0, 0.0), 1.0),
        ((200.0, 0.0, 0.0), 0.5 / (1 + math.log(2))),  # an excess of 1
        ((math.inf, 0.0, 0.0), 0.0),
    ],
)
def test_value_by_hand(metrics: tuple[float, float, float], value: float) -> None:
    assert FIT_THEN_FAST.value(metrics, reference=(400.0, 2.0, 0.0)) == pytest.approx(value, rel=1e-12)


def test_each_limit_halves_what_is_left() -> None:
    goals = Goals([AtMost("memory_bytes", 100.0), AtMost("collectives", 8.0)], NAMES)
    reference = (400.0, 2.0, 16.0)
    assert goals.value((100.0, 9.0, 16.0), reference) == pytest.approx(0.5 + 0.25 / (1 + math.log(2)))
    assert goals.value((100.0, 9.0, 8.0), reference) == 1.0


def test_a_reference_of_zero_counts_as_one() -> None:
    goals = Goals([Minimise("runtime_s")], NAMES)
    assert goals.value((0.0, 3.0, 0.0), reference=(0.0, 0.0, 0.0)) == 0.25


@given(a=measurements, b=measurements, reference=measurements)
def test_value_never_rises_with_rank(
    a: tuple[float, float, float], b: tuple[float, float, float], reference: tuple[float, float, float]
) -> None:
    better, worse = sorted((a, b), key=ALL.rank)
    assert 0 <= ALL.value(worse, reference) <= ALL.value(better, reference) <= 1


@given(violating=measurements, fitting=measurements, excess=st.floats(1e-6, 1e6))
def test_a_violated_limit_is_worth_less_than_any_fit(
    violating: tuple[float, float, float], fitting: tuple[float, float, float], excess: float
) -> None:
    violating = (100.0 * (1 + excess), *violating[1:])
    fitting = (min(fitting[0], 100.0), *fitting[1:])
    reference = (400.0, 2.0, 3.0)
    assert FIT_THEN_FAST.value(violating, reference) < FIT_THEN_FAST.value(fitting, reference)


@given(limit=st.floats(1e-300, 1e300), factor=st.floats(0.5, 2.0))
def test_at_most_is_satisfied_exactly_up_to_its_limit(limit: float, factor: float) -> None:
    for measured in (limit, limit * factor, math.nextafter(limit, math.inf), math.nextafter(limit, 0.0)):
        assert (AtMost("memory_bytes", limit).cost(measured) == 0) == (measured <= limit)


@pytest.mark.parametrize(
    ("metrics", "satisfied", "binding"),
    [
        ((101.0, 1.0, 9.0), False, "memory_bytes"),
        ((100.0, 1.0, 9.0), False, "collectives"),
        ((100.0, 1.0, 8.0), True, "runtime_s"),
    ],
)
def test_what_binds(metrics: tuple[float, float, float], satisfied: bool, binding: str) -> None:
    assert ALL.satisfied(metrics) is satisfied
    assert ALL.binding(metrics) == binding


def test_nothing_binds_when_every_limit_is_respected_and_nothing_is_minimised() -> None:
    assert Goals([AtMost("memory_bytes", 100.0)], NAMES).binding((1.0, 1.0, 1.0)) == ""


@pytest.mark.parametrize("limit", [-1.0, math.nan, math.inf])
def test_a_limit_is_finite_and_not_negative(limit: float) -> None:
    with pytest.raises(SearchError, match="limit must be a finite number, 0 or more"):
        AtMost("memory_bytes", limit)


@pytest.mark.parametrize(
    ("goals", "message"),
    [
        ([], "no goals"),
        ([Minimise("runtme_s")], r"runtme_s.*it measures memory_bytes, runtime_s, collectives"),
        ([Minimise("runtime_s"), AtMost("memory_bytes", 1.0)], "would never bind: put limits first"),
    ],
)
def test_goals_that_make_no_sense(goals: list[Goal], message: str) -> None:
    with pytest.raises(SearchError, match=message):
        Goals(goals, NAMES)


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ((1.0, 2.0), "2 figures for 3 names"),
        ((1.0, math.nan, 2.0), "runtime_s = nan"),
        ((-1.0, 1.0, 2.0), "memory_bytes = -1.0"),
    ],
)
def test_measurements_that_make_no_sense(metrics: tuple[float, ...], message: str) -> None:
    with pytest.raises(SearchError, match=message):
        FIT_THEN_FAST.check(metrics)


def test_a_metric_without_a_goal_may_be_anything() -> None:
    FIT_THEN_FAST.check((1.0, 1.0, math.nan))


def test_a_limit_of_zero_counts_the_excess_itself() -> None:
    assert [AtMost("collectives", 0.0).cost(measured) for measured in (0.0, 1.0, 3.0)] == [0.0, 1.0, 3.0]


weights = st.dictionaries(st.sampled_from(NAMES), st.floats(1e-3, 1e3), min_size=1)
limits = st.lists(st.builds(AtMost, st.sampled_from(NAMES), st.one_of(st.just(0.0), st.floats(1e-3, 1e12))), max_size=3)
least = st.one_of(st.builds(Minimise, st.sampled_from(NAMES)), st.builds(Weighted, weights))
compositions = st.tuples(limits, st.lists(least, max_size=2)).map(lambda both: [*both[0], *both[1]]).filter(bool)
roots = st.tuples(*[st.floats(1e-3, 1e12)] * 3)


@given(goals=compositions, a=measurements, b=measurements, root=roots)
def test_value_follows_rank_in_every_composition(
    goals: list[Goal], a: tuple[float, ...], b: tuple[float, ...], root: tuple[float, ...]
) -> None:
    bound = Goals(goals, NAMES).relative_to(root)
    better, worse = sorted((a, b), key=bound.rank)
    assert 0 <= bound.value(worse, root) <= bound.value(better, root) <= 1


@given(goals=compositions, a=measurements, more=measurements, root=roots)
def test_no_rank_falls_where_every_metric_grows(
    goals: list[Goal], a: tuple[float, ...], more: tuple[float, ...], root: tuple[float, ...]
) -> None:
    bound = Goals(goals, NAMES).relative_to(root)
    assert bound.rank(a) <= bound.rank([one + other for one, other in zip(a, more, strict=True)])


@given(goals=compositions, a=measurements, root=roots)
def test_what_is_violated_binds(goals: list[Goal], a: tuple[float, ...], root: tuple[float, ...]) -> None:
    bound = Goals(goals, NAMES).relative_to(root)
    violated = bound.violated(a)
    assert bound.satisfied(a) == (violated is None)
    assert violated is None or bound.binding(a) == violated[0].metric
    assert bound.binding(a) in ("", *NAMES)


def test_a_weighted_sum_by_hand() -> None:
    goal = Weighted({"runtime_s": 0.7, "memory_bytes": 0.3}, {"memory_bytes": 200.0})
    goals = Goals([goal], NAMES).relative_to((999.0, 2.0, 5.0))
    assert goals.rank((100.0, 1.0, 0.0)) == pytest.approx((0.7 * 1 / 2 + 0.3 * 100 / 200,))
    assert goals.rank((100.0, 1.0, 0.0)) == goals.rank((100.0, 1.0, 7.0))
    assert goals.binding((100.0, 1.0, 0.0)) == "runtime_s"
    assert goals.binding((1000.0, 1.0, 0.0)) == "memory_bytes"
    assert goals.value((999.0, 2.0, 5.0), (999.0, 2.0, 5.0)) == 0.5


def test_a_search_takes_what_is_left_open_from_its_root() -> None:
    """Relative to the root state 2 is better, by plain sums state 1."""
    game = TableGame({0: {1: 1, 2: 2}}, {0: (1000.0, 1.0), 1: (500.0, 1.0), 2: (800.0, 0.5)}, ("bytes", "seconds"))
    relative = Goals([Weighted({"bytes": 1.0, "seconds": 1.0})], game.metric_names)
    assert MCTS().run(game, relative, Budget(10)).best_actions == (2,)
    plain = Goals([Weighted({"bytes": 1.0, "seconds": 1.0}, {"bytes": 1.0, "seconds": 1.0})], game.metric_names)
    assert MCTS().run(game, plain, Budget(10)).best_actions == (1,)


@pytest.mark.parametrize(
    ("weights", "scales", "message"),
    [
        ({}, {}, "Weighted: no weights"),
        ({"runtime_s": 0.0}, {}, "weight of 'runtime_s' is 0.0: must be positive"),
        ({"runtime_s": math.nan}, {}, "must be positive and finite"),
        ({"runtime_s": 1.0}, {"runtime_s": -1.0}, "scale of 'runtime_s' is -1.0"),
        ({"runtime_s": 1.0}, {"memory_bytes": 1.0}, "'memory_bytes' has a scale and no weight"),
    ],
)
def test_weights_that_make_no_sense(weights: dict[str, float], scales: dict[str, float], message: str) -> None:
    with pytest.raises(SearchError, match=message):
        Weighted(weights, scales)


def test_a_measurement_of_zero_is_no_scale() -> None:
    goals = Goals([Weighted({"collectives": 1.0, "runtime_s": 1.0})], NAMES)
    with pytest.raises(SearchError, match=r"'collectives' is 0 where the search starts.*give one"):
        goals.relative_to((1.0, 1.0, 0.0))
    with pytest.raises(SearchError, match="has no scale yet"):
        goals.rank((1.0, 1.0, 0.0))
