"""Compilation of plain numeric functions to machine code, cached on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from autopart.costmodel.kernel_cache import keep_code

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F, **options: Any) -> _F:
    """Compiles a function with numba under ``options``; the code is kept on disk, see ``kernel_cache``."""
    dispatcher = numba.njit(**options)(function)
    keep_code(dispatcher, [__name__.partition(".")[0], function.__module__.partition(".")[0]])
    return cast(_F, dispatcher)


def kernel(function: _F) -> _F:
    """Compiles a function over numbers and numpy arrays with numba, and keeps its type for checkers.

    The compiled code is kept on disk, so that a second process does not compile again. The result is a numba
    dispatcher: other kernels may call it, and ``result.py_func`` is the function as written.
    """
    return compiled(function)
