"""Writes the text of a random program, statement by statement, and knows the type of all that it has written."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np

from autopart.benchmarks.fuzz.program import FILE, Input, Statement, namespace
from autopart.benchmarks.fuzz.variable import Variable, draw_text, dtype_text, epsilon

LARGEST = 4096
"""Elements of the largest value."""

_BUDGET = {False: 1e-5, True: 4e-2}
_TAME = 4.0

T = TypeVar("T")


class NoFitError(Exception):
    """Nothing written so far fits what a family needs; another family is tried."""


@dataclass(frozen=True)
class Family:
    """A kind of statement.

    Attributes:
        weight: how often it is tried, relative to the others.
        write: adds one statement to what a writer writes, or raises ``NoFitError``.
        smooth: whether it may stand in a function that is differentiated.
        deepest: depth of the functions within functions in which it may stand.
    """

    weight: float
    write: Callable[[Writer], object]
    smooth: bool = False
    deepest: int = 9


@dataclass
class Script:
    """What all writers of one program share.

    Attributes:
        rng: the dice.
        coarse: whether bfloat16 may occur.
        sizes: dimensions that inputs are made of.
        families: what may be written.
        inputs: arguments so far.
        values: name -> the traced value.
        count: names given so far.
    """

    rng: np.random.Generator
    coarse: bool
    sizes: tuple[int, ...]
    families: Sequence[Family]
    inputs: list[Input] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=namespace)
    count: int = 0

    def name(self, letter: str) -> str:
        """A name that is not taken."""
        self.count += 1
        return f"{letter}{self.count}"


class Writer:
    """Writes one function: the program itself (``letter`` is ``v``), or the body of a region.

    Args:
        script: the program.
        letter: first letter of the names of results.
        pool: what may be read.
    """

    def __init__(self, script: Script, letter: str, pool: Sequence[Variable]) -> None:
        self.script = script
        self.rng = script.rng
        self.letter = letter
        self.pool = list(pool)
        self.made: list[Variable] = []
        self.statements: list[Statement] = []
        self.depth = 0
        self.smooth = False

    def write(self, count: int) -> None:
        """Adds up to ``count`` statements of any family that fits."""
        fits = [f for f in self.script.families if self.depth <= f.deepest and (f.smooth or not self.smooth)]
        weights = np.array([f.weight for f in fits])
        for _ in range(5 * count):
            if len(self.statements) >= count:
                break
            with suppress(NoFitError):
                fits[int(self.rng.choice(len(fits), p=weights / weights.sum()))].write(self)

    def choice(self, options: Sequence[T]) -> T:
        """One of the options."""
        if not options:
            raise NoFitError
        return options[int(self.rng.integers(len(options)))]

    def integer(self, low: int, high: int) -> int:
        """A number in ``low..high-1``."""
        return int(self.rng.integers(low, high))

    def chance(self, share: float) -> bool:
        """True in that share of cases."""
        return bool(self.rng.random() < share)

    def pick(self, fits: Callable[[Variable], bool]) -> Variable:
        """A value that fits, rather a late one.

        Raises:
            NoFitError: there is none.
        """
        found = [v for v in self.pool if not v.is_key and fits(v)]
        late = found[-6:]
        return self.choice(late if self.chance(0.6) else found)

    def input(self, dtype: Any, shape: tuple[int, ...], low: int = -9, high: int = 10) -> Variable:
        """A new argument of the program, which any function in it may read."""
        script = self.script
        name = script.name("x")
        script.inputs.append(Input(name, draw_text(dtype, shape, script.count, low, high)))
        script.values[name] = eval(script.inputs[-1].draw, namespace())
        return Variable(name, shape, script.values[name].dtype, 3.0)

    def emit(self, text: str, size: float = 0.0, noise: float = 0.0) -> Variable:
        """Assigns the expression ``text`` to a new name; what is too large is scaled down.

        ``size`` and ``noise`` describe its elements (see ``Variable``).

        Raises:
            NoFitError: the result is too large an array, or rounding could show in it.
        """
        return self.emit_all((), text, 1, size, noise)[0]

    def emit_all(
        self, before: Sequence[str], text: str, results: int, size: float = 0.0, noise: float = 0.0
    ) -> list[Variable]:
        """Assigns the ``results`` parts of an expression, after the lines ``before``."""
        self._check_noise(noise)
        if results == 1 and size > 2 * _TAME:
            shrink = 2.0 ** -math.ceil(math.log2(size / _TAME))
            text, size, noise = f"({text}) * {shrink}", size * shrink, noise * shrink
        names = [self.script.name(self.letter) for _ in range(results)]
        lines = [*before, f"{', '.join(names)} = {text}"]
        return self._add("\n".join(lines), names, size, noise)

    def _check_noise(self, noise: float) -> None:
        if noise > _BUDGET[self.script.coarse]:
            raise NoFitError

    def _add(self, text: str, names: list[str], size: float, noise: float) -> list[Variable]:
        values = dict(self.script.values)
        exec(compile(text, FILE, "exec"), values)
        made = []
        for name in names:
            value = values[name]
            inexact = jnp.issubdtype(value.dtype, jnp.inexact)
            made.append(Variable(name, value.shape, value.dtype, size if inexact else 0.0, noise if inexact else 0.0))
        if any(v.count > LARGEST or v.rank > 5 or 0 in v.shape for v in made):
            raise NoFitError
        self.script.values.update((name, values[name]) for name in names)
        draws = tuple(draw_text(v.dtype, v.shape, self.script.count, 0, 3) for v in made)
        self.statements.append(Statement(text, tuple(names), draws))
        self.pool += made
        self.made += made
        return made

    def rounded(self, dtype: Any, size: float, *noises: float) -> float:
        """Noise of a result of that size that is made of parts with these noises and rounded once more."""
        return sum(noises) + epsilon(dtype) * size

    def body(self, parameters: Sequence[Variable], closes: bool = True) -> Writer:
        """A writer of a function over ``parameters`` that may read what is outside too, if it ``closes`` over it."""
        for v in parameters:
            self.script.values[v.name] = jnp.zeros(v.shape, v.dtype)
        inner = Writer(self.script, "w", [*(self.pool[-4:] if closes else ()), *parameters, *parameters])
        inner.depth, inner.smooth = self.depth + 1, self.smooth
        return inner

    def parameter(self, like: Variable, shape: tuple[int, ...] | None = None) -> Variable:
        """A name for a parameter of a body that holds what ``like`` holds."""
        where = like.shape if shape is None else shape
        return Variable(self.script.name("w"), where, like.dtype, like.size, like.noise)

    def lines(self) -> list[str]:
        """What was written, for the inside of a function."""
        return [f"    {line}" for s in self.statements for line in s.text.splitlines()]


def cast_text(v: str, dtype: Any) -> str:
    """An explicit conversion."""
    return f"lax.convert_element_type({v}, {dtype_text(dtype)})"
