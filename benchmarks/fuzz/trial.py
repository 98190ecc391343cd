"""One random program judged in several random states."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from autopart.benchmarks.fuzz.generate import generate
from autopart.benchmarks.fuzz.judge import Subject, fault, subject_of
from autopart.benchmarks.fuzz.program import FuzzProgram
from autopart.benchmarks.fuzz.states import Row, problem_on, random_rows, state_of
from autopart.emit.lower import by_kind, lower
from autopart.partitioning.conflicts import conflicts_of
from autopart.partitioning.state import State
from autopart.program.graph import Graph

MESHES: tuple[Mapping[str, int], ...] = ({"a": 8}, {"a": 4}, {"a": 2, "b": 4}, {"a": 4, "b": 2},
                                         {"a": 2, "b": 2, "c": 2})  # fmt: skip
STATES = 2
"""Random states of each program."""

_ACTIONS = (2, 10)
_RARE_SHARE = 0.4
REGIONS = ("scan", "while", "cond", "jit", "remat2", "checkpoint", "custom_jvp_call", "custom_vjp_call")
"""Primitives that hold a function."""


@dataclass(frozen=True)
class Trial:
    """A program in one state: what a failure is shrunk from.

    Attributes:
        program: the program.
        axes: mesh.
        rows: the steps, an action each.
    """

    program: FuzzProgram
    axes: dict[str, int]
    rows: tuple[Row, ...]

    def subject(self) -> Subject:
        """The program, traced and run whole."""
        return subject_of(self.program.function(), self.program.arguments(), self.program.donate_argnums)

    def verdict(self) -> str:
        """What is wrong: a broken law, or a crash; empty if nothing."""
        case = self.subject()
        try:
            return quiet_fault(state_of(problem_on(case.graph, self.axes), list(self.rows)), case)
        except Exception as error:
            return crash_text(error)


@dataclass
class Outcome:
    """What became of a program.

    Attributes:
        number: which program of its seed.
        states: how many of its states were judged.
        verdict, failed: what was wrong, and in which trial.
        conflicts: ops in conflict, in all states.
        collectives: how many of each kind stand in the partitioned programs.
        primitives, regions: how often each occurs in the program, inside of functions too.
    """

    number: int
    states: int = 0
    verdict: str = ""
    failed: Trial | None = None
    conflicts: int = 0
    collectives: Counter[str] = field(default_factory=Counter)
    primitives: Counter[str] = field(default_factory=Counter)
    regions: Counter[str] = field(default_factory=Counter)

    @property
    def crashed(self) -> bool:
        """Whether an exception was raised rather than a law broken."""
        return self.verdict.startswith("crash")


def crash_text(error: BaseException) -> str:
    """How an exception is told, without what differs from run to run."""
    first = str(error).strip().splitlines()[:1]
    return f"crash: {type(error).__name__}: {first[0][:300] if first else ''}"


def quiet_fault(state: State, case: Subject) -> str:
    """The judge, without warnings of primitives that are kept whole."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fault(state, case)


def primitives_of(jaxpr: Any) -> Iterator[str]:
    """Names of all primitives of a jaxpr and of the functions in it."""
    for eqn in jaxpr.eqns:
        yield eqn.primitive.name
        for inner in jax.tree.leaves(list(eqn.params.values()), is_leaf=lambda x: hasattr(x, "eqns")):
            if hasattr(inner, "eqns"):
                yield from primitives_of(inner)


def _meshes(graph: Graph) -> list[Mapping[str, int]]:
    """The meshes whose every axis divides a dimension of some argument; others are refused."""
    shapes = [graph.values[argument.value].shape for argument in graph.arguments]
    sizes = {size for shape in shapes for size in shape if size}
    return [mesh for mesh in MESHES if all(any(d % axis == 0 for d in sizes) for axis in mesh.values())]


def run_program(seed: int, number: int) -> Outcome:
    """Generates program ``number`` of ``seed`` and judges it in its random states; stops at the first failure."""
    outcome = Outcome(number)
    program = generate((seed, number))
    function, args = program.function(), program.arguments()
    outcome.primitives.update(primitives_of(jax.make_jaxpr(function)(*args)))
    outcome.regions.update({name: n for name, n in outcome.primitives.items() if name in REGIONS})
    rng = np.random.default_rng((seed, number, 1))
    rows: list[Row] = []
    axes: dict[str, int] = {}
    try:
        case = subject_of(function, args, program.donate_argnums)
        meshes = _meshes(case.graph)
        for _ in range(STATES if meshes else 0):
            axes, rows = dict(meshes[int(rng.integers(len(meshes)))]), []
            state = State(problem_on(case.graph, axes))
            rows = random_rows(state, rng, int(rng.integers(*_ACTIONS)), _RARE_SHARE)
            outcome.conflicts += len(conflicts_of(state.problem).of(state))
            outcome.collectives.update(by_kind(lower(state).collective_counts()))
            outcome.states += 1
            if verdict := quiet_fault(state, case):
                outcome.verdict, outcome.failed = verdict, Trial(program, axes, tuple(rows))
                break
    except Exception as error:
        outcome.verdict, outcome.failed = crash_text(error), Trial(program, axes, tuple(rows))
    return outcome
