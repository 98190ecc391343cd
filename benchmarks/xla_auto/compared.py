"""Asks both of a program, one after the other, and has both answers compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autopart.benchmarks.accuracy.compilers import JIT, SPMD, Product
from autopart.benchmarks.accuracy.description import Description
from autopart.benchmarks.xla_auto import searched, solver
from autopart.benchmarks.xla_auto.asking import NoAnswerError, ask, ask_once
from autopart.benchmarks.xla_auto.environment import requirements
from autopart.benchmarks.xla_auto.figures import Figures, figures_of
from autopart.benchmarks.xla_auto.rows import Row
from autopart.benchmarks.xla_auto.worker import COMPILE, SEARCH, SOLVE


@dataclass(frozen=True)
class Asking:
    """How both are asked.

    Attributes:
        python: the environment's interpreter.
        cache: folder of answers.
        simulations, seed: of our search.
        options: of XLA's compiler, see ``solver.options_of``.
        timeout_s: seconds that one question may take.
        again: ask XLA even if its answer is known, for its time.
        say: is told what is being done.
    """

    python: Path
    cache: Path
    simulations: int
    seed: int
    options: dict[str, Any]
    timeout_s: float
    again: bool
    say: Callable[[str], None]


def compare(programs: Sequence[Description], how: Asking) -> Iterator[Row]:
    """A row for each program, as soon as it is there.

    Raises:
        NoAnswerError: our own search ended without an answer.
    """
    for number, program in enumerate(programs, 1):
        yield _Comparison(program, replace(how, say=_prefixed(how.say, f"{number} of {len(programs)}: "))).row()


def _prefixed(say: Callable[[str], None], prefix: str) -> Callable[[str], None]:
    return lambda text: say(prefix + text)


class _Comparison:
    """One program; what goes wrong is noted."""

    def __init__(self, program: Description, how: Asking) -> None:
        self._program, self._how = program, how
        self._faults: list[str] = []

    def row(self) -> Row:
        theirs, ours = self._theirs(), self._ours()
        program = replace(self._program, tactics=ours.tactics)
        compiled = {emit: figures for emit in (JIT, SPMD) if (figures := self._compiled(program, emit)) is not None}
        metrics = tuple(program.plan().metrics.values())
        return Row(program, program.problem, ours, metrics, compiled, theirs, tuple(self._faults))

    def _theirs(self) -> tuple[solver.Answer, Figures] | None:
        how, name = self._how, self._program.name
        how.say(f"{name}: XLA's solver (minutes)")
        question = {
            "ask": SOLVE, "program": self._program.to_json(), "options": how.options,
            "text": self._program.problem.graph.fingerprint(), "installed": requirements(),
        }  # fmt: skip
        try:
            found = ask_once(how.python, question, how.timeout_s, how.cache, how.again)
        except NoAnswerError as none:
            self._faults.append(f"{name}: XLA: {none}")
            return None
        answer = solver.Answer.from_json(found)
        return answer, figures_of(answer.product, self._program.mesh)

    def _ours(self) -> searched.Answer:
        how = self._how
        how.say(f"{self._program.name}: autopart's search")
        question = {"ask": SEARCH, "program": self._program.to_json()}
        limits = {"simulations": how.simulations, "seed": how.seed}
        return searched.Answer.from_json(ask(how.python, {**question, **limits}, how.timeout_s))

    def _compiled(self, program: Description, emit: str) -> Figures | None:
        how, name = self._how, self._program.name
        how.say(f"{name}: compiling plan.{emit}()")
        question = {"ask": COMPILE, "program": program.to_json(), "emit": emit, "cache": str(how.cache)}
        try:
            product = Product(**ask(how.python, question, how.timeout_s))
        except NoAnswerError as none:
            self._faults.append(f"{name}: plan.{emit}(): {none}")
            return None
        if product.refused:
            self._faults.append(f"{name}: plan.{emit}(): {product.text}")
            return None
        return figures_of(product, program.mesh)
