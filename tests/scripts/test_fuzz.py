"""The fuzzer: a fixed slice of it, and that it finds and shrinks a fault that was planted."""

from __future__ import annotations

import json
from types import MappingProxyType

import pytest

from autopart.benchmarks.fuzz.generate import generate
from autopart.benchmarks.fuzz.program import FuzzProgram, Input, Statement
from autopart.benchmarks.fuzz.shrink import shrink
from autopart.benchmarks.fuzz.snippet import snippet
from autopart.benchmarks.fuzz.trial import Outcome, run_program
from autopart.sharding.rules import reduction, table
from autopart.sharding.rules.rule import Kind
from scripts.fuzz import main

PROGRAMS = 40
SEED = 2


def test_a_slice_of_random_programs_keeps_both_laws(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--programs", str(PROGRAMS), "--seed", "1", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (figures["programs"], figures["faults"], figures["crashes"]) == (PROGRAMS, 0, 0)
    assert figures["states"] == 2 * PROGRAMS
    found = figures["collectives"]
    assert min(found["all_gather"], found["all_reduce"]) > PROGRAMS
    assert min(found["reduce_scatter"], found["all_to_all"], figures["conflicts"]) > 0
    assert {"scan", "while", "cond", "jit"} <= set(figures["regions"])
    assert len(figures["primitives"]) > 70


def test_programs_are_the_same_for_the_same_seed() -> None:
    first, again, other = generate((3, 5)), generate((3, 5)), generate((3, 6))
    assert first == again
    assert first.source != other.source


@pytest.fixture(scope="module")
def planted() -> Outcome:
    """The first failure when maxima over tiles are summed."""
    with pytest.MonkeyPatch.context() as patch:
        broken(patch)
        found = (run_program(SEED, number) for number in range(60))
        outcome = next(outcome for outcome in found if outcome.verdict)
        assert outcome.failed is not None
        outcome.failed = shrink(outcome.failed, outcome.verdict, seconds=40)
    return outcome


def broken(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(table, "RULES", MappingProxyType({**table.RULES, "reduce_max": reduction.reduce(Kind.SUM)}))


def test_a_planted_fault_is_found_and_shrunk(planted: Outcome) -> None:
    assert not planted.crashed
    assert planted.failed is not None
    whole = generate((SEED, planted.number))
    assert len(planted.failed.program.statements) <= len(whole.statements) // 2
    assert len(planted.failed.program.outputs) < len(whole.outputs)
    assert len(planted.failed.rows) == 1
    assert list(planted.failed.axes.values()) == [2]


def test_the_printed_test_fails_as_long_as_the_fault_is_there(planted: Outcome) -> None:
    assert planted.failed is not None
    names: dict[str, object] = {}
    exec(compile(snippet(planted.failed, planted.verdict), "snippet", "exec"), names)
    test = names["test_fuzz"]
    assert callable(test)
    test()
    with pytest.MonkeyPatch.context() as patch:
        broken(patch)
        with pytest.raises(AssertionError):
            test()


def test_what_no_output_needs_is_pruned() -> None:
    inputs = (Input("x1", "jnp.ones(3)"), Input("x2", "jnp.ones(3)"))
    statements = (Statement("v1 = x1 + 1", ("v1",), ("",)), Statement("v2 = x2 + 1", ("v2",), ("",)))
    program = FuzzProgram(inputs, statements, ("v2",), ("x1", "x2")).pruned()
    assert program.inputs == inputs[1:]
    assert program.statements == statements[1:]
    assert program.donate_argnums == (0,)


@pytest.mark.parametrize("wrong", [["--workers", "0"], ["--programs", "0"], ["--start", "-1"]])
def test_numbers_that_make_no_sense_are_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(wrong)
    assert "must" in capsys.readouterr().err
