"""Explanations where people look at them: a notebook and ``print`` show what the terminal does."""

from __future__ import annotations

import io

import pytest
from IPython.core.formatters import PlainTextFormatter
from rich.console import Console

from autopart.benchmarks.schedules import EXPERTS
from autopart.explain.collective_rows import Collectives
from autopart.explain.tensors import Tensors
from autopart.plan.plan import Plan, plan_of
from autopart.text.readable import Readable, show
from tests.autopart.tiny import tiny


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_of(tiny("t32"), EXPERTS["t32"][1]["BP+MP+Z3"])


def in_a_notebook(answer: object) -> str:
    return str(PlainTextFormatter()(answer))


def on_a_terminal(answer: Readable) -> str:
    file = io.StringIO()
    show(Console(file=file, width=112, emoji=False, highlight=False), answer.parts())
    return "\n".join(line.rstrip() for line in file.getvalue().rstrip().split("\n"))


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (None, ("What binds", "Tactic by tactic", "Collectives, dearest first", "At the memory peak")),
        (
            "ar1",
            ("ar1: all_reduce over model", "cause    on model: tactic 2", "avoid    without tactic 2", "it is gone"),
        ),
        ("params/layers/*/attn/qkv", ("params/layers/*/attn/qkv (×2): float32", "on batch: dimension 0, by tactic 3")),
        ("all_gather:batch", ("Collectives, dearest first", "all_gather", "params/layers/*/mlp/up")),
        ("transformer.py:218", ("made     dot_general at transformer.py:218",)),
    ],
)
def test_a_notebook_and_print_show_what_the_terminal_does(plan: Plan, target: str | None, said: tuple[str]) -> None:
    answer = plan.explain(target)
    text = in_a_notebook(answer)
    assert text == str(answer) == on_a_terminal(answer)
    for words in said:
        assert words in text
    for raw in ("Explanation(", "Collective(", "Place(", "Origin("):
        assert raw not in text


def test_why_not_is_shown_as_its_sentences(plan: Plan) -> None:
    answer = plan.why_not(plan_of(plan.problem, EXPERTS["t32"][1]["BP"]))
    assert in_a_notebook(answer) == str(answer) == "\n".join(answer.sentences)


def test_answers_of_several_are_sequences_whose_parts_can_be_read(plan: Plan) -> None:
    collectives, tensors = plan.explain("all_gather:batch"), plan.explain("params/layers/*/attn/qkv")
    assert isinstance(collectives, Collectives)
    assert {one.kind for one in collectives} == {"all_gather"}
    assert in_a_notebook(collectives[0]).startswith(f"{collectives[0].id}: all_gather over batch of ")
    assert isinstance(tensors, Tensors)
    assert tensors[0].axes[0].origin is not None
    assert in_a_notebook(tensors) == "\n\n".join(in_a_notebook(tensor) for tensor in tensors)
