"""IT32 with multi-query attention: one head of keys and values serves all heads of queries (arXiv 1911.02150).

The cache is a 32nd of that of `it32`, and has no heads by which it could be split. Sizes are those of `it32` but for
the batch, which is ours: sequences for each of 32 devices.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from autopart.benchmarks.models import it32
from autopart.benchmarks.models.presets import configure
from autopart.program.step import Step

PRESETS: Final = MappingProxyType(
    {
        "full": replace(it32.PRESETS["full"], kv_heads=1, batch=64),
        "tiny": replace(it32.PRESETS["tiny"], kv_heads=1),
    }
)
"""Configurations by name."""


def step(preset: str = "full", **overrides: Any) -> Step:
    """Returns the decode loop of a preset ("full" or "tiny"), see `it32.step`.

    Raises:
        ValueError: an unknown preset or field, or a value that does not fit.
    """
    return it32.decode_step(configure(PRESETS, preset, overrides))
