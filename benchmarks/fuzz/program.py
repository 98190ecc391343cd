"""A random program as source text: what is executed, shrunk and printed is one and the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

FILE = "<fuzz>"
_NAME = re.compile(r"\b[xv]\d+\b")

IMPORTS = (
    "import jax",
    "import jax.numpy as jnp",
    "import numpy as np",
    "from jax import lax",
)  # fmt: skip
"""What the text of a program may use."""


def names_in(text: str) -> frozenset[str]:
    """Names of inputs and results that occur in ``text``."""
    return frozenset(_NAME.findall(text))


@dataclass(frozen=True)
class Input:
    """An argument of a program.

    Attributes:
        name: ``x`` or ``v`` and a number.
        draw: expression that makes its array.
    """

    name: str
    draw: str


@dataclass(frozen=True)
class Statement:
    """A step of a program, whole: with the functions that it hands to a region.

    Attributes:
        text: its lines, the last of which assigns ``results``.
        results: names, in order.
        draws: for each result an expression that makes an array of its kind, or "" where there is none.
    """

    text: str
    results: tuple[str, ...]
    draws: tuple[str, ...]

    @property
    def reads(self) -> frozenset[str]:
        """Names that it takes from before."""
        return names_in(self.text) - set(self.results)


@dataclass(frozen=True)
class FuzzProgram:
    """A function over arrays, and its arguments.

    Attributes:
        inputs: its arguments, in order.
        statements: its body.
        outputs: names that it returns.
        donated: names of the inputs that it may overwrite.
    """

    inputs: tuple[Input, ...]
    statements: tuple[Statement, ...]
    outputs: tuple[str, ...]
    donated: tuple[str, ...] = ()

    def pruned(self) -> FuzzProgram:
        """The program without what no output needs."""
        needed, kept = set(self.outputs), []
        for statement in reversed(self.statements):
            if needed & set(statement.results):
                kept.append(statement)
                needed |= statement.reads
        inputs = tuple(i for i in self.inputs if i.name in needed)
        donated = tuple(name for name in self.donated if name in needed)
        return replace(self, inputs=inputs, statements=tuple(reversed(kept)), donated=donated)

    @cached_property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """The function's lines, each with the statement (its first result) that it belongs to."""
        rows = [(f"def step({', '.join(i.name for i in self.inputs)}):", "")]
        for statement in self.statements:
            rows += [("    " + line, statement.results[0]) for line in statement.text.splitlines()]
        return (*rows, (f"    return {', '.join(self.outputs)}", ""))

    @property
    def source(self) -> str:
        """The function as Python."""
        return "\n".join(line for line, _ in self.lines)

    @property
    def donate_argnums(self) -> tuple[int, ...]:
        """Positions of the donated inputs."""
        return tuple(number for number, i in enumerate(self.inputs) if i.name in self.donated)

    def function(self) -> Callable[..., Any]:
        """The function itself."""
        names = namespace()
        exec(compile(self.source, FILE, "exec"), names)
        made: Callable[..., Any] = names["step"]
        return made

    def arguments(self) -> tuple[Any, ...]:
        """Its arguments."""
        names = namespace()
        return tuple(eval(i.draw, names) for i in self.inputs)


def namespace() -> dict[str, Any]:
    """What ``IMPORTS`` bring."""
    return {"jax": jax, "jnp": jnp, "lax": lax, "np": np}
