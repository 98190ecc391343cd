"""What grows with a program looks at each item a bounded number of times: lines run, not seconds, are counted."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autopart
from autopart.benchmarks.trace_scaling import barriers, conditions, leaves
from autopart.costmodel.mesh import Mesh
from autopart.emit.jit import constrained
from autopart.emit.lower import lower
from autopart.emit.spmd import spmd
from autopart.partitioning.jax_mesh import abstract_mesh
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.step import Step
from autopart.program.trace import path_name, trace, trace_step
from tests.autopart.tiny import array
from tests.examples import examples

ROOT = str(Path(autopart.__file__).parent)
SMALL = 12


def lines_run(work: Callable[[], object]) -> int:
    """How many lines of this package a piece of work runs; each turn of a comprehension counts as one."""
    count, around = 0, sys.gettrace()

    def look(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith(ROOT):
            return None
        count += event == "line"
        return look

    sys.settrace(look)
    try:
        work()
    finally:
        sys.settrace(around)
    return count


def emitted(step: Step) -> None:
    """Everything from the function to both programs that are emitted."""
    state = State(Problem.of(trace_step(step), Mesh({"data": 2}, "cpu")))
    program, devices = lower(state), abstract_mesh(state.problem.mesh)
    for emit in (spmd, constrained):
        jax.make_jaxpr(emit(program, devices))(*step.args)


def alone(count: int) -> Step:
    """Every leaf a donated argument of its own."""

    def step(*trees: Any) -> Any:
        return [{name: leaf + 1.0 for name, leaf in tree.items()} for tree in trees]

    return Step(step, tuple({f"w{i}": array(2)} for i in range(count)), tuple(range(count)))


def switch(count: int) -> Step:
    """One condition of so many cases."""

    def step(x: Any, case: Any) -> Any:
        return jax.lax.switch(case, [lambda x, k=k: x * float(k + 2) for k in range(count)], x)

    return Step(step, (array(8), jax.ShapeDtypeStruct((), jnp.int32)))


def check_growth(work: Callable[[Step], object], program: Callable[[int], Step]) -> None:
    """From twice to four times the size as much more is done for each item as from once to twice."""
    work(program(3))  # What is done once in a process.
    steps = [program(count) for count in (SMALL, 2 * SMALL, 4 * SMALL)]
    one, two, four = (lines_run(partial(work, step)) for step in steps)
    assert four - two <= 2.1 * (two - one), (one, two, four)


PROGRAMS = [leaves, conditions, barriers, alone, switch]


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_trace_of_twice_the_program_is_twice_the_work(program: Callable[[int], Step]) -> None:
    check_growth(trace_step, program)


@pytest.mark.parametrize("program", PROGRAMS)
def test_emitting_twice_the_program_is_twice_the_work(program: Callable[[int], Step]) -> None:
    check_growth(emitted, program)


NAMES = st.sampled_from("abc")
LEAVES = st.sampled_from([array(2), array(3), array(2, dtype="int32")])
TREES = st.recursive(LEAVES, lambda inner: st.dictionaries(NAMES, inner, max_size=3) | st.lists(inner, max_size=3))


@examples(150)
@given(args=st.lists(TREES, max_size=4), out=st.lists(TREES, max_size=4), data=st.data())
def test_each_output_is_carried_by_the_first_argument_that_suits_it(args: Any, out: Any, data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(args), max_size=3)) if args else []
    donated = data.draw(st.sets(st.integers(0, len(args) - 1))) if args else set()
    results = [*out, *chosen]

    def step(*_: Any) -> Any:
        return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), results)

    graph = trace(step, *args, donate_argnums=tuple(donated))
    assert [output.carried for output in graph.outputs] == carried_by(args, sorted(donated), results)


def carried_by(args: list[Any], donated: list[int], results: list[Any]) -> list[int]:
    """What ``trace`` says of carried leaves, by comparing everything with everything."""
    leaves_of = [jax.tree_util.tree_flatten_with_path(arg)[0] for arg in args]
    begins = [sum(len(one) for one in leaves_of[:position]) for position in range(len(args))]
    outputs = jax.tree_util.tree_flatten_with_path(results)[0]
    carried, free = [-1] * len(outputs), list(donated)
    begin = 0
    for first, part in [(0, results), *((None, part) for part in results)]:
        at, size = (0 if first == 0 else begin), len(jax.tree.leaves(part))
        begin += 0 if first == 0 else size
        if size and all(number < 0 for number in carried[at : at + size]):
            same = [
                p for p in free
                if bool(jax.tree.structure(args[p]) == jax.tree.structure(part))  # type: ignore[operator]
                and all(a == b for a, b in zip(jax.tree.leaves(args[p]), jax.tree.leaves(part), strict=True))
            ]  # fmt: skip
            if same:
                carried[at : at + size] = range(begins[same[0]], begins[same[0]] + size)
                free.remove(same[0])
    loose = [(begins[p] + k, path, leaf) for p in free for k, (path, leaf) in enumerate(leaves_of[p])]
    for number, (path, leaf) in enumerate(outputs):
        tails = {path_name(path), path_name(path[1:])} - {""}
        match = [one for one in loose if path_name(one[1]) in tails and one[2] == leaf]
        if match and carried[number] < 0:
            carried[number] = match[0][0]
            loose.remove(match[0])
    return carried
