"""Packages that only some uses take: the extras of ``setup.cfg``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from autopart.search.errors import SearchError


class MissingExtraError(SearchError, ImportError):
    """A package is not installed that an extra of autopart brings."""


@contextmanager
def extra(name: str, use: str) -> Iterator[None]:
    """Import in it what the extra ``name`` brings; ``use`` is what needs it, in words.

    Raises MissingExtraError, which says what to install.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{use} takes {error.name}, which is not installed. Fix: pip install 'autopart[{name}]'"
        ) from error
