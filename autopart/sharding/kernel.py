"""Compilation of kernels over tuples of many arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from autopart.costmodel.kernel import compiled

_F = TypeVar("_F", bound=Callable[..., Any])


def kernel(function: _F) -> _F:
    """As ``autopart.costmodel.kernel.kernel``, but the code counts no references, and so must not make arrays.

    Reading a field of a tuple of arrays, or handing an array to another kernel, costs a counted reference
    elsewhere: more than the work itself in loops as short as ours. The caller holds all arrays anyway.
    Scratch is passed in. Division is the machine's own: by zero it gives infinity, not an exception.
    """
    return compiled(function, error_model="numpy", _nrt=False)
