"""How many examples a property is tried on: few and always the same, or many new ones in ``scripts/soak.sh``."""

from __future__ import annotations

import os
from typing import Final

from hypothesis import settings

SOAK: Final = "AUTOPART_SOAK"
"""The variable that says how many times as many examples there are to be; unset: 1."""


def factor() -> int:
    """How many times as many examples as by default.

    Raises:
        ValueError: the variable is no whole number of at least 1.
    """
    text = os.environ.get(SOAK, "1")
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{SOAK}={text}: must be a whole number of at least 1")
    return int(text)


def examples(count: int) -> settings:
    """Settings of a property whose examples are dear: ``count`` of them by default."""
    return settings(max_examples=count * factor())


def load_profile() -> None:
    """What properties begin with: no deadline, for no law speaks of time; the same examples, but for a soak."""
    settings.register_profile("steady", deadline=None, derandomize=True, database=None)
    settings.register_profile("soak", deadline=None, database=None, print_blob=True, max_examples=100 * factor())
    settings.load_profile("steady" if factor() == 1 else "soak")
