"""The schedule as source: it runs, and gives the same state again."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopart.benchmarks.schedules import EXPERTS
from autopart.partitioning.state import State
from autopart.tactics.as_source import Note, schedule_source
from autopart.tactics.manual import FIRST_DIVISIBLE_DIM, REPLICATED, Atomic, Manual, Tactic, apply_schedule
from tests.autopart.tiny import game_of, play, tiny
from tests.examples import examples


def written_and_read(schedule: tuple[Tactic, ...]) -> list[Tactic]:
    text = schedule_source(schedule, {"batch": 4, "model": 2}, [Note("", "a note")] * len(schedule))
    assert max(len(line) for line in text.splitlines()) <= 120
    space: dict[str, list[Tactic]] = {}
    exec(compile(text, "schedule.py", "exec"), space)  # Our own text.
    return space["SCHEDULE"]


@pytest.mark.parametrize("model", ["t32", "mlp"])
@examples(30)
@given(seed=st.integers(0, 10**6))
def test_the_source_of_any_schedule_gives_its_state_again(model: str, seed: int) -> None:
    game = game_of(tiny(model))
    play(game, seed, most=8)
    read = written_and_read(game.tactics())
    assert read == list(game.tactics())
    state = State(tiny(model))
    apply_schedule(state, read)
    assert state.key() == game.key()


@pytest.mark.parametrize("model", ["t32", "mlp"])
def test_experts_are_written_as_they_are(model: str) -> None:
    for schedule in EXPERTS[model][1].values():
        assert written_and_read(schedule) == list(schedule)


quotes = st.text("ab'\"\\{}*,\n", min_size=1, max_size=6)
dims = st.sampled_from([0, 1, -1, FIRST_DIVISIBLE_DIM, REPLICATED])


@given(st.lists(
    st.builds(Manual, st.dictionaries(quotes, dims, max_size=9), st.just("data"), st.just("with a name"))
    | st.builds(Atomic, st.lists(quotes, max_size=9).map(tuple), st.just("data")),
    max_size=3,
).map(tuple))  # fmt: skip
def test_any_pattern_is_written_so_that_it_reads_back(schedule: tuple[Tactic, ...]) -> None:
    assert written_and_read(schedule) == list(schedule)


def test_names_come_back_and_run_nothing() -> None:
    schedule = (Manual({"batch": 0}, "batch", "data\nimport os # parallel'"), Atomic(("batch",), "batch", "whole"))
    assert [tactic.name for tactic in written_and_read(schedule)] == [tactic.name for tactic in schedule]
    text = schedule_source(schedule[1:], {"batch": 4}, [Note("a: 0\nraise SystemExit", "a note\nraise SystemExit")])
    exec(compile(text, "schedule.py", "exec"), {})


def test_it_imports_the_tactics_only_and_says_what_each_does() -> None:
    schedule = (Manual({"batch": FIRST_DIVISIBLE_DIM}, "batch", "data parallel"), Atomic(("params/embed",), "batch"))
    text = schedule_source(schedule, {"batch": 16, "model": 2}, [Note("", "1 GiB"), Note("", "2 GiB")])
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [(node.module, [n.name for n in node.names]) for node in imports if isinstance(node, ast.ImportFrom)] == [
        ("autopart", ["Atomic", "FIRST_DIVISIBLE_DIM", "Manual"]),
    ]  # fmt: skip
    assert "batch=16, model=2" in text
    assert 'name="data parallel"' in text
    assert text.index("# -> 1 GiB") < text.index("Atomic((") < text.index("# -> 2 GiB")


def test_no_tactics_is_an_empty_list() -> None:
    assert written_and_read(()) == []
