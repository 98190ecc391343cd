"""Building large programs without Python's garbage collector looking through them again and again."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def paused_collection() -> Iterator[None]:
    """Pauses the collection of reference cycles, also as a decorator.

    What traces, prepares or lowers a program makes some hundred thousand objects that stay; each full collection
    on the way looks at all of them, and frees next to nothing. That was a third of the time.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
