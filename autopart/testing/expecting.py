"""What is to be raised, without a test framework."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def raises(kind: type[BaseException], match: str = "") -> Iterator[None]:
    """A context that must raise an error of a kind whose message has the pattern.

    Raises:
        AssertionError: nothing is raised, or the message is another.
    """
    try:
        yield
    except kind as error:
        said = str(error)
    else:
        raise AssertionError(f"{kind.__name__} was not raised")
    assert re.search(match, said), f"{said!r} does not match {match!r}"
