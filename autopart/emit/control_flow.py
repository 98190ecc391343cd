"""Loops and conditions of a graph as JAX's own, whatever is run inside of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import jax

from autopart.program import BRANCH_JOIN, COND, ENTER, LOOP_CARRY, SCAN, SCAN_SLICE, SCAN_STACK, Control, Graph, Op

E = TypeVar("E")


@dataclass(frozen=True)
class Interpreter(Generic[E]):
    """How an emitter keeps arrays while it runs a program.

    Attributes:
        empty: makes an environment.
        read: environment, op, operand number -> the array that the op reads.
        bind: puts an array into an environment as a value.
        run: runs the ops of a region of a control, given its position among the control's.
        unroll: whether loops are unrolled as the user asked; a body that stands several times has its collectives
            several times.
    """

    empty: Callable[[], E]
    read: Callable[[E, Op, int], Any]
    bind: Callable[[E, int, Any], None]
    run: Callable[[int, E], None]
    unroll: bool


def run_control(graph: Graph, control: Control, env: E, test: Callable[[E], Any], inner: Interpreter[E]) -> None:
    """Runs a control in ``env``: reads what enters, binds what leaves. ``test`` reads ``control.test``."""
    runner = _Runner(graph, control, env, test, inner)
    if control.kind == SCAN:
        runner.scan()
    elif control.kind == COND:
        runner.condition()
    else:
        runner.while_loop()


class _Runner(Generic[E]):
    def __init__(self, graph: Graph, control: Control, env: E, test: Callable[[E], Any], inner: Interpreter[E]) -> None:
        self.graph, self.control, self.env, self.test, self.inner = graph, control, env, test, inner
        self.carries = graph.boundary(control, LOOP_CARRY)
        self.entering: dict[int, list[Op]] = {}
        for op in graph.boundary(control, ENTER):
            self.entering.setdefault(graph.values[op.results[0]].region, []).append(op)

    def _enter(self, number: int) -> E:
        """An environment for a region with all that enters it."""
        env = self.inner.empty()
        for op in self.entering.get(self.control.regions[number], ()):
            self.inner.bind(env, op.results[0], self.inner.read(self.env, op, 0))
        return env

    def _first(self) -> list[Any]:
        return [self.inner.read(self.env, op, 0) for op in self.carries]

    def _with_carry(self, number: int, carry: Sequence[Any]) -> E:
        env = self._enter(number)
        for op, array in zip(self.carries, carry, strict=True):
            self.inner.bind(env, op.results[number], array)
        return env

    def scan(self) -> None:
        slices = self.graph.boundary(self.control, SCAN_SLICE)
        stacks = self.graph.boundary(self.control, SCAN_STACK)

        def body(carry: list[Any], rows: list[Any]) -> tuple[list[Any], list[Any]]:
            env = self._with_carry(0, carry)
            for op, row in zip(slices, rows, strict=True):
                self.inner.bind(env, op.results[0], row)
            self.inner.run(0, env)
            following = [self.inner.read(env, op, 1) for op in self.carries]
            return following, [self.inner.read(env, op, 0) for op in stacks]

        rows = [self.inner.read(self.env, op, 0) for op in slices]
        params = self.control.params if self.inner.unroll else {**self.control.params, "unroll": 1}
        last, stacked = jax.lax.scan(body, self._first(), rows, **params)
        self._leave([*last, *stacked], [op.results[-1] for op in (*self.carries, *stacks)])

    def while_loop(self) -> None:
        def goes_on(carry: list[Any]) -> Any:
            env = self._with_carry(0, carry)
            self.inner.run(0, env)
            return self.test(env)

        def body(carry: list[Any]) -> list[Any]:
            env = self._with_carry(1, carry)
            self.inner.run(1, env)
            return [self.inner.read(env, op, 1) for op in self.carries]

        last = jax.lax.while_loop(goes_on, body, self._first())
        self._leave(last, [op.results[-1] for op in self.carries])

    def condition(self) -> None:
        joins = self.graph.boundary(self.control, BRANCH_JOIN)

        def case(number: int) -> Callable[[], list[Any]]:
            def run() -> list[Any]:
                env = self._enter(number)
                self.inner.run(number, env)
                return [self.inner.read(env, op, number) for op in joins]

            return run

        results = jax.lax.switch(self.test(self.env), [case(n) for n in range(len(self.control.regions))])
        self._leave(results, [op.results[0] for op in joins])

    def _leave(self, arrays: Sequence[Any], values: Sequence[int]) -> None:
        for value, array in zip(values, arrays, strict=True):
            self.inner.bind(self.env, value, array)
