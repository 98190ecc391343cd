"""A step: the function to partition together with the abstract arguments that it is called with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autopart.program.control_flow import ASSUMED_TRIPS


@dataclass(frozen=True)
class Step:
    """A function and the shapes it is called with.

    Attributes:
        fn: the function, as one would hand it to ``jax.jit``.
        args: its positional arguments as pytrees of ``jax.ShapeDtypeStruct`` (or arrays).
        donate_argnums: positions of the arguments whose buffers the step may overwrite.
        inputs: makes real arguments of the same shapes from a seed; needed by verification only.
        while_trips: iterations to assume of a ``while`` whose number cannot be read from the program.
    """

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    donate_argnums: tuple[int, ...] = ()
    inputs: Callable[[int], tuple[Any, ...]] | None = None
    while_trips: int = ASSUMED_TRIPS
