"""Compilation of plain numeric functions to machine code, cached on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_F = TypeVar("_F", bound=Callable[..., Any])


def kernel(function: _F) -> _F:
    """Compiles a function over numbers and numpy arrays with numba, and keeps its type for checkers.

    The compiled code is cached on disk beside the function's file, so a second process does not compile
    again. The result is a numba dispatcher: other kernels may call it, and ``result.py_func`` is the
    function as written.
    """
    return cast(_F, numba.njit(cache=True)(function))
